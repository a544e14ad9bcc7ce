// SPDX-License-Identifier: Apache-2.0
// The state at entry on s390x: a CPU that was just reset, in 31-bit addressing mode, with every interruption masked.
//
// relocate_kernel (arch/s390/kernel/relocate_kernel.S) leaves by DIAGNOSE 308 with a PSW of its own at absolute 0.
// Control registers are what the reset makes of them. A kernel that crashes resets itself (s390_reset_system) and
// calls, in 64-bit addressing mode.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// The mask half of a PSW. Source: arch/s390/include/uapi/asm/ptrace.h (PSW_MASK_EA, PSW_MASK_BA).
constexpr std::uint64_t basic_addressing = std::uint64_t{1} << 31, extended_addressing = std::uint64_t{1} << 32;

constexpr RegisterRule rules[] = {
    // After a reboot in 31-bit addressing: else the witness takes it for a call, and returns.
    {"psw", ~extended_addressing, basic_addressing,
     "31-bit addressing, no translation, supervisor state, key 0, every interruption masked",
     "arch/s390/kernel/relocate_kernel.S: load_psw; machine_kexec.c: __do_machine_kdump"},
    {"prefix", all_bits, 0, "the CPU's lowcore is at absolute 0",
     "arch/s390/kernel/early.c, machine_kexec.c: s390_reset_system"},
};

}  // namespace

extern const EntryState entry_state_s390x;
const EntryState entry_state_s390x{"s390x", rules};

}  // namespace kexlab::witness
