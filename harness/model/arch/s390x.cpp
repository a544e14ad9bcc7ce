// SPDX-License-Identifier: Apache-2.0
// s390x: crash images need CONFIG_CRASH_DUMP; kexec_file_load takes ELF files, and whatever else it is given for an
// image.
#include "harness/model/call.h"
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

// machine_kexec_prepare_kdump. The reservation is made with that option only (arch/s390/kernel/setup.c,
// reserve_crashkernel), so that calls seldom come this far.
Decision without_crash_dump(const Call& call) {
  return refuse_if(call.crash() && !call.config("CRASH_DUMP", true), einval);
}

// Source: arch/s390/kernel/machine_kexec.c, arch_crash_save_vmcoreinfo.
constexpr std::string_view vmcoreinfo[] = {
    "SYMBOL(lowcore_ptr)", "SYMBOL(high_memory)", "LENGTH(lowcore_ptr)", "SAMODE31", "EAMODE31", "KERNELOFFSET"};

constexpr PrepareRule prepare[] = {
    {{"s390_crash_dump", "crash images need a kernel with CONFIG_CRASH_DUMP",
      "arch/s390/kernel/machine_kexec.c: machine_kexec_prepare_kdump", "use a kernel with CONFIG_CRASH_DUMP"},
     without_crash_dump},
};

}  // namespace

extern const Contract contract_s390x;
const Contract contract_s390x{
    .target = "s390x",
    .kexec_arch = std::uint64_t{22} << 16,
    .bits = 64,
    .dumped = {.registers = 27,
               .program_counter = 1,
               .stack_pointer = 17,
               .kernel_in_upper_half = false,
               .vmcoreinfo = vmcoreinfo},
    .control_bytes = 4096,
    .prepare = prepare,
};

}  // namespace kexlab::model
