// SPDX-License-Identifier: Apache-2.0
// The state at entry on m68k: supervisor mode with interrupts masked, the MMU and the transparent translation off.
//
// The only way is reboot(2), which ends in relocate_new_kernel (arch/m68k/kernel/relocate_kernel.S). a0, a2, a3, d0 and
// d2 hold what it worked with, the vector base register the vectors of the kernel before, all else what that had there.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

constexpr std::string_view relocate = "arch/m68k/kernel/relocate_kernel.S: relocate_new_kernel";
// Source: M68000 Family Programmer's Reference Manual, 1.3.2: S, M, interrupt mask.
constexpr std::uint64_t sr_supervisor = 0x2000, sr_master = 0x1000, sr_mask = 0x0700;
// CPU and MMU of a 68040: m68k_cputype | m68k_mmutype << 8. Source: arch/m68k/include/uapi/asm/bootinfo.h.
constexpr std::uint64_t cpu_68040 = 4;

constexpr RegisterRule translation_off(std::string_view name) {
  return {name, all_bits, 0, "no translation of addresses", relocate};
}

constexpr RegisterRule rules[] = {
    {"a1", all_bits, 0, "the entry", relocate, false, RegisterRule::When::always, RegisterRule::Is::entry},
    {"d1", all_bits, cpu_68040 | cpu_68040 << 8, "types of CPU and MMU", relocate},
    {"sr", sr_supervisor | sr_master | sr_mask, sr_supervisor | sr_mask, "supervisor mode, all interrupts masked",
     "arch/m68k/kernel/machine_kexec.c: machine_kexec"},
    translation_off("tc"),
    translation_off("itt0"),
    translation_off("itt1"),
    translation_off("dtt0"),
    translation_off("dtt1"),
};

}  // namespace

extern const EntryState entry_state_m68k;
const EntryState entry_state_m68k{"m68k", rules};

}  // namespace kexlab::witness
