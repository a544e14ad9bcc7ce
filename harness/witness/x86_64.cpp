// SPDX-License-Identifier: Apache-2.0
// The state at entry on x86_64: 64-bit mode, identity-mapped, interrupts off, general registers zero.
//
// Most of it is done by identity_mapped in arch/x86/kernel/relocate_kernel_64.S; seen alike on Debian's 6.1.192 and
// 6.12.117, through reboot(2) and through a panic. Before it machine_kexec loads the data segments from the kernel's
// GDT (arch/x86/kernel/machine_kexec_64.c). With KEXEC_PRESERVE_CONTEXT general registers hold leftovers and %rsp the
// kernel's swap page. Not promised, and not looked at: otherwise %rsp (left alone), cr2, cr3, cs (never loaded), and
// where GDT and IDT are.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// Bits of the control registers. Source: arch/x86/include/uapi/asm/processor-flags.h; EFER:
// arch/x86/include/asm/msr-index.h.
constexpr std::uint64_t cr0_pe = 1u << 0, cr0_em = 1u << 2, cr0_ts = 1u << 3, cr0_wp = 1u << 16, cr0_am = 1u << 18,
                        cr0_pg = 1u << 31;
constexpr std::uint64_t cr4_pae = 1u << 5, cr4_mce = 1u << 6, cr4_la57 = 1u << 12;
constexpr std::uint64_t efer_lme = 1u << 8, efer_lma = 1u << 10;
// Results of arithmetic (CF PF AF ZF SF OF), which the zeroing of registers leaves behind, and the bit that is
// always 1.
constexpr std::uint64_t status_flags = 0x8d5 | 0x2;

// An image that is to come back is called with its return address as the last word of a page of the kernel's;
// since 6.14 as the last but one, for its entry stands behind it.
constexpr std::uint64_t call_stack = 0xff0;

constexpr std::string_view source = "arch/x86/kernel/relocate_kernel_64.S: identity_mapped";
constexpr std::string_view zeroed = "general registers are zeroed";

constexpr RegisterRule zero(std::string_view name) {
  return {name, all_bits, 0, zeroed, source, false, RegisterRule::When::boot};
}

// Source: arch/x86/include/asm/segment.h, 64 bits (__KERNEL_DS).
constexpr std::uint64_t kernel_ds = 0x18;

constexpr RegisterRule data(std::string_view name) {
  return {name, all_bits, kernel_ds, "the kernel's own data segment",
          "arch/x86/kernel/machine_kexec_64.c: load_segments"};
}

// 6.1 and 6.12 leave no tables: their limits are 0 (native_gdt_invalidate, native_idt_invalidate in
// machine_kexec_64.c). Newer kernels do that in relocate_kernel, and then load small ones of their own
// (relocate_kernel_64.S of 7.2: kexec_debug_gdt, of four entries; kexec_debug_idt, of sixteen). Nowhere are they the
// kernel's, which are larger: GDT_ENTRIES is 16, IDT_ENTRIES 256.
constexpr std::uint64_t small_gdt = 4 * 8 - 1, small_idt = 16 * 16 - 1;

constexpr RegisterRule rules[] = {
    zero("rax"),
    zero("rbx"),
    zero("rcx"),
    zero("rdx"),
    zero("rsi"),
    zero("rdi"),
    zero("rbp"),
    zero("r8"),
    zero("r9"),
    zero("r10"),
    zero("r11"),
    zero("r12"),
    zero("r13"),
    zero("r14"),
    zero("r15"),
    {"rflags", ~status_flags, 0, "interrupts off, every control flag clear",
     "arch/x86/kernel/relocate_kernel_64.S: relocate_kernel"},
    {"cr0", cr0_pg | cr0_am | cr0_wp | cr0_ts | cr0_em | cr0_pe, cr0_pg | cr0_pe,
     "protection and paging on; alignment checks, write protection, task switch and FPU emulation off", source},
    // Five-level paging stays as it was; newer kernels keep machine checks on where a TDX guest must not clear the bit.
    {"cr4", ~(cr4_la57 | cr4_mce), cr4_pae, "physical address extension and nothing else", source},
    {"rsp", call_stack, call_stack, "called on the last words of the swap page", source, false,
     RegisterRule::When::jump},
    data("ds"),
    data("es"),
    data("ss"),
    data("fs"),
    data("gs"),
    {"gdtr_limit", ~small_gdt, 0, "the kernel's GDT is gone", "arch/x86/kernel/machine_kexec_64.c: machine_kexec"},
    {"idtr_limit", ~small_idt, 0, "the kernel's IDT is gone", "arch/x86/kernel/machine_kexec_64.c: machine_kexec"},
    {"efer", efer_lme | efer_lma, efer_lme | efer_lma, "long mode", "arch/x86/kernel/relocate_kernel_64.S: .code64"},
};

}  // namespace

extern const EntryState entry_state_x86_64;
const EntryState entry_state_x86_64{"x86_64", rules};

}  // namespace kexlab::witness
