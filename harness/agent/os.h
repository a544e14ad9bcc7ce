// SPDX-License-Identifier: Apache-2.0
// The few system calls the agent makes all over the place, with EINTR and short counts taken care of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kexlab/bytes.h"

namespace kexlab::agent {

/// A file descriptor that closes itself. -1: none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// Bytes read into `out`, 0 at the end of the file, -1 with errno. At `offset` by pread where it is given.
long read_some(int fd, std::span<std::byte> out, std::optional<std::uint64_t> offset = std::nullopt);
/// Writes everything. 0 or errno.
int write_all(int fd, std::string_view bytes);
/// The first `most` bytes of a file; nothing where it cannot be read.
std::optional<std::string> read_small_file(const char* path, std::size_t most);
/// Writes an existing file in one go. 0 or errno.
int write_small_file(const char* path, std::string_view text);
/// The text without spaces and newlines at its end.
std::string_view trimmed(std::string_view text);
/// "No such file or directory (2)".
std::string error_text(int error);
/// A line on the console, for people: "agent: …". Nothing reads it.
void complain(std::string_view text);
/// Lets the calling task run on this CPU alone, counted from 0. 0 or errno: EINVAL where it is not online.
int run_on_cpu(unsigned cpu);
/// Milliseconds and nanoseconds of CLOCK_MONOTONIC.
std::int64_t now_ms();
std::uint64_t now_ns();

}  // namespace kexlab::agent
