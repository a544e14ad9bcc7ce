// SPDX-License-Identifier: Apache-2.0
// The state at entry on ppc64 of either byte order: real mode, external interrupts off, the CPU's number in r3, r5
// zero, nothing kept from anybody by the masks of memory protection keys.
//
// All ways end in kexec_sequence (arch/powerpc/kernel/misc_64.S). r4 is the entry and lr too, which no constant says.
// The other registers hold what the kernel had in them. `head` is no register: it is 1 where the witness found the
// 0x100 bytes at r4 at address 0 too.
#pragma once

#include "harness/witness/entry_state.h"

namespace kexlab::witness {

// Source: arch/powerpc/include/asm/reg.h (MSR_SF_LG and its neighbours).
inline constexpr std::uint64_t msr_sf = std::uint64_t{1} << 63, msr_ee = 1u << 15, msr_pr = 1u << 14, msr_ir = 1u << 5,
                               msr_dr = 1u << 4, msr_le = 1u << 0;
inline constexpr std::uint64_t most_cpus = 8192;  // NR_CPUS at most, arch/powerpc/Kconfig
inline constexpr std::string_view ppc64_sprs =
    "arch/powerpc/include/asm/book3s/64/kexec.h: reset_sprs, by mmu_cleanup_all in mm/book3s64/pgtable.c";

/// `order`: msr_le or 0.
template <std::uint64_t order>
inline constexpr RegisterRule ppc64_rules[] = {
    {.name = "r3",
     .mask = ~(most_cpus - 1),
     .text = "the number of the CPU that jumps",
     .source = "arch/powerpc/kernel/misc_64.S: kexec_sequence (PACAHWCPUID)",
     .is = RegisterRule::Is::cpu},
    {"r5", all_bits, 0, "no Open Firmware", "arch/powerpc/kernel/misc_64.S: kexec_sequence"},
    {"msr", msr_sf | msr_ee | msr_pr | msr_ir | msr_dr | msr_le, msr_sf | order,
     "64 bits, external interrupts off, privileged, real mode, in the byte order of the kernel that jumped",
     "arch/powerpc/kernel/misc_64.S: kexec_sequence, real_mode"},
    {"head", all_bits, 1, "the first 0x100 bytes at the entry are at address 0, where the other CPUs go",
     "arch/powerpc/kernel/misc_64.S: kexec_sequence (copy_and_flush)"},
    // Every CPU from POWER8 on has them (CPU_FTR_ARCH_206, CPU_FTR_ARCH_207S), and the witness is built for those.
    {"amr", all_bits, 0, "no key keeps data from anybody", ppc64_sprs},
    {"iamr", all_bits, 0, "no key keeps code from anybody", ppc64_sprs},
    {"uamor", all_bits, 0, "users may change no key's mask", ppc64_sprs},
};

}  // namespace kexlab::witness
