// SPDX-License-Identifier: Apache-2.0
// The state at entry on ppc64 of either byte order: real mode, external interrupts off, the CPU's number in r3, r5
// zero.
//
// All ways end in kexec_sequence (arch/powerpc/kernel/misc_64.S). r4 is the entry and lr too, which no constant says.
// The other registers hold what the kernel had in them.
#pragma once

#include "harness/witness/entry_state.h"

namespace kexlab::witness {

// Source: arch/powerpc/include/asm/reg.h (MSR_SF_LG and its neighbours).
inline constexpr std::uint64_t msr_sf = std::uint64_t{1} << 63, msr_ee = 1u << 15, msr_pr = 1u << 14, msr_ir = 1u << 5,
                               msr_dr = 1u << 4, msr_le = 1u << 0;
inline constexpr std::uint64_t most_cpus = 8192;  // NR_CPUS at most, arch/powerpc/Kconfig

/// `order`: msr_le or 0.
template <std::uint64_t order>
inline constexpr RegisterRule ppc64_rules[] = {
    {"r3", ~(most_cpus - 1), 0, "the number of the CPU that jumps",
     "arch/powerpc/kernel/misc_64.S: kexec_sequence (PACAHWCPUID)"},
    {"r5", all_bits, 0, "no Open Firmware", "arch/powerpc/kernel/misc_64.S: kexec_sequence"},
    {"msr", msr_sf | msr_ee | msr_pr | msr_ir | msr_dr | msr_le, msr_sf | order,
     "64 bits, external interrupts off, privileged, real mode, in the byte order of the kernel that jumped",
     "arch/powerpc/kernel/misc_64.S: kexec_sequence, real_mode"},
};

}  // namespace kexlab::witness
