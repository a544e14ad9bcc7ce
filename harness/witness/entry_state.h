// SPDX-License-Identifier: Apache-2.0
// What a target's kernel promises of the registers when it jumps to the entry. One file a target, <target>.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kexlab::witness {

/// A promise: register & mask == value, or what `is` names.
struct RegisterRule {
  std::string_view name;    ///< as the target's witness tells it
  std::uint64_t mask = 0;   ///< bits that are promised
  std::uint64_t value = 0;  ///< what they are
  std::string_view text;    ///< the promise for people: "paging on, write protection off"
  std::string_view source;  ///< kernel file and symbol that keep it
  bool optional = false;    ///< the register need not be there (told in some modes of the CPU only)
  enum class When {
    always,
    boot,  ///< not promised to an image that is to come back (KEXEC_PRESERVE_CONTEXT)
    jump,  ///< promised to such an image only
  } when = When::always;
  enum class Is {
    value,
    entry,     ///< what `mask` leaves of the image's entry
    demanded,  ///< of the address of the segment that begins with what the kernel demands (Arch::demanded)
    tree,      ///< of the address of the last segment that begins as a device tree; without one, of entry + `value`
    cpu,       ///< the number of the CPU that jumps, all of it; where that is not known, as `value`
  } is = Is::value;
  enum class Started {
    anywhere,
    usual,       ///< promised by a kernel that was started at the machine's usual level of privilege,
    hypervisor,  ///< at that of hypervisors
  } started = Started::anywhere;
};

struct EntryState {
  std::string_view target;
  std::span<const RegisterRule> rules;
};

/// The rows of all targets that have a file. The list is generated from the table of targets.
std::span<const EntryState* const> all_entry_states();

inline constexpr std::uint64_t all_bits = ~std::uint64_t{0};

}  // namespace kexlab::witness
