// SPDX-License-Identifier: Apache-2.0
// The state at entry on ppc (e500): interrupts off, the first 2 GiB mapped one to one, the CPU's number in r3, the
// entry in r4, r5 and lr.
//
// Both ways, by reboot(2) and after a panic, end in relocate_new_kernel (arch/powerpc/kexec/relocate_32.S), compiled
// for an e500. The other registers hold what it worked with, or what the kernel had in them.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

constexpr std::string_view relocate = "arch/powerpc/kexec/relocate_32.S: relocate_new_kernel";
constexpr std::string_view mapping = "arch/powerpc/kernel/85xx_entry_mapping.S: ENTRY_MAPPING_KEXEC_SETUP";
// Source: arch/powerpc/include/asm/reg.h (MSR_EE_LG and its neighbours); IS and DS of Book E stand in IR's and DR's
// place.
constexpr std::uint64_t msr_ee = 1u << 15, msr_pr = 1u << 14, msr_is = 1u << 5, msr_ds = 1u << 4;

constexpr RegisterRule entry_in(std::string_view name) {
  return {name, all_bits, 0, "the entry", relocate, false, RegisterRule::When::always, RegisterRule::Is::entry};
}

constexpr RegisterRule rules[] = {
    {"r3", all_bits, 0, "the number of the CPU that jumps, of which there is one", relocate},
    entry_in("r4"),
    entry_in("r5"),
    {"msr", msr_ee | msr_pr | msr_is | msr_ds, 0,
     "external interrupts off, privileged, in the address space that is mapped one to one", mapping},
    {"pid", all_bits, 0, "no process", mapping},
};

}  // namespace

extern const EntryState entry_state_ppc;
const EntryState entry_state_ppc{"ppc", rules};

}  // namespace kexlab::witness
