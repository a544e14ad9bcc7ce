// SPDX-License-Identifier: Apache-2.0
// The state at entry on i386: protected mode without paging, interrupts off, general registers zero.
//
// Most of it is done by relocate_kernel and identity_mapped in arch/x86/kernel/relocate_kernel_32.S; before them
// machine_kexec loads segments from the kernel's GDT, then takes GDT and IDT away (arch/x86/kernel/machine_kexec_32.c,
// alike in 6.1, 6.12 and 7.2). Not promised, and not looked at: cr2, fs and gs.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// Bits of the control registers. Source: arch/x86/include/uapi/asm/processor-flags.h.
constexpr std::uint64_t cr0_pe = 1u << 0, cr0_em = 1u << 2, cr0_ts = 1u << 3, cr0_wp = 1u << 16, cr0_am = 1u << 18,
                        cr0_pg = 1u << 31;
// Results of arithmetic (CF PF AF ZF SF OF), which the zeroing of registers leaves behind, and the bit that is
// always 1.
constexpr std::uint64_t status_flags = 0x8d5 | 0x2;
// The stack: the control page's end, less the return address 0 that was pushed there.
constexpr std::uint64_t in_page = 0xfff, below_the_end = 0xffc;

// Source: arch/x86/include/asm/segment.h, CONFIG_X86_32 (__KERNEL_CS, __KERNEL_DS).
constexpr std::uint64_t kernel_cs = 0x60, kernel_ds = 0x68;

constexpr std::string_view source = "arch/x86/kernel/relocate_kernel_32.S: identity_mapped";
constexpr std::string_view segments = "arch/x86/kernel/machine_kexec_32.c: load_segments";
constexpr std::string_view zeroed = "general registers are zeroed";

constexpr RegisterRule zero(std::string_view name) { return {name, all_bits, 0, zeroed, source}; }

constexpr RegisterRule data(std::string_view name) {
  return {name, all_bits, kernel_ds, "the kernel's own data segment, which is flat", segments};
}

constexpr RegisterRule gone(std::string_view name, std::string_view symbol) {
  return {name, all_bits, 0, "no table is left", symbol};
}
constexpr std::string_view gdt = "arch/x86/include/asm/desc.h: native_gdt_invalidate";
constexpr std::string_view idt = "arch/x86/include/asm/desc.h: native_idt_invalidate";

constexpr RegisterRule rules[] = {
    zero("eax"),
    zero("ebx"),
    zero("ecx"),
    zero("edx"),
    zero("esi"),
    zero("edi"),
    zero("ebp"),
    {"esp", in_page, below_the_end, "a stack at the end of the control page", source},
    {"eflags", ~status_flags, 0, "interrupts off, every control flag clear",
     "arch/x86/kernel/relocate_kernel_32.S: relocate_kernel"},
    {"cr0", cr0_pg | cr0_am | cr0_wp | cr0_ts | cr0_em | cr0_pe, cr0_pe,
     "protection on; paging, alignment checks, write protection, task switch and FPU emulation off", source},
    {"cr3", all_bits, 0, "no page tables", source},
    // Where the CPU has PAE, as every CPU of a PAE kernel does; machine_kexec_32.c passes
    // boot_cpu_has(X86_FEATURE_PAE).
    {"cr4", all_bits, 0, "every extension off", source},
    {"cs", all_bits, kernel_cs, "the kernel's own code segment, which is flat", segments},
    data("ds"),
    data("es"),
    data("ss"),
    gone("gdtr_base", gdt),
    gone("gdtr_limit", gdt),
    gone("idtr_base", idt),
    gone("idtr_limit", idt),
};

}  // namespace

extern const EntryState entry_state_i386;
const EntryState entry_state_i386{"i386", rules};

}  // namespace kexlab::witness
