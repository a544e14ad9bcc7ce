// SPDX-License-Identifier: Apache-2.0
// The step that calls kexec_file_load(2): its files laid ready in the guest, what the model is told of them, its
// answer.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"
#include "harness/wire/file_load.h"

namespace kexlab::engine {
namespace {

using model::File;
using model::Signature;

/// A file that every guest has, and what a call finds there.
struct Fixture {
  std::string_view word;
  const char* path;
  File::Kind kind;
  std::uint64_t size;  ///< 0 for files of /proc; the others are not empty
  bool claims_a_page;  ///< is as long as the guest's page, by its own word, and gives less
};
constexpr Fixture fixtures[] = {
    {"directory", "/", File::Kind::other, 0, false},
    {"device", "/dev/null", File::Kind::other, 0, false},
    {"proc", "/proc/version", File::Kind::regular, 0, false},
    // Every file of sysfs tells a page as its size, and has a few bytes. Source: fs/sysfs/file.c.
    {"sysfs", "/sys/kernel/kexec_loaded", File::Kind::regular, 0, true},
};

const Fixture* find_fixture(std::string_view word) {
  auto found =
      std::find_if(std::begin(fixtures), std::end(fixtures), [&](const auto& row) { return row.word == word; });
  return found == std::end(fixtures) ? nullptr : &*found;
}

Bytes encode_edits(const std::vector<scenario::FileSpec::Edit>& edits) {
  Bytes out;
  for (const auto& edit : edits) {
    const std::size_t at = out.size();
    out.resize(at + 12);
    write_int<std::uint64_t>(out, at, edit.at, std::endian::little);
    write_int<std::uint32_t>(out, at + 8, static_cast<std::uint32_t>(edit.bytes.size()), std::endian::little);
    out.insert(out.end(), edit.bytes.begin(), edit.bytes.end());
  }
  return out;
}

/// The copy that the agent makes, as far as the model looks.
void change(File& file, const scenario::FileSpec& spec, std::optional<std::uint64_t> size) {
  if (size) file.size = *size;
  file.head.resize(static_cast<std::size_t>(std::min<std::uint64_t>(File::head_bytes, file.size)));
  for (const auto& edit : spec.edits) {
    file.size = std::max(file.size, edit.at + edit.bytes.size());
    for (std::size_t i = 0; i < edit.bytes.size() && edit.at + i < file.head.size(); ++i)
      file.head[static_cast<std::size_t>(edit.at + i)] = edit.bytes[i];
  }
}

void take(File& file, ByteView contents) {
  file.size = contents.size();
  file.head = to_bytes(contents.first(std::min(contents.size(), File::head_bytes)));
}

/// Where the image's headers tell of a signature, whether it is one that the kernel under test trusts, and still good.
Signature signature_of(const File& file, const scenario::FileSpec& spec, bool trusted) {
  const Signature found = model::unverified_signature(file.head, file.size);
  if (found != Signature::unknown || !trusted) return found;
  return spec.edits.empty() && !spec.size ? Signature::trusted : Signature::broken;
}

/// What the way of opening makes of a file.
void open(File& file, std::string_view how) {
  if (how == "write" || how == "path" || how == "closed") file = File{};
  file.being_written = how == "both" || how == "busy";
}

bool reads(Pointer pointer) { return pointer == Pointer::valid || pointer == Pointer::read_only; }

}  // namespace

// The initrd of kexec_file_load(2) must be one file. The guest's base archive becomes it: the case's own archive is
// appended, which the next restore takes back. So after this step a case cannot load by kexec_load with an initrd.
Verdict CaseRunner::append_to_base(const NextInitrd& initrd) {
  for (std::size_t i = 1; i < initrd.source.pieces.size(); ++i) {  // the first piece is the base itself
    const Piece& piece = initrd.source.pieces[i];
    Bytes bytes = piece.bytes;
    if (piece.kind == Piece::Kind::pattern) {
      bytes.resize(piece.size);
      fill_pattern(piece.seed, piece.offset, bytes);
    }
    wire::Message request{.op = "write"};
    request.set("path", base_in_guest).set("data", ByteView(bytes)).set("append", std::uint64_t{1});
    auto answer = ask(std::move(request));
    if (!answer) return from_error(answer.error());
    if (const auto error = answer->number("errno").value_or(0); error != 0) {
      return {Outcome::error, "the guest could not write its initrd: " + errno_name(static_cast<int>(error)), {}};
    }
  }
  return {};
}

// Once for each kernel that runs: later loads find it there.
Verdict CaseRunner::give_own_initrd() {
  if (own_initrd_) return {};
  constexpr std::uint64_t small_ballast = 4 << 10;  // it travels over the channel, which may be a slow UART
  auto initrd =
      stage_.payload->next_initrd(nonce_, static_cast<unsigned>(hello_.generation) + 1, Cargo{}, small_ballast);
  if (!initrd) return from_error(initrd.error());
  if (auto verdict = append_to_base(*initrd); verdict.outcome != Outcome::passed) return verdict;
  own_initrd_ = std::move(*initrd);
  return {};
}

Result<File> CaseRunner::give_file(const std::string& name, const scenario::FileSpec& spec, wire::Message& request) {
  File file;
  bool trusted = false;
  std::optional<std::uint64_t> size;
  if (spec.from == "none") return file;
  if (spec.size) {
    auto value = value_of(*spec.size);
    if (!value) return tl::unexpected(value.error());
    size = *value;
    request.set(name + "_size", *size);
  }
  file.kind = File::Kind::regular;
  if (const Fixture* fixture = find_fixture(spec.from)) {
    request.set(name, fixture->path);
    file.kind = fixture->kind;
    file.size = fixture->claims_a_page ? facts_->machine.page_size : fixture->size;
    file.short_of_size = fixture->claims_a_page;
  } else if (spec.from == "pipe") {
    file.kind = File::Kind::other;
  } else if (spec.from == "own") {
    request.set(name, base_in_guest);
    file.size = own_initrd_ ? own_initrd_->source.size() : 0;
  } else if (spec.from == "elf") {
    auto agent = stage_.payload->contents(agent_in_guest);
    if (!agent) return tl::unexpected(agent.error());
    request.set(name, agent_in_guest);
    take(file, *agent);
  } else if (spec.from != "zeros") {
    const images::Kernel& kernel = *(spec.from == "self" ? stage_.self : stage_.next);
    const ByteView image = kernel.image.bytes;
    trusted = stage_.self->trusts_itself && kernel.sha256 == stage_.self->sha256;
    request.set(name, spec.from == "self" ? self_in_guest : next_in_guest);
    take(file, image);
  }
  if (!spec.edits.empty()) request.set(name + "_edits", ByteView(encode_edits(spec.edits)));
  request.set(name + "_open", spec.from == "pipe" ? "pipe" : spec.open);
  change(file, spec, size);
  file.signature = signature_of(file, spec, trusted);
  open(file, spec.open);
  return file;
}

Result<model::FileCall> CaseRunner::file_call(const scenario::FileLoadStep& load, const std::string& line,
                                              wire::Message& request) {
  auto kernel = give_file("kernel", load.kernel, request);
  if (!kernel) return tl::unexpected(kernel.error());
  auto initrd = give_file("initrd", load.initrd, request);
  if (!initrd) return tl::unexpected(initrd.error());
  const std::uint64_t length = load.cmdline_len.value_or(line.size() + 1);
  request.set("cmdline", line).set("flags", load.flags).set("cmdline_len", length);
  request.set("cmdline_at", static_cast<std::uint64_t>(load.cmdline_at));
  return model::FileCall{.kernel = std::move(*kernel),
                         .initrd = std::move(*initrd),
                         .cmdline_size = length,
                         .readable = reads(load.cmdline_at) && length <= wire::most_cmdline_bytes,
                         .terminated = length > line.size(),
                         .flags = load.flags};
}

Verdict CaseRunner::on(const scenario::FileLoadStep& load, StepRecord& record) {
  record.what = "kexec_file_load of kernel '" + load.kernel.from + "'";
  candidate_ = Loaded{.kernel = load.kernel.from};
  const bool crash = (load.flags & model::FileCall::on_crash) != 0;
  candidate_->cmdline = command_line(load.cmdline, crash);
  if (load.initrd.from == "own" || load.kernel.from == "own") {
    dirty_ = true;  // a file of the guest's is lengthened
    if (auto verdict = give_own_initrd(); verdict.outcome != Outcome::passed) return verdict;
  }
  if (load.initrd.from == "own") candidate_->initrd = own_initrd_;
  wire::Message request{.op = "file_load"};
  set_credentials(request, load.as);
  if (auto found = facts(); !found) return from_error(found.error());
  auto call = file_call(load, candidate_->cmdline, request);
  if (!call) return from_error(call.error());
  auto now = situation();
  if (!now) return from_error(now.error());
  const auto predicted = model::predict(*now, *call, load.as);
  auto answer = ask(std::move(request));
  if (!answer) return from_error(answer.error());
  // A kernel without the call has done nothing, and its guest is as good for the next case.
  if (answer->number("errno").value_or(0) != ENOSYS) dirty_ = true;
  const bool unload = (load.flags & model::FileCall::unload) != 0;
  auto& slot = crash ? crash_ : normal_;
  if (succeeded(*answer)) {
    result_.figures["file_load_ns"] = static_cast<double>(answer->number("ns").value_or(0));
    slot = unload ? std::nullopt : std::move(candidate_);
  }
  candidate_.reset();
  auto verdict = judge_call_and_state(load.expect, *answer, predicted, record);
  if (!predicted.after.crash_loaded) crash_.reset();
  return verdict;
}

}  // namespace kexlab::engine
