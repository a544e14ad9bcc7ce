// SPDX-License-Identifier: Apache-2.0
// QEMU never outlives the harness, whatever kills it.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "harness/vm/qemu/descriptor.h"

namespace kexlab::vm {
namespace {

struct Victim {
  pid_t pid = -1;
  FILE* output = nullptr;
};

Victim start_victim() {
  auto pipe = make_pipe();
  if (!pipe) return {};
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(pipe->theirs.get(), STDOUT_FILENO);
    ::execl(KEXLAB_VM_VICTIM, KEXLAB_VM_VICTIM, KEXLAB_VM_PAYLOADS "/payload_x86_64", nullptr);
    ::_exit(127);
  }
  return {pid, ::fdopen(pipe->ours.release(), "r")};
}

/// Whether the process ends within the time. It is not our child: a pidfd becomes readable when it dies.
bool ends_within(const Descriptor& process, int milliseconds) {
  pollfd wait{process.get(), POLLIN, 0};
  return ::poll(&wait, 1, milliseconds) == 1;
}

class Death : public testing::TestWithParam<int> {};

TEST_P(Death, of_the_harness_is_death_of_qemu) {
  Victim victim = start_victim();
  ASSERT_NE(victim.output, nullptr);
  int qemu = 0;
  ASSERT_EQ(std::fscanf(victim.output, "%d", &qemu), 1) << "the victim started no guest";
  const Descriptor watched(static_cast<int>(::syscall(SYS_pidfd_open, qemu, 0)));
  ASSERT_TRUE(watched.is_open());
  EXPECT_FALSE(ends_within(watched, 200)) << "the guest ended before its harness did";

  ::kill(victim.pid, GetParam());
  ::waitpid(victim.pid, nullptr, 0);
  const bool ended = ends_within(watched, 2000);
  EXPECT_TRUE(ended) << "QEMU " << qemu << " outlived its harness";
  if (!ended) ::syscall(SYS_pidfd_send_signal, watched.get(), SIGKILL, nullptr, 0);
  std::fclose(victim.output);
}

INSTANTIATE_TEST_SUITE_P(Signals, Death, testing::Values(SIGKILL, SIGTERM, SIGSEGV),
                         [](const auto& row) { return std::string(::sigabbrev_np(row.param)); });

}  // namespace
}  // namespace kexlab::vm
