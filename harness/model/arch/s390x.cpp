// SPDX-License-Identifier: Apache-2.0
// s390x: crash images need CONFIG_CRASH_DUMP; kexec_file_load takes ELF files, and whatever else it is given for an
// image.
#include <elf.h>

#include "harness/model/call.h"
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

// machine_kexec_prepare_kdump. The reservation is made with that option only (arch/s390/kernel/setup.c,
// reserve_crashkernel), so that calls seldom come this far.
Decision without_crash_dump(const Call& call) {
  return refuse_if(call.crash() && !call.config("CRASH_DUMP", true), einval);
}

// Source: arch/s390/kernel/machine_kexec.c, later vmcore_info.c (arch_crash_save_vmcoreinfo).
constexpr InfoLine vmcoreinfo[] = {
    {"SYMBOL(lowcore_ptr)"}, {"SYMBOL(high_memory)"},       {"LENGTH(lowcore_ptr)"},       {"SAMODE31"}, {"EAMODE31"},
    {"KERNELOFFSET"},        {"IDENTITYBASE", "", {6, 12}}, {"KERNELOFFPHYS", "", {6, 12}}};

// Until 6.10, when these lines came, a kernel's addresses are the physical ones. Source: arch/s390/include/asm/page.h
// (__pa).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf& number) {
  return number("IDENTITYBASE") || number("KERNELOFFPHYS") ? std::nullopt : std::optional(address);
}

// The crash kernel writes them, from what each CPU's registers were stored as; the vector registers where it has some.
// The lowcore that prefix names has two pages. Source: arch/s390/kernel/crash_dump.c (nt_prpsinfo, fill_cpu_elf_notes).
using Given = DumpNote::Given;
constexpr DumpNote notes[] = {
    {"CORE", NT_PRPSINFO, 136, Given::once},
    {"CORE", NT_PRFPREG, 136},
    {"LINUX", NT_S390_TIMER, 8},
    {"LINUX", NT_S390_TODCMP, 8},
    {"LINUX", NT_S390_TODPREG, 4},
    {"LINUX", NT_S390_CTRS, 128},
    {"LINUX", NT_S390_PREFIX, 4, Given::each_cpu, 8192},
    {"LINUX", NT_S390_VXRS_HIGH, 256, Given::each_cpu_or_none},
    {"LINUX", NT_S390_VXRS_LOW, 128, Given::each_cpu_or_none},
};

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
               .notes = notes,
               .vmcoreinfo = vmcoreinfo,
               .physical = dumped_at,
               .made_by_crash_kernel = true},
    .control_bytes = 4096,
    .prepare = prepare,
};

}  // namespace kexlab::model
