// SPDX-License-Identifier: Apache-2.0
// An owned file descriptor, and the pairs of them that reach from here into QEMU.
#pragma once

#include <utility>

#include "kexlab/error.h"

namespace kexlab::vm {

/// Closes what it holds.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct DescriptorPair {
  Descriptor ours, theirs;
};

/// A stream socket pair; both ends close on exec. Error: io.
Result<DescriptorPair> make_socket_pair();
/// A pipe: we read, they write; both ends close on exec. Error: io.
Result<DescriptorPair> make_pipe();

}  // namespace kexlab::vm
