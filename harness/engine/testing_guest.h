// SPDX-License-Identifier: Apache-2.0
// The guest's side, played for tests: an agent that keeps PROTOCOL.md on a simulated kernel, and misbehaves on request.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/engine/lab.h"
#include "harness/vm/fake/fake.h"
#include "harness/wire/message.h"
#include "kexlab/plan.h"

namespace kexlab::engine::testing_guest {

/// A kernel with an agent. A value: a copy is a snapshot.
struct Agent {
  /// Deals with a request instead of the agent; false: the agent answers as ever.
  using Instead = std::function<bool(Agent&, const wire::Message&, vm::FakeWire&)>;

  std::string release = "6.1.0-test";
  std::string cmdline = "console=ttyAMA0";
  std::string nonce;
  std::uint64_t generation = 0;
  std::string boot_id = "b";
  std::uint64_t counter = 1000;                 ///< of the CPU; a switch takes 500 ticks
  std::map<std::string, std::string> files;     ///< what `read` gives
  std::map<std::string, std::string> manifest;  ///< SHA-256 by path, of the files that the initrd unpacked to
  std::optional<Plan> normal, crash;            ///< what is loaded
  std::string changed;                          ///< what a jump changes of the first kernel
  unsigned rounds = 0;                          ///< entries of a witness that comes back, since it was loaded
  std::uint64_t uptime_ns = 5'000'000'000;      ///< a jump takes one second
  Resolver resolve = nullptr;                   ///< of the sources that plans name
  void* resolve_context = nullptr;
  Instead instead;
  /// What the machine does when a load is entered; empty: a kernel comes up, or the witness reports.
  std::function<void(Agent&, const Plan&, vm::FakeWire&)> entered;

  [[nodiscard]] wire::Message facts() const;  ///< what `hello` tells
  void hello(vm::FakeWire& wire) const;
  void received(vm::FakeWire& wire, std::string_view bytes);
  void answer(vm::FakeWire& wire, const wire::Message& request, wire::Message fields) const;
  /// An answer that has `errno` (and value -1 where it is positive).
  void answer_errno(vm::FakeWire& wire, const wire::Message& request, std::int64_t error,
                    std::string_view why = {}) const;
  /// The planned kernel comes up: its command line, its initrd.
  void boot(const Plan& plan, vm::FakeWire& wire);
  /// The answer to `jump`.
  void come_back(vm::FakeWire& wire, const wire::Message& request);
  /// The planned witness finds everything intact and powers the machine off, or is about to go back.
  void report(const Plan& plan, vm::FakeWire& wire) const;

 private:
  void handle(const wire::Message& request, vm::FakeWire& wire);
  void load(const wire::Message& request, vm::FakeWire& wire);
  void read(const wire::Message& request, vm::FakeWire& wire) const;
  void jump(const wire::Message& request, vm::FakeWire& wire);
  void leave(const wire::Message& request, vm::FakeWire& wire);

  wire::Decoder decoder_;
  wire::Assembler assembler_;
};

/// The agent as a guest's script; its boot says a line on the console and then hello.
vm::FakeScript script_of(Agent agent);

/// A target, two small kernels, an agent's binary and a witness image, all made up, and a stage of them. The machine is
/// the one of loader/arch/testdata.
class Lab {
 public:
  Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  ~Lab();

  Bench bench;
  Facts facts;
  /// An agent whose files tell of this machine and whose sources are this lab's.
  [[nodiscard]] Agent agent() const;
  [[nodiscard]] Stage stage(const scenario::Case& what, const Agent& agent) const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  /// The first case of a scenario file, run on a guest with this agent.
  struct Played {
    CaseResult result;
    bool dirty = false;
  };
  [[nodiscard]] Played play(std::string_view yaml, const Agent& agent, vm::Diagnosis diagnosis = {}) const;
  std::filesystem::path coverage;  ///< see Stage::coverage

 private:
  std::filesystem::path folder_;
};

/// The cases of scenario files written in a test.
std::vector<scenario::Case> cases_of(std::string_view yaml);

}  // namespace kexlab::engine::testing_guest
