// SPDX-License-Identifier: Apache-2.0
// ppc (32-bit) on an e500: destinations end where the jump's one-to-one mapping does. machine_kexec_prepare refuses
// nothing (arch/powerpc/kexec/core_32.c).
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

// KEXEC_DESTINATION_MEMORY_LIMIT of 85xx. Source: arch/powerpc/include/asm/kexec.h.
std::uint64_t destination_limit(const Situation&) { return (std::uint64_t{1} << 31) - 1; }

// Source: arch/powerpc/kexec/core.c, later vmcore_info.c (arch_crash_save_vmcoreinfo).
constexpr InfoLine vmcoreinfo[] = {{"SYMBOL(contig_page_data)", "!NUMA", {6, 1}}, {"KERNELOFFSET", "", {6, 1}}};

// The kernel's image lies in the linear map, which begins where memory does, and that is 0 on these boards. Nothing is
// said of addresses that another CONFIG_PAGE_OFFSET would give (0x80000000, 0xd0000000). Source:
// arch/powerpc/mm/nohash/e500.c (relocate_init: virt_phys_offset); arch/powerpc/Kconfig (PAGE_OFFSET).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf&) {
  constexpr std::uint64_t page_offset = 0xc0000000, most = 0x10000000;
  return address >= page_offset && address - page_offset < most ? std::optional(address - page_offset) : std::nullopt;
}

// As on ppc64; r2 is the task. An e500 runs the kernel with IS and DS clear, so of the MSR ME and PR are left.
// Source: arch/powerpc/kernel/ppc_save_regs.S; arch/powerpc/include/asm/reg_booke.h (MSR_KERNEL).
constexpr DumpRegister called[] = {{36, "link", DumpRegister::Is::text},
                                   {33, "msr", DumpRegister::Is::bits, 0x5000, 0x1000},
                                   {2, "r2", DumpRegister::Is::kernel}};

}  // namespace

extern const Contract contract_ppc;
const Contract contract_ppc{
    .target = "ppc",
    .kexec_arch = std::uint64_t{20} << 16,
    .bits = 32,
    .dumped = {.registers = 48,
               .program_counter = 32,
               .stack_pointer = 1,
               .called = called,
               .vmcoreinfo = vmcoreinfo,
               .physical = dumped_at},
    .destination_limit = destination_limit,
    .control_bytes = 4096,
    .never = no_file_call,
};

}  // namespace kexlab::model
