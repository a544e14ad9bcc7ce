// SPDX-License-Identifier: Apache-2.0
// Steps that look: what the kernel shows of kexec, files, and whether the kernel that runs is the one that was started.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"

namespace kexlab::engine {
namespace {

// Files that a scenario reads are small; this keeps a broken guest from filling the host's memory.
constexpr std::uint64_t most_read = 1 << 20;

// Signed: limits are -1 where there is none.
std::string number_text(const std::optional<std::uint64_t>& value) {
  return value ? std::to_string(static_cast<std::int64_t>(*value)) : "absent";
}

/// The lines that hold `wanted`; all where nothing is wanted.
std::string lines_with(std::string_view text, const std::string& wanted) {
  if (wanted.empty()) return std::string(text);
  std::string out, line;
  std::istringstream lines{std::string(text)};
  while (std::getline(lines, line)) {
    if (line.find(wanted) != std::string::npos) out.append(line).push_back('\n');
  }
  return out;
}

// What files of /proc and /sys end with is no part of what they say.
std::string_view without_newline(std::string_view text) {
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

std::string shorten(std::string_view text) {
  return text.size() <= 200 ? printable(text) : printable(text.substr(0, 200)) + "...";
}

}  // namespace

Verdict CaseRunner::on(const scenario::StateStep& state, StepRecord& record) {
  record.what = "state in sysfs";
  auto answer = ask(wire::Message{.op = "state"});
  if (!answer) return from_error(answer.error());
  std::string wrong;
  auto check = [&](const char* name, std::optional<std::uint64_t> want) {
    if (!want) return;
    const auto found = answer->number(name);
    record.observed += fmt::format("{}{}={}", record.observed.empty() ? "" : " ", name, number_text(found));
    record.expected += fmt::format("{}{}={}", record.expected.empty() ? "" : " ", name, number_text(want));
    if (found != want)
      wrong += fmt::format("{}{} is {}, expected {}", wrong.empty() ? "" : "; ", name, number_text(found),
                           number_text(want));
  };
  auto flag = [](const std::optional<bool>& value) {
    return value ? std::optional<std::uint64_t>(*value ? 1 : 0) : std::nullopt;
  };
  check("loaded", flag(state.loaded));
  check("crash_loaded", flag(state.crash_loaded));
  check("load_disabled", flag(state.load_disabled));
  for (const auto& [name, wanted] :
       {std::pair("crash_size", &state.crash_size), std::pair("load_limit_reboot", &state.load_limit_reboot),
        std::pair("load_limit_panic", &state.load_limit_panic)}) {
    if (!*wanted) continue;
    if (auto found = facts(); !found) return from_error(found.error());
    auto want = value_of(**wanted);
    if (!want) return from_error(want.error());
    check(name, *want);
  }
  if (wrong.empty()) return {};
  return {Outcome::failed, "the kernel's state is not what the calls before should have left: " + wrong, {}};
}

Verdict CaseRunner::on(const scenario::ReadStep& read, StepRecord& record) {
  record.what = "read " + read.path;
  auto bytes = read_guest_file(session_, read.path, most_read, soon());
  if (!bytes) {
    const bool answered = bytes.error().code == Errc::not_found || bytes.error().code == Errc::io;
    if (!answered) return from_error(bytes.error());
    record.observed = bytes.error().broke;
    record.expected = read.expect.text;
    if (read.expect.kind == scenario::Expectation::Kind::error && errno_name(read.expect.error) == record.observed)
      return {};
    return {Outcome::failed,
            fmt::format("reading {} gave {}, expected {}", read.path, record.observed, record.expected),
            {}};
  }
  const std::string text = lines_with(as_text(*bytes), read.lines);
  record.observed = shorten(text);
  if (read.expect.kind == scenario::Expectation::Kind::error) {
    record.expected = read.expect.text;
    return {Outcome::failed, fmt::format("reading {} worked, expected {}", read.path, read.expect.text), {}};
  }
  return judge_text(read, text, record);
}

Verdict CaseRunner::judge_text(const scenario::ReadStep& read, const std::string& text, StepRecord& record) {
  auto wrong = [&](std::string_view verb, const std::string& want) {
    record.expected = fmt::format("\"{}\"", shorten(want));
    return Verdict{Outcome::failed,
                   fmt::format("{} {} \"{}\", expected \"{}\"", read.path, verb, shorten(text), shorten(want)),
                   {}};
  };
  const std::string_view trimmed = without_newline(text);
  if (read.equals && trimmed != *read.equals) return wrong("holds", *read.equals);
  if (read.contains && text.find(*read.contains) == std::string::npos) {
    record.expected = "... " + *read.contains + " ...";
    return {Outcome::failed,
            fmt::format("{} does not contain \"{}\": \"{}\"", read.path, *read.contains, shorten(text)),
            {}};
  }
  if (!read.same_as.empty() && text != kept_[read.same_as]) return wrong("now holds", kept_[read.same_as]);
  if (!read.keep.empty()) kept_[read.keep] = text;
  return {};
}

Verdict CaseRunner::on(const scenario::WriteStep& write, StepRecord& record) {
  record.what = fmt::format("write \"{}\" to {}", shorten(write.data), write.path);
  dirty_ = true;
  facts_.reset();  // a write may change what the kernel shows of its memory (kexec_crash_size)
  wire::Message request{.op = "write"};
  request.set("path", write.path).set("data", write.data);
  auto answer = ask(std::move(request));
  if (!answer) return from_error(answer.error());
  const int error = static_cast<int>(answer->number("errno").value_or(0));
  const int want = write.expect.kind == scenario::Expectation::Kind::error ? write.expect.error : 0;
  record.observed = error == 0 ? "ok" : errno_name(error);
  record.expected = write.expect.text;
  if (error == want) return {};
  return {Outcome::failed,
          fmt::format("{}: the kernel answered {}, expected {}", record.what, record.observed, record.expected),
          {}};
}

bool CaseRunner::is_protocol_word(std::string_view word) const {
  const Arch* arch = find_arch(stage_.target->name);
  const auto key = word.substr(0, word.find('='));
  auto among = [&](auto words) { return std::find(words.begin(), words.end(), key) != words.end(); };
  return arch != nullptr && (among(arch->cmdline_words) || (started_by_crash_ && among(arch->crash_cmdline_words)));
}

bool CaseRunner::only_protocol_words(std::string_view text) const {
  while (!text.empty()) {
    if (text.front() != ' ') return false;
    text.remove_prefix(1);
    const auto word = text.substr(0, text.find(' '));
    if (!is_protocol_word(word)) return false;
    text.remove_prefix(word.size());
  }
  return true;
}

// Before and behind what was asked for stands what the boot protocol has to say there, nothing else; a crash kernel
// that the kernel itself has loaded from files gets elfcorehdr= before it (arch/x86/kernel/kexec-bzimage64.c,
// setup_cmdline).
bool CaseRunner::arrived(std::string_view line, std::string_view want) const {
  if (started_by_crash_ && line.starts_with("elfcorehdr=") && line.substr(line.find(' ') + 1) == want) return true;
  for (;;) {
    if (line.starts_with(want) && only_protocol_words(line.substr(want.size()))) return true;
    const auto blank = line.find(' ');
    if (!is_protocol_word(line.substr(0, blank))) return false;
    line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
  }
}

Verdict CaseRunner::on(const scenario::CheckStep& check, StepRecord& record) {
  record.what = "facts of the running kernel";
  auto bad = [&](std::string reason) { return Verdict{Outcome::failed, std::move(reason), {}}; };
  if (check.generation && hello_.generation != *check.generation) {
    return bad(fmt::format("this is the kernel of generation {}, expected {}", hello_.generation, *check.generation));
  }
  if (!check.release.empty()) {
    const auto& kernel = kernel_of(check.release, started_by_crash_);
    record.observed = printable(hello_.release);
    record.expected = kernel.release;
    if (kernel.release.empty())
      return {Outcome::error, "the release of kernel '" + kernel.name + "' cannot be read from its image", {}};
    if (hello_.release != kernel.release)
      return bad(fmt::format("release {} runs, expected {}", printable(hello_.release), kernel.release));
  }
  if ((check.cmdline || check.initrd) && !running_) {
    return {Outcome::error, "cmdline and initrd are checked after a switch, and there was none", {}};
  }
  if (check.cmdline && running_) {
    const std::string& want = running_->cmdline;
    if (!arrived(hello_.cmdline, want)) {
      return bad(fmt::format("the command line did not arrive: \"{}\", sent \"{}\"", shorten(hello_.cmdline), want));
    }
  }
  if (check.initrd && running_ && running_->initrd) {
    auto request = wire::Message{.op = "manifest"};
    request.set("path", "/");
    auto answer = ask(std::move(request));
    if (!answer) return from_error(answer.error());
    const Manifest found = parse_manifest(answer->text("data").value_or(""));
    const Manifest& want = running_->initrd->manifest;
    for (const auto& [path, digest] : want) {
      const auto at = found.find(path);
      if (at == found.end()) return bad("the initrd did not arrive whole: " + path + " is missing");
      if (at->second != digest)
        return bad(fmt::format("the initrd did not arrive intact: {} has SHA-256 {}, sent {}", path,
                               printable(at->second), digest));
    }
    record.observed += fmt::format("{}{} files of the initrd intact", record.observed.empty() ? "" : ", ", want.size());
  }
  return {};
}

}  // namespace kexlab::engine
