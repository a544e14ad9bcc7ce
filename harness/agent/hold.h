// SPDX-License-Identifier: Apache-2.0
// Holding the kernel's kexec lock: a child whose kexec_load waits in the middle of its copy from user space.
#pragma once

#include <sys/types.h>

#include <deque>
#include <optional>

#include "harness/agent/os.h"
#include "harness/wire/message.h"
#include "kexlab/call.h"

namespace kexlab::agent {

/// The call that is held at present, if any. At most one.
class Hold {
 public:
  Hold() = default;
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { end(); }

  /// Starts the load that a request describes in a child, and waits until the kernel touches a guarded page. Answers
  /// `held`=1; or `held`=0 with the call's `value` and `errno` where it returned without; or refuses after a deadline.
  void start(const wire::Message& request, wire::Message& answer);
  /// Lets the held call go on and answers with its `value`, `errno` and `ns`.
  void release(wire::Message& answer);
  /// Tells that somebody else has waited for this process.
  void reaped(pid_t child);

 private:
  bool start_child(wire::Message& answer);
  bool wait_for_fault(std::int64_t deadline, wire::Message& answer);
  int fill_guarded() const;
  std::optional<wire::Message> next_report(std::int64_t deadline, bool or_fault);
  void end();

  std::optional<MaterialisedCall> call_;
  pid_t child_ = -1;
  Fd reports_;    // read end; the child writes what it is at
  Fd write_end_;  // shared with the child, as all descriptors are
  Fd guard_;      // the userfaultfd of the child's memory
  wire::Decoder decoder_;
  wire::Assembler assembler_;
  std::deque<wire::Message> waiting_;
};

}  // namespace kexlab::agent
