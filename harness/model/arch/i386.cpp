// SPDX-License-Identifier: Apache-2.0
// i386: no rule of its own for kexec_load, whose machine_kexec_prepare fails only for want of memory; no
// kexec_file_load. Source: arch/x86/kernel/machine_kexec_32.c; arch/x86/Kconfig, KEXEC_FILE depends on X86_64.
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

// Source: arch/x86/kernel/crash_core_32.c, later vmcore_info_32.c (arch_crash_save_vmcoreinfo).
constexpr InfoLine vmcoreinfo[] = {{"CONFIG_X86_PAE", "X86_PAE", {6, 1}},
                                   {"SYMBOL(node_data)", "NUMA", {6, 1}},
                                   {"LENGTH(node_data)", "NUMA", {6, 1}}};

// As on x86_64; in the kernel ss is never anything but __KERNEL_DS here. Source: arch/x86/include/asm/kexec.h,
// segment.h (GDT_ENTRY_KERNEL_CS, GDT_ENTRY_KERNEL_DS).
constexpr DumpRegister called[] = {{13, "cs", DumpRegister::Is::bits, 0xffff, 0x60},
                                   {14, "eflags", DumpRegister::Is::bits, 0x202, 0x2},
                                   {16, "ss", DumpRegister::Is::bits, 0xffff, 0x68}};

}  // namespace

extern const Contract contract_i386;
const Contract contract_i386{
    .target = "i386",
    .kexec_arch = std::uint64_t{3} << 16,
    .bits = 32,
    .dumped = {.registers = 17,
               .program_counter = 12,
               .stack_pointer = 15,
               .called = called,
               .vmcoreinfo = vmcoreinfo,
               .headers_left_out = true},
    .control_bytes = 4096,
    .never = no_file_call,
};

}  // namespace kexlab::model
