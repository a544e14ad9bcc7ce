// SPDX-License-Identifier: Apache-2.0
// What the boot protocols of x86 kernels of either width have in common: the plan, around an entry that differs. Pure.
#pragma once

#include <span>

#include "kexlab/arch.h"

namespace kexlab {

/// What one width does its own way.
struct X86Protocol {
  std::span<const unsigned char> stub;
  std::uint64_t entry_offset;       ///< of a bzImage's entry, from the start of its protected-mode code
  std::uint64_t vmlinux_alignment;  ///< a vmlinux may be moved by multiples of it; 0: it runs where it was linked only
  std::uint64_t highest;            ///< no segment may end above it
  std::uint16_t elf_machine;        ///< EM_* of the core header
  /// Refuses a bzImage that has no entry of this width. Error: unsupported.
  Status (*check_bzimage)(const LoadRequest& request);
  /// Whether a bzImage and all that it is handed may lie above 4 GiB.
  bool (*above_4g)(const BzImageFacts& facts);
  /// Bits of the core header for such a machine: 32 or 64.
  unsigned (*dump_bits)(const Machine& machine);
};

/// Arch::crash_cmdline_words of both.
inline constexpr std::string_view x86_crash_words[] = {"elfcorehdr"};

/// RAM that a payload may be placed at. Nothing below 1 MiB, which is firmware's and the real-mode trampoline's.
RangeSet x86_usable(const Machine& machine, bool crash);

/// The plan of a kernel boot. Errors: as plan_kernel.
Result<Plan> plan_x86(const LoadRequest& request, const X86Protocol& protocol);

}  // namespace kexlab
