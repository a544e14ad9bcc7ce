// SPDX-License-Identifier: Apache-2.0
// powerpc of 64 bits: a segment below the running kernel's end is refused, for the copy uses the kernel's code and
// data; kexec_file_load takes an ELF file.
//
// The rule about bridges' tables (linux,tce-base, likewise ETXTBSY) is not here: partitions, as QEMU's pseries is one,
// have none.
#include <algorithm>

#include "harness/model/call.h"
#include "harness/model/contract.h"
#include "harness/model/file_elf.h"

namespace kexlab::model {
namespace {

// Empty segments count too. Where the kernel's end is not known, nothing is refused.
Decision check_below_kernel(const Call& call) {
  const bool below = std::any_of(call.segments.begin(), call.segments.end(),
                                 [&](const CallSegment& segment) { return segment.mem < call.situation->kernel_end; });
  return refuse_if(below, etxtbsy);
}

// The kernel's image lies in its linear map. Source: arch/powerpc/include/asm/page.h (__pa, PAGE_OFFSET).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf&) {
  return address & 0x0fffffffffffffff;
}

// Source: arch/powerpc/kexec/core.c, later vmcore_info.c (arch_crash_save_vmcoreinfo).
constexpr Version first{6, 1}, with_mmu{7, 2};  // the MMU's lines came between 6.1 and 7.2
constexpr InfoLine vmcoreinfo[] = {{"SYMBOL(node_data)", "NUMA", first},
                                   {"LENGTH(node_data)", "NUMA", first},
                                   {"SYMBOL(contig_page_data)", "!NUMA", first},
                                   {"SYMBOL(vmemmap_list)", "SPARSEMEM_VMEMMAP", first},
                                   {"SYMBOL(mmu_vmemmap_psize)", "SPARSEMEM_VMEMMAP", first},
                                   {"SYMBOL(mmu_psize_defs)", "SPARSEMEM_VMEMMAP", first},
                                   {"SIZE(vmemmap_backing)", "SPARSEMEM_VMEMMAP", first},
                                   {"OFFSET(vmemmap_backing.list)", "SPARSEMEM_VMEMMAP", first},
                                   {"OFFSET(vmemmap_backing.phys)", "SPARSEMEM_VMEMMAP", first},
                                   {"OFFSET(vmemmap_backing.virt_addr)", "SPARSEMEM_VMEMMAP", first},
                                   {"SIZE(mmu_psize_def)", "SPARSEMEM_VMEMMAP", first},
                                   {"OFFSET(mmu_psize_def.shift)", "SPARSEMEM_VMEMMAP", first},
                                   {"SYMBOL(cur_cpu_spec)", "", with_mmu},
                                   {"OFFSET(cpu_spec.cpu_features)", "", with_mmu},
                                   {"OFFSET(cpu_spec.mmu_features)", "", with_mmu},
                                   {"NUMBER(RADIX_MMU)", "", with_mmu},
                                   {"KERNELOFFSET", "", first}};

// ppc_save_regs finds the link of its caller's caller on the stack, which is where a function of the kernel was called
// from. r13 is the CPU's paca. The kernel runs with SF, ME, IR and DR set in the MSR and without PR; EE is left out,
// for local_irq_disable() does not clear it at once. Source: arch/powerpc/kernel/ppc_save_regs.S (of 6.1; 7.2's code is
// the same), arch/powerpc/include/asm/reg.h (MSR_KERNEL).
constexpr DumpRegister called[] = {
    {36, "link", DumpRegister::Is::text},
    {33, "msr", DumpRegister::Is::bits, 0x8000000000005030, 0x8000000000001030},
    {13, "r13", DumpRegister::Is::kernel},
};

// Firmware (RTAS) may lie inside the reservation. Source: arch/powerpc/kexec/file_load_64.c (get_crash_memory_ranges).
constexpr DumpContract dumped{.registers = 48,
                              .program_counter = 32,
                              .stack_pointer = 1,
                              .called = called,
                              .vmcoreinfo = vmcoreinfo,
                              .physical = dumped_at,
                              .firmware_in_reservation = true};

bool is_ppc64_elf(const File& kernel, const Situation&) {
  constexpr std::uint16_t em_ppc64 = 21;
  return is_elf64(kernel, em_ppc64);
}

// No option: its loader checks no signatures. Source: arch/powerpc/kexec/elf_64.c (kexec_elf64_ops).
constexpr FileFormat elf_big{enoexec, "", is_ppc64_elf, elf64_needs, elf64_header<std::endian::big>};
constexpr FileFormat elf_little{enoexec, "", is_ppc64_elf, elf64_needs, elf64_header<std::endian::little>};

constexpr PrepareRule prepare[] = {
    {{"below_kernel", "ppc64: no segment starts below the running kernel's end",
      "arch/powerpc/kexec/core_64.c: machine_kexec_prepare",
      "place it above linux,kernel-end of /proc/device-tree/chosen; kernels copy themselves down"},
     check_below_kernel},
};

}  // namespace

extern const Contract contract_ppc64;
const Contract contract_ppc64{
    .target = "ppc64",
    .kexec_arch = std::uint64_t{21} << 16,
    .bits = 64,
    .dumped = dumped,
    .control_bytes = 4096,
    .prepare = prepare,
    .file_format = &elf_big,
};

extern const Contract contract_ppc64le;
const Contract contract_ppc64le{
    .target = "ppc64le",
    .kexec_arch = std::uint64_t{21} << 16,
    .bits = 64,
    .dumped = dumped,
    .control_bytes = 4096,
    .prepare = prepare,
    .file_format = &elf_little,
};

}  // namespace kexlab::model
