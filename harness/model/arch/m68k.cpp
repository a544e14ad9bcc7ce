// SPDX-License-Identifier: Apache-2.0
// m68k: 32 bits, big endian. No rule of its own: machine_kexec_prepare refuses nothing
// (arch/m68k/kernel/machine_kexec.c), and every address can be reached (arch/m68k/include/asm/kexec.h).
#include "harness/model/contract.h"

namespace kexlab::model {

extern const Contract contract_m68k;
const Contract contract_m68k{
    .target = "m68k",
    .kexec_arch = std::uint64_t{4} << 16,
    .bits = 32,
    .control_bytes = 4096,
    .never = no_file_call,
};

}  // namespace kexlab::model
