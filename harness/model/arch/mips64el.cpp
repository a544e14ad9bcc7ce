// SPDX-License-Identifier: Apache-2.0
// mips64el: 64 bits, little endian. No rule of its own: machine_kexec_prepare refuses kernels for several CPUs only,
// and ours are for one (arch/mips/kernel/machine_kexec.c).
#include "harness/model/contract.h"

namespace kexlab::model {

extern const Contract contract_mips64el;
const Contract contract_mips64el{
    .target = "mips64el",
    .kexec_arch = std::uint64_t{8} << 16,  // of both byte orders
    .bits = 64,
    .dumped = {.registers = 45, .program_counter = 34, .stack_pointer = 29},
    .control_bytes = 16384,
    .never = no_file_call,
};

}  // namespace kexlab::model
