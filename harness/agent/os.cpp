// SPDX-License-Identifier: Apache-2.0
// Thin wrappers over system calls.
#include "harness/agent/os.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kexlab::agent {

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

long read_some(int fd, std::span<std::byte> out, std::optional<std::uint64_t> offset) {
  for (;;) {
    const ssize_t got =
        offset ? pread(fd, out.data(), out.size(), static_cast<off_t>(*offset)) : read(fd, out.data(), out.size());
    if (got >= 0 || errno != EINTR) return static_cast<long>(got);
  }
}

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = write(fd, bytes.data(), bytes.size());
    if (done > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(done));
    } else if (done == 0) {
      return EIO;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

std::optional<std::string> read_small_file(const char* path, std::size_t most) {
  const Fd fd(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.open()) return std::nullopt;
  std::string text(most, '\0');
  std::size_t size = 0;
  while (size < most) {
    const long got = read_some(fd.get(), std::as_writable_bytes(std::span(text)).subspan(size));
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

int write_small_file(const char* path, std::string_view text) {
  const Fd fd(open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
  return fd.open() ? write_all(fd.get(), text) : errno;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

std::string error_text(int error) {
  std::string text = strerror(error);
  text += " (";
  text += std::to_string(error);
  text += ')';
  return text;
}

void complain(std::string_view text) {
  std::string line = "agent: ";
  line += text;
  line += '\n';
  (void)write_all(STDERR_FILENO, line);
}

int run_on_cpu(unsigned cpu) {
  if (cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

}  // namespace kexlab::agent
