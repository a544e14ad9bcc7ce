// SPDX-License-Identifier: Apache-2.0
// The state at entry on parisc: real mode, interrupts off, the entry in rp, no arguments but the firmware's first free
// byte in arg0.
//
// The only way is reboot(2), which ends in relocate_new_kernel (arch/parisc/kernel/relocate_kernel.S). r3, r8 to r12,
// r17, r18, r20 and r21 hold what it worked with, the vectors are those of the kernel before, all else is what that had
// there.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

constexpr std::string_view relocate = "arch/parisc/kernel/relocate_kernel.S: relocate_new_kernel";

constexpr RegisterRule argument(std::string_view name) {
  return {name, all_bits, 0, "what kexec_file_load alone sets", relocate};
}

constexpr RegisterRule rules[] = {
    {"rp", all_bits, 0, "the entry", relocate, false, RegisterRule::When::always, RegisterRule::Is::entry},
    argument("arg1"),
    argument("arg2"),
    argument("arg3"),
    {"psw", all_bits, 0, "real mode, no interrupts", relocate},
    {"eiem", all_bits, 0, "no external interrupt enabled", relocate},
};

}  // namespace

extern const EntryState entry_state_parisc;
const EntryState entry_state_parisc{"parisc", rules};

}  // namespace kexlab::witness
