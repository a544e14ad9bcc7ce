// SPDX-License-Identifier: Apache-2.0
// The state at entry on sh4: privileged mode, register bank 0, interrupts masked.
//
// All ways, by reboot(2), by a jump and after a panic, end in relocate_new_kernel (arch/sh/kernel/relocate_kernel.S).
// It changes neither the MMU nor the vectors; r0 to r5, r8 and r9 hold what it worked with, r15 is its stack, all else
// holds what the kernel had there. pr leads back to it, whether or not that is of use.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

constexpr std::string_view relocate = "arch/sh/kernel/relocate_kernel.S: relocate_new_kernel";
// Source: SH-4 Software Manual, SR: MD, RB, BL, IMASK. Physical addresses have 29 bits (arch/sh/mm/Kconfig: 29BIT).
constexpr std::uint64_t sr_md = 0x40000000, sr_rb = 0x20000000, sr_bl = 0x10000000, sr_imask = 0xf0;
constexpr std::uint64_t physical_bits = 0x1fffffff, segment_bits = 0xe0000000, p1 = 0x80000000;

// The stack begins at the control page's end, and 32 words of 4 bytes lie on it whatever the switch: r15 to r8; macl,
// mach, gbr, ssr, sr, pr and spc; r7 to r0 of bank 1 and of bank 0; r4 once more.
constexpr std::uint64_t in_page = 0xfff, pushed = 4 * (8 + 7 + 8 + 8 + 1), below_the_end = 0x1000 - pushed;

constexpr RegisterRule rules[] = {
    {"r6", physical_bits, 0, "the entry's place in P1", relocate, false, RegisterRule::When::always,
     RegisterRule::Is::entry},
    {"pr", segment_bits, p1, "called from the control page, in P1", relocate},
    {"r15", in_page, below_the_end, "at the end of the control page, below what was saved", relocate},
    {"sr", sr_md | sr_rb | sr_bl | sr_imask, sr_md | sr_imask,
     "privileged mode, register bank 0, exceptions not blocked, all interrupts masked",
     "arch/sh/kernel/machine_kexec.c: machine_kexec"},
};

}  // namespace

extern const EntryState entry_state_sh4;
const EntryState entry_state_sh4{"sh4", rules};

}  // namespace kexlab::witness
