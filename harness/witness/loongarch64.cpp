// SPDX-License-Identifier: Apache-2.0
// The state at entry on loongarch64: privilege level 0, interrupts off, in the cached window, and the arguments that
// firmware gave the kernel before.
//
// Both ways, by reboot(2) and after a panic, end in relocate_new_kernel (arch/loongarch/kernel/relocate_kernel.S),
// which changes neither the arguments nor the windows; s0 to s5 hold what it worked with, all else what the kernel had
// there. a2 is the address of EFI's system table, which the kernel tells nobody.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// Source: arch/loongarch/include/asm/loongarch.h (CSR_CRMD_PLV, CSR_CRMD_IE, CSR_CRMD_DA, CSR_CRMD_PG; CSR_DMW0_INIT,
// CSR_DMW1_INIT).
constexpr std::uint64_t crmd_plv = 3, crmd_ie = 4, crmd_da = 8, crmd_pg = 16;
constexpr std::uint64_t uncached = 0x8000000000000001, cached = 0x9000000000000011;
constexpr std::uint64_t physical = (std::uint64_t{1} << 48) - 1;

constexpr std::string_view reboot = "arch/loongarch/kernel/machine_kexec.c: kexec_reboot";
constexpr std::string_view windows = "arch/loongarch/kernel/head.S: SETUP_DMWINS";

constexpr RegisterRule rules[] = {
    {"a0", all_bits, 1, "firmware was UEFI, as for the kernel before", reboot},
    {"a1", all_bits, 0x9000000000108000, "the command line, copied when the image was loaded (KEXEC_CMDLINE_ADDR)",
     reboot},
    {.name = "a3", .mask = physical, .text = "the entry", .source = reboot, .is = RegisterRule::Is::entry},
    {"crmd", crmd_plv | crmd_ie | crmd_da | crmd_pg, crmd_pg,
     "privilege level 0, interrupts are off, addresses are translated",
     "arch/loongarch/kernel/machine_kexec.c: machine_kexec; head.S: kernel_entry"},
    {"dmw0", all_bits, uncached, "the uncached window", windows},
    {"dmw1", all_bits, cached, "the cached window", windows},
};

}  // namespace

extern const EntryState entry_state_loongarch64;
const EntryState entry_state_loongarch64{"loongarch64", rules};

}  // namespace kexlab::witness
