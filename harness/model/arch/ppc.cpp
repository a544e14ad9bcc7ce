// SPDX-License-Identifier: Apache-2.0
// ppc (32-bit) on an e500: destinations end where the jump's one-to-one mapping does. machine_kexec_prepare refuses
// nothing (arch/powerpc/kexec/core_32.c).
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

// KEXEC_DESTINATION_MEMORY_LIMIT of 85xx. Source: arch/powerpc/include/asm/kexec.h.
std::uint64_t destination_limit(const Situation&) { return (std::uint64_t{1} << 31) - 1; }

}  // namespace

extern const Contract contract_ppc;
const Contract contract_ppc{
    .target = "ppc",
    .kexec_arch = std::uint64_t{20} << 16,
    .bits = 32,
    .dumped = {.registers = 48, .program_counter = 32, .stack_pointer = 1},
    .destination_limit = destination_limit,
    .control_bytes = 4096,
    .never = no_file_call,
};

}  // namespace kexlab::model
