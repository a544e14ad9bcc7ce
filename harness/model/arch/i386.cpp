// SPDX-License-Identifier: Apache-2.0
// i386: no rule of its own for kexec_load, whose machine_kexec_prepare fails only for want of memory; no
// kexec_file_load. Source: arch/x86/kernel/machine_kexec_32.c; arch/x86/Kconfig, KEXEC_FILE depends on X86_64.
#include "harness/model/contract.h"

namespace kexlab::model {

extern const Contract contract_i386;
const Contract contract_i386{
    .target = "i386",
    .kexec_arch = std::uint64_t{3} << 16,
    .bits = 32,
    .dumped = {.registers = 17, .program_counter = 12, .stack_pointer = 15},
    .control_bytes = 4096,
    .never = no_file_call,
};

}  // namespace kexlab::model
