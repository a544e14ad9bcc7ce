// SPDX-License-Identifier: Apache-2.0
// parisc: 32 bits, big endian. No rule of its own: machine_kexec_prepare refuses nothing
// (arch/parisc/kernel/kexec.c), and every address can be reached (arch/parisc/include/asm/kexec.h).
#include "harness/model/contract.h"

namespace kexlab::model {

extern const Contract contract_parisc;
const Contract contract_parisc{
    .target = "parisc",
    .kexec_arch = std::uint64_t{15} << 16,
    .bits = 32,
    .control_bytes = 4096,
};

}  // namespace kexlab::model
