// SPDX-License-Identifier: Apache-2.0
// The state at entry on arm: ARM state, MMU and caches off, interrupts masked, r0 zero.
//
// r1 is machine_arch_type: all ones for a kernel started with a DTB, but the board's number where the kernel is
// configured for a single board that has one (arch/arm/tools/gen-mach-types; Debian's armmp: 452, OMAP_GENERIC); it is
// not promised. r2 is the last segment whose buffer begins as a DTB does, or the tag list's place before the entry.
// r3 and up, sp, lr and what is banked hold what the kernel had in them. The mode is the one that the kernel was
// started in, SVC or HYP; sctlr is that of SVC either way.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// Source: arch/arm/include/asm/cp15.h (CR_M, CR_A, CR_C, CR_I).
constexpr std::uint64_t cr_m = 1u << 0, cr_a = 1u << 1, cr_c = 1u << 2, cr_i = 1u << 12;
// Source: arch/arm/include/uapi/asm/ptrace.h (PSR_T_BIT, PSR_F_BIT, PSR_I_BIT, PSR_E_BIT).
constexpr std::uint64_t psr_t = 1u << 5, psr_f = 1u << 6, psr_i = 1u << 7, psr_e = 1u << 9;
constexpr std::uint64_t masks = psr_i | psr_f | psr_t | psr_e;

// Source: arch/arm/include/uapi/asm/ptrace.h (MODE_MASK, SVC_MODE, HYP_MODE).
constexpr std::uint64_t mode = 0x1f, svc = 0x13, hyp = 0x1a;

constexpr std::string_view relocate = "arch/arm/kernel/relocate_kernel.S: relocate_new_kernel";

// Where the tag list is seen from the entry, which is taken for a zImage's; in 32 bits, as the kernel reckons. Source:
// arch/arm/include/asm/kexec.h (KEXEC_ARM_ATAGS_OFFSET, KEXEC_ARM_ZIMAGE_OFFSET).
constexpr std::uint64_t word = 0xffffffff, tags_from_entry = (std::uint64_t{0x1000} - 0x8000) & word;

constexpr RegisterRule rules[] = {
    {"r0", all_bits, 0, "zero, as the boot protocol wants it", relocate},
    {.name = "r2",
     .mask = word,
     .value = tags_from_entry,
     .text = "the last segment that begins as a device tree, without one where a zImage's tag list would be",
     .source = "arch/arm/kernel/machine_kexec.c: machine_kexec_prepare (kernel_r2)",
     .is = RegisterRule::Is::tree},
    {.name = "cpsr",
     .mask = masks | mode,
     .value = psr_i | psr_f | svc,
     .text = "IRQ and FIQ masked, ARM state, little-endian, in SVC, where the kernel was started",
     .source = "arch/arm/kernel/reboot.c: _soft_restart",
     .started = RegisterRule::Started::usual},
    {.name = "cpsr",
     .mask = masks | mode,
     .value = psr_i | psr_f | hyp,
     .text = "IRQ and FIQ masked, ARM state, little-endian, in HYP, where the kernel was started",
     .source = "arch/arm/kernel/reboot.c: __soft_restart; hyp-stub.S: __hyp_soft_restart",
     .started = RegisterRule::Started::hypervisor},
    {"sctlr", cr_m | cr_a | cr_c | cr_i, 0, "MMU, alignment checks, data and instruction caches off",
     "arch/arm/mm/proc-v7.S: cpu_v7_proc_fin, cpu_v7_reset"},
};

}  // namespace

extern const EntryState entry_state_arm;
const EntryState entry_state_arm{"arm", rules};

}  // namespace kexlab::witness
