// SPDX-License-Identifier: Apache-2.0
// Owned file descriptors, by the bare system calls.
#include "harness/vm/qemu/descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace kexlab::vm {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<DescriptorPair> make_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return fail(Errc::io, "make a socket pair", std::strerror(errno), "raise the limit of open files (ulimit -n)");
  }
  return DescriptorPair{Descriptor(fds[0]), Descriptor(fds[1])};
}

Result<DescriptorPair> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return fail(Errc::io, "make a pipe", std::strerror(errno), "raise the limit of open files (ulimit -n)");
  }
  return DescriptorPair{Descriptor(fds[0]), Descriptor(fds[1])};
}

}  // namespace kexlab::vm
