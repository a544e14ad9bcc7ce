// SPDX-License-Identifier: Apache-2.0
// kexec_file_load(2) with any arguments: files as they are, changed copies of them, descriptors of every kind.
#include "harness/wire/file_load.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "harness/agent/agent.h"
#include "harness/agent/credentials.h"
#include "harness/agent/os.h"
#include "kexlab/call.h"

namespace kexlab::agent {
namespace {

using wire::Message;

/// A descriptor for the call, and what must stay open beside it.
struct Argument {
  int number = -1;
  Fd file, beside;
};

bool fail_to(std::string_view what, Message& answer) {
  std::string why(what);
  why += ": ";
  why += error_text(errno);
  refuse(answer, why);
  return false;
}

bool copy_bytes(int from, int to, std::uint64_t most) {
  std::array<std::byte, 64 << 10> buffer;
  for (std::uint64_t done = 0; done < most;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), most - done));
    const long got = read_some(from, std::span(buffer).first(want), done);
    if (got < 0) return false;
    if (got == 0) return true;
    const auto part = ByteView(buffer).first(static_cast<std::size_t>(got));
    if (const int error = write_all(to, as_text(part)); error != 0) {
      errno = error;
      return false;
    }
    done += static_cast<std::uint64_t>(got);
  }
  return true;
}

/// Lays each {u64 offset, u32 size, bytes} of `edits` over the file.
bool edit(int fd, ByteView edits) {
  for (std::uint64_t at = 0; at < edits.size();) {
    const auto offset = read_int<std::uint64_t>(edits, at, std::endian::little);
    const auto size = read_int<std::uint32_t>(edits, at + 8, std::endian::little);
    if (!offset || !size || *size > edits.size() - at - 12) {
      errno = EINVAL;
      return false;
    }
    const auto bytes = edits.subspan(at + 12, *size);
    if (pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(*offset)) != static_cast<ssize_t>(*size))
      return false;
    at += 12 + *size;
  }
  return true;
}

/// A changed copy of a file, or of nothing; the caller removes it.
bool make_copy(const std::string& source, const std::string& copy, std::optional<std::uint64_t> size, ByteView edits) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  const Fd out(open(copy.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!out.open()) return false;
  if (!source.empty()) {
    const Fd in(open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in.open() || !copy_bytes(in.get(), out.get(), size.value_or(most))) return false;
  }
  // Lengthened without memory: the bytes behind the copy are a hole.
  if (size && ftruncate(out.get(), static_cast<off_t>(std::min(*size, most))) != 0) return false;
  return edit(out.get(), edits);
}

/// Opens a path as the request's word says.
bool open_as(std::string_view how, const std::string& path, Argument& out) {
  const int flags = how == "write" ? O_WRONLY : how == "both" ? O_RDWR : how == "path" ? O_PATH : O_RDONLY | O_NONBLOCK;
  out.file = Fd(open(path.c_str(), flags | O_CLOEXEC));
  if (!out.file.open()) return false;
  out.number = out.file.get();
  if (how == "busy") {
    out.beside = Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return out.beside.open();
  }
  if (how == "closed") {
    // Far above what is opened later, so that the number stays without a file.
    constexpr int far = 500;
    out.number = fcntl(out.number, F_DUPFD_CLOEXEC, far);
    out.file = Fd(out.number);
    out.file.reset();
  }
  return out.number >= 0;
}

bool open_pipe(Argument& out) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  out.file = Fd(ends[0]);
  out.beside = Fd(ends[1]);
  out.number = ends[0];
  return true;
}

bool open_argument(const Message& request, const std::string& name, Argument& out, Message& answer) {
  const std::string how(request.text(name + "_open").value_or("read"));
  if (how == "pipe") return open_pipe(out) || fail_to("make a pipe", answer);
  const auto size = request.number(name + "_size");
  const auto edits = request.bytes(name + "_edits").value_or(ByteView());
  const bool given = request.text(name).has_value();
  if (!given && !size) return true;
  std::string path;
  if (given) {
    const auto text = required_text(request, name, answer);
    if (!text) return false;
    path = *text;
  }
  const std::string copy = "/tmp/file_load." + name;
  const bool copied = size || !edits.empty();
  const bool made = (!copied || make_copy(path, copy, size, edits)) && open_as(how, copied ? copy : path, out);
  const int error = errno;
  if (copied) unlink(copy.c_str());
  errno = error;
  return made || fail_to("prepare " + name, answer);
}

/// The command line's memory: the text, and zeros to the end of cmdline_len.
Result<MaterialisedCall> make_cmdline(const Message& request, std::uint64_t length) {
  const auto text = request.bytes("cmdline").value_or(ByteView());
  const auto kind = request.number("cmdline_at").value_or(0);
  if (kind > static_cast<std::uint64_t>(Pointer::no_access) || kind == static_cast<std::uint64_t>(Pointer::guarded))
    return fail(Errc::invalid_argument, "make a command line", "no such pointer");
  Segment segment{.name = "cmdline", .pieces = {}, .buf = static_cast<Pointer>(kind)};
  Bytes bytes = to_bytes(text);
  bytes.resize(static_cast<std::size_t>(
      std::max<std::uint64_t>(text.size() + 1, length <= wire::most_cmdline_bytes ? length : std::uint64_t{0})));
  segment.bufsz = bytes.size();
  segment.pieces.push_back(Piece::of(std::move(bytes)));
  Plan plan;
  plan.segments.push_back(std::move(segment));
  return MaterialisedCall::make(plan);
}

void file_load(Agent&, const Message& request, Message& answer) {
  const auto credentials = credentials_of(request, answer);
  Argument kernel, initrd;
  if (!credentials || !open_argument(request, "kernel", kernel, answer) ||
      !open_argument(request, "initrd", initrd, answer)) {
    return;
  }
  const std::uint64_t text = request.bytes("cmdline").value_or(ByteView()).size();
  const std::uint64_t length = request.number("cmdline_len").value_or(text + 1);
  const auto memory = make_cmdline(request, length);
  if (!memory) return refuse(answer, memory.error().str());
  const auto* cmdline = static_cast<const char*>(memory->raw()[0].buf);
  const auto flags = static_cast<unsigned long>(request.number("flags").value_or(0));
  const auto call = [&](Message& report) {
    const CallResult result =
        raw_kexec_file_load(kernel.number, initrd.number, cmdline, static_cast<unsigned long>(length), flags);
    report.set("value", result.value).set("errno", result.error).set("ns", result.nanoseconds);
  };
  call_as(*credentials, call, answer);
}

constexpr Operation operations[] = {{"file_load", true, file_load}};

}  // namespace

std::span<const Operation> file_load_operations() { return operations; }

}  // namespace kexlab::agent
