// SPDX-License-Identifier: Apache-2.0
// The state at entry on MIPS: kernel mode with interrupts off, the four arguments zero.
//
// Both ways, by reboot(2) and after a panic, end in relocate_new_kernel (arch/mips/kernel/relocate_kernel.S). It
// changes neither the MMU nor the vectors; s0 to s6 hold what it worked with, all else what the kernel had there.
#pragma once

#include "harness/witness/entry_state.h"

namespace kexlab::witness {

// Source: arch/mips/include/asm/mipsregs.h (ST0_IE, ST0_EXL, ST0_ERL, ST0_KSU, ST0_KX, ST0_BEV).
inline constexpr std::uint64_t st0_ie = 1, st0_exl = 2, st0_erl = 4, st0_ksu = 0x18, st0_kx = 0x80, st0_bev = 0x400000;

inline constexpr std::string_view mips_arguments =
    "kexec_args[], which no system call sets on a kernel without UHI_BOOT";
inline constexpr std::string_view mips_relocate = "arch/mips/kernel/relocate_kernel.S: relocate_new_kernel";

constexpr RegisterRule mips_argument(std::string_view name) {
  return {name, all_bits, 0, mips_arguments, mips_relocate};
}
inline constexpr RegisterRule mips_interrupts{"status", st0_ie, 0, "interrupts off",
                                              "arch/mips/kernel/machine_kexec.c: machine_kexec"};
inline constexpr RegisterRule mips_mode{"status", st0_exl | st0_erl | st0_ksu | st0_bev, 0,
                                        "kernel mode, outside of exceptions, vectors not the boot ROM's",
                                        "arch/mips/kernel/traps.c: configure_status"};

inline constexpr RegisterRule mips_rules[] = {
    mips_argument("a0"), mips_argument("a1"), mips_argument("a2"), mips_argument("a3"), mips_interrupts, mips_mode,
};

inline constexpr RegisterRule mips64_rules[] = {
    mips_argument("a0"),
    mips_argument("a1"),
    mips_argument("a2"),
    mips_argument("a3"),
    mips_interrupts,
    mips_mode,
    {"status", st0_kx, st0_kx, "64-bit addresses in kernel mode", "arch/mips/kernel/head.S: setup_c0_status_pri"},
};

}  // namespace kexlab::witness
