// SPDX-License-Identifier: Apache-2.0
// kexec_load through another entry point of the kernel, such as that of 32-bit programs: by a program of that ABI.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/agent/os.h"
#include "harness/wire/message.h"
#include "kexlab/plan.h"

namespace kexlab::agent {

/// A living process of the program caller.cpp, which makes the calls that it is handed. Started by the first of them.
class Caller {
 public:
  explicit Caller(std::string program) : program_(std::move(program)) {}
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() { end(); }

  /// Has the plan's call made `repeat` times and fills the answer as `load` does. Refuses where the program cannot be
  /// started (its ABI is not built into the kernel), ends instead of answering, or cannot express the plan.
  void load(const Plan& plan, std::uint64_t repeat, wire::Message& answer);
  /// Lets go of a process that is the parent's, after a fork.
  void forget();

 private:
  bool start(wire::Message& answer);
  std::optional<wire::Message> reply();
  void end();

  std::string program_;
  pid_t child_ = -1;
  Fd requests_;
  Fd replies_;
};

/// Answers as `load` does, the call made by the guest's program for `abi`. The program lives on for the next call; a
/// forked child, which may have other rights, starts one of its own, with these.
void load_compat(const Plan& plan, wire::Message& answer, std::string_view abi = "compat", std::uint64_t repeat = 1);

}  // namespace kexlab::agent
