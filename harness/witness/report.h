// SPDX-License-Identifier: Apache-2.0
// What the witness told, put together from its records and judged against what it was to find.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/witness/image.h"
#include "kexlab/bytes.h"
#include "kexlab/error.h"

namespace kexlab::witness {

/// Names and values of the registers at entry, as the witness saved them before it touched anything.
using Registers = std::map<std::string, std::uint64_t, std::less<>>;

/// What the witness found at one segment's destination.
struct Finding {
  bool skipped = false;
  bool unreachable = false;                 ///< lies where the target's pointers do not reach
  bool contents_ok = false;                 ///< the digest is the expected one
  std::uint64_t found = 0;                  ///< the digest that was found
  std::optional<std::uint64_t> nonzero_at;  ///< first byte behind bufsz that is not zero
};

/// An exception of the CPU while the witness ran.
struct Fault {
  std::optional<std::uint32_t> segment;  ///< the one that was being looked at
  std::uint64_t cause = 0;               ///< vector on x86, ESR on arm64
  std::uint64_t pc = 0;
  std::uint64_t address = 0;
};

/// Collects one witness's records. They come from a machine that may be broken in any way, so each is taken only where
/// it fits the grammar (witness.h), the order, the nonce, and the table; the rest is refused, counted and told.
class WitnessReport {
 public:
  /// `expected` is the table that went into make_witness.
  explicit WitnessReport(WitnessTable expected);

  /// Takes the payload of one 'W' frame. Error: protocol; the report stays as it was, later records are still taken.
  Status take(ByteView payload);

  enum class Progress {
    silent,    ///< no good `begin` record yet
    begun,     ///< more must come
    faulted,   ///< the witness told of a fault; nothing more comes
    complete,  ///< the `end` record came
  };
  [[nodiscard]] Progress progress() const { return progress_; }
  [[nodiscard]] bool complete() const { return progress_ == Progress::complete; }
  /// Nothing more is to come: complete or faulted.
  [[nodiscard]] bool ended() const { return complete() || progress_ == Progress::faulted; }

  [[nodiscard]] const std::string& target() const { return target_; }
  [[nodiscard]] std::uint64_t base() const { return base_; }  ///< where the witness really ran
  [[nodiscard]] const Registers& registers() const { return registers_; }
  /// A counter of 64 bits that was told: the register `name`, or where registers are narrower that and `name`_high
  /// above it. Nothing where there is none.
  [[nodiscard]] std::optional<std::uint64_t> counter(std::string_view name) const;
  /// One for each `seg` record so far, in the table's order; the last of a complete report is the witness's own.
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  /// What is wrong, a sentence each; empty exactly where the report is complete and everything was as expected.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  class Reader;
  Status take_begin(Reader& reader);
  Status take_regs(Reader& reader);
  Status take_seg(Reader& reader);
  Status take_fault(Reader& reader);
  Status take_end(Reader& reader);
  Status take_record(std::string_view text);
  [[nodiscard]] std::string segment_name(std::size_t index) const;
  void add_finding_problems(std::size_t index, std::vector<std::string>& out) const;
  void add_round_problems(std::vector<std::string>& out) const;
  void add_progress_problems(std::vector<std::string>& out) const;

  WitnessTable expected_;
  Progress progress_ = Progress::silent;
  std::string target_;
  std::uint64_t base_ = 0;
  std::uint32_t round_ = 0;  ///< 0: told nothing of it
  std::optional<bool> again_ = false;  ///< nothing: the target's kernel enters at one place ever
  Registers registers_;
  std::vector<Finding> findings_;
  std::optional<Fault> fault_;
  std::uint64_t refused_ = 0;
  std::string first_refusal_;
};

/// What the image was loaded with, as far as promises depend on it.
struct Handover {
  bool jump = false;                       ///< KEXEC_PRESERVE_CONTEXT
  std::optional<std::uint64_t> entry;      ///< nothing: rules of it are not checked
  std::optional<std::uint64_t> demanded;   ///< address of the segment that the kernel demands; likewise
  bool hypervisor = false;                 ///< the kernel was started at the level that hypervisors run at
  std::optional<std::uint64_t> tree = {};  ///< address of the last segment that begins as a device tree does
  std::optional<std::uint64_t> cpu = {};   ///< the machine's number of the CPU that jumps, where that is known
};

/// Ways in which the registers at entry differ from what the target's kernel promises, a sentence each. An unknown
/// target, and a register that the witness should have told, are such sentences too.
std::vector<std::string> check_registers(std::string_view target, const Registers& registers,
                                         const Handover& handover = {});

}  // namespace kexlab::witness
