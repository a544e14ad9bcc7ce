// SPDX-License-Identifier: Apache-2.0
// mips: 32 bits, big endian. No rule of its own: machine_kexec_prepare refuses kernels for several CPUs only, and ours
// are for one (arch/mips/kernel/machine_kexec.c).
#include "harness/model/contract.h"

namespace kexlab::model {

extern const Contract contract_mips;
const Contract contract_mips{
    .target = "mips",
    .kexec_arch = std::uint64_t{8} << 16,  // of both byte orders
    .bits = 32,
    .dumped = {.registers = 45, .program_counter = 40, .stack_pointer = 35},
    .control_bytes = 16384,
    .never = no_file_call,
};

}  // namespace kexlab::model
