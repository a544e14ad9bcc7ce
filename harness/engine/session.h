// SPDX-License-Identifier: Apache-2.0
// A conversation with one guest: requests to its agent, and what a landing says, over the guest's two byte streams.
#pragma once

#include <deque>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/engine/console.h"
#include "harness/vm/vm.h"
#include "harness/wire/message.h"
#include "kexlab/error.h"

namespace kexlab::engine {

/// What an agent says of itself when it is up.
struct Hello {
  std::string release, version, machine, cmdline, nonce, boot_id, channel, module_errors;
  std::uint64_t generation = 0;          ///< kexecs since the first boot
  std::uint64_t page_size = 0;           ///< bytes
  std::uint64_t uptime_ns = 0;           ///< CLOCK_BOOTTIME of the kernel that speaks
  std::optional<std::uint64_t> counter;  ///< the CPU's own counter, where the target has one that survives a kexec
};

class Session {
 public:
  Session(vm::Guest& guest, std::stop_token stop) : guest_(guest), stop_(std::move(stop)) {}

  /// Waits for an agent to say that it is up. Errors: timeout, guest_died, cancelled; refused as soon as the last
  /// `send` is answered, which take_answer then gives.
  Result<Hello> wait_hello(vm::Clock::time_point deadline);
  /// Sends a request and waits for its answer. Errors as wait_hello, and protocol where the agent refuses (`why`).
  Result<wire::Message> call(wire::Message request, vm::Clock::time_point deadline);
  /// Waits for the answer to the last `send`, a request `op`. Errors as `call`.
  Result<wire::Message> wait_answer(const std::string& op, vm::Clock::time_point deadline);
  /// Sends a request that ends the kernel; an answer that still comes is kept for `take_answer`.
  Status send(wire::Message request);
  /// What the witness wrote, one payload a record, as it comes; waits for at least one. Errors as wait_hello.
  Result<Bytes> next_witness_record(vm::Clock::time_point deadline);
  /// An answer to the last `send` that came although the kernel was to end; nothing where none came.
  std::optional<wire::Message> take_answer();
  /// Waits for the guest to end by itself. Errors: timeout, cancelled.
  Result<vm::Ended> wait_end(vm::Clock::time_point deadline);

  /// Forgets everything heard; for after a restore.
  void reset();
  ConsoleTail& console() { return console_; }
  [[nodiscard]] const ConsoleTail& console() const { return console_; }
  vm::Guest& guest() { return guest_; }
  /// The CPU's counter as the agent read it just before its last reboot(2), where the target has one.
  [[nodiscard]] std::optional<std::uint64_t> left_at() const { return left_at_; }
  /// How the guest ended, where it did.
  [[nodiscard]] const std::optional<vm::Ended>& ended() const { return ended_; }

 private:
  /// The answer to the last `send`, where it is here; else nullptr.
  [[nodiscard]] const wire::Message* answered() const;
  Status pump(vm::Clock::time_point deadline);
  void take(vm::Output::Stream stream, std::string_view bytes);

  vm::Guest& guest_;
  std::stop_token stop_;
  struct Ear {
    wire::Decoder decoder;
    wire::Assembler assembler;
  } console_ear_, channel_ear_;
  ConsoleTail console_;
  std::deque<wire::Message> messages_;
  std::deque<Bytes> witness_records_;
  std::optional<vm::Ended> ended_;
  std::optional<std::uint64_t> left_at_;
  std::uint32_t sequence_ = 0;
};

/// "the guest was reset", "QEMU ended: …": an ending as a phrase.
std::string describe(const vm::Ended& ended);

}  // namespace kexlab::engine
