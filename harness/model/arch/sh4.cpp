// SPDX-License-Identifier: Apache-2.0
// sh4: 32 bits, little endian. No rule of its own: machine_kexec_prepare refuses nothing
// (arch/sh/kernel/machine_kexec.c), and every address can be reached (arch/sh/include/asm/kexec.h).
#include "harness/model/contract.h"

namespace kexlab::model {

extern const Contract contract_sh4;
const Contract contract_sh4{
    .target = "sh4",
    .kexec_arch = std::uint64_t{42} << 16,
    .bits = 32,
    .dumped = {.registers = 23, .program_counter = 16, .stack_pointer = 15},
    .control_bytes = 4096,
    .never = no_file_call,
};

}  // namespace kexlab::model
