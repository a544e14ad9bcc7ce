// SPDX-License-Identifier: Apache-2.0
// The state at entry on arm64: MMU and caches off, every exception masked, x0 to x3 zero.
//
// The normal way ends in arm64_relocate_new_kernel (arch/arm64/kernel/relocate_kernel.S), the way after a panic, where
// nothing is to be copied, in cpu_soft_restart (cpu-reset.S); at EL2 without VHE both leave through the hypervisor's
// stub (hyp-stub.S: HVC_SOFT_RESTART). Seen alike on Debian's 6.1.192 and 6.12.117 by all four ways, at EL1, at EL2,
// and at EL2 with VHE. x4 and up, sp and the other EL's registers hold what the kernel had in them; the virtual timer
// may even be running and due (CNTV_CTL_EL0), masked by DAIF.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// Source: arch/arm64/include/asm/sysreg.h (SCTLR_ELx_M, _C, _I).
constexpr std::uint64_t sctlr_m = 1u << 0, sctlr_c = 1u << 2, sctlr_i = 1u << 12;
// D, A, I and F. Source: arch/arm64/include/uapi/asm/ptrace.h (PSR_D_BIT and its neighbours).
constexpr std::uint64_t daif_masked = 0xfu << 6;

constexpr std::string_view arguments = "kexec_load passes no device tree: kimage->arch.dtb_mem is 0";
constexpr std::string_view relocate = "arch/arm64/kernel/relocate_kernel.S: arm64_relocate_new_kernel";
constexpr std::string_view reserved = "reserved arguments of the boot protocol are zero";

constexpr RegisterRule rules[] = {
    {"x0", all_bits, 0, arguments, relocate},
    {"x1", all_bits, 0, reserved, relocate},
    {"x2", all_bits, 0, reserved, relocate},
    {"x3", all_bits, 0, reserved, relocate},
    {"daif", all_bits, daif_masked, "debug, SError, IRQ and FIQ masked",
     "arch/arm64/kernel/machine_kexec.c: machine_kexec"},
    {.name = "currentel",
     .mask = all_bits,
     .value = 1u << 2,
     .text = "EL1, where the kernel was started",
     .source = relocate,
     .started = RegisterRule::Started::usual},
    {.name = "currentel",
     .mask = all_bits,
     .value = 2u << 2,
     .text = "EL2, where the kernel was started",
     .source = "arch/arm64/kernel/machine_kexec.c: machine_kexec; hyp-stub.S: HVC_SOFT_RESTART",
     .started = RegisterRule::Started::hypervisor},
    // At EL2 with VHE this name means SCTLR_EL2.
    {"sctlr_el1", sctlr_m | sctlr_c | sctlr_i, 0, "MMU, data and instruction caches off",
     "arch/arm64/include/asm/sysreg.h: INIT_SCTLR_EL1_MMU_OFF"},
    {"sctlr_el2", sctlr_m | sctlr_c | sctlr_i, 0, "MMU, data and instruction caches off",
     "arch/arm64/include/asm/sysreg.h: INIT_SCTLR_EL2_MMU_OFF", true},
};

}  // namespace

extern const EntryState entry_state_arm64;
const EntryState entry_state_arm64{"arm64", rules};

}  // namespace kexlab::witness
