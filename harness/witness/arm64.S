/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on arm64: saves the state that kexec promised, then stands on its own stack and vectors.
 *
 * The kernel enters at EL1, or at EL2 where it was booted there, with the MMU off, DAIF masked, x0 to x3 zero for
 * kexec_load without a DTB (arch/arm64/kernel/relocate_kernel.S, machine_kexec.c). With the MMU off all memory is
 * Device: every access must be aligned, hence -mstrict-align.
 *
 * TPIDR_EL0 is the one register that is not reported: it holds x30 until memory can be addressed.
 *
 * witness-also: pl011.c
 * witness-flags: -mgeneral-regs-only -mstrict-align -mcmodel=tiny -mno-outline-atomics -mbranch-protection=none
 */

    .section .target, "a"
    .ascii "arm64"
    .zero 16 - 5

/* The order of the names is the order of the slots. Those from sctlr_el2 on are saved and told at EL2 only. */
#define COMMON 49
#define AT_EL2 7
    .section .rodata, "a"
    .globl witness_register_names
    .hidden witness_register_names
witness_register_names:
    .asciz "x0"; .asciz "x1"; .asciz "x2"; .asciz "x3"; .asciz "x4"; .asciz "x5"; .asciz "x6"; .asciz "x7"
    .asciz "x8"; .asciz "x9"; .asciz "x10"; .asciz "x11"; .asciz "x12"; .asciz "x13"; .asciz "x14"; .asciz "x15"
    .asciz "x16"; .asciz "x17"; .asciz "x18"; .asciz "x19"; .asciz "x20"; .asciz "x21"; .asciz "x22"; .asciz "x23"
    .asciz "x24"; .asciz "x25"; .asciz "x26"; .asciz "x27"; .asciz "x28"; .asciz "x29"; .asciz "x30"
    .asciz "sp"; .asciz "nzcv"; .asciz "daif"; .asciz "spsel"; .asciz "currentel"
    .asciz "sctlr_el1"; .asciz "tcr_el1"; .asciz "ttbr0_el1"; .asciz "ttbr1_el1"; .asciz "mair_el1"; .asciz "vbar_el1"
    .asciz "cpacr_el1"; .asciz "mpidr_el1"; .asciz "midr_el1"; .asciz "cntkctl_el1"; .asciz "cntfrq_el0"
    .asciz "cntvct_el0"; .asciz "cntv_ctl_el0"
    .asciz "sctlr_el2"; .asciz "hcr_el2"; .asciz "tcr_el2"; .asciz "vbar_el2"; .asciz "cptr_el2"; .asciz "cnthctl_el2"
    .asciz "cntvoff_el2"

    .bss
    .balign 16
    .globl witness_registers, witness_register_count
    .hidden witness_registers, witness_register_count
witness_registers:
    .zero (COMMON + AT_EL2 + 1) * 8
witness_register_count:
    .zero 8
    .balign 16
stack:
    .zero 4096
stack_top:

    .section .entry, "ax"
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    msr tpidr_el0, x30
    adr x30, witness_registers
    stp x0, x1, [x30]
    stp x2, x3, [x30, #16]
    stp x4, x5, [x30, #32]
    stp x6, x7, [x30, #48]
    stp x8, x9, [x30, #64]
    stp x10, x11, [x30, #80]
    stp x12, x13, [x30, #96]
    stp x14, x15, [x30, #112]
    stp x16, x17, [x30, #128]
    stp x18, x19, [x30, #144]
    stp x20, x21, [x30, #160]
    stp x22, x23, [x30, #176]
    stp x24, x25, [x30, #192]
    stp x26, x27, [x30, #208]
    stp x28, x29, [x30, #224]
    mrs x0, tpidr_el0
    mov x1, sp
    stp x0, x1, [x30, #240]
    add x30, x30, #256
    b save_system

    .macro save_system_register name
    mrs x0, \name
    str x0, [x30], #8
    .endm

    .text
save_system:
    .irp name, nzcv, daif, spsel, currentel, sctlr_el1, tcr_el1, ttbr0_el1, ttbr1_el1, mair_el1, vbar_el1, \
               cpacr_el1, mpidr_el1, midr_el1, cntkctl_el1, cntfrq_el0, cntvct_el0, cntv_ctl_el0
    save_system_register \name
    .endr
    msr daifset, #15
    mov w1, #COMMON
    adr x2, witness_vectors
    mrs x0, currentel
    cmp x0, #2 << 2
    b.eq 1f
    msr vbar_el1, x2
    b 2f
1:
    .irp name, sctlr_el2, hcr_el2, tcr_el2, vbar_el2, cptr_el2, cnthctl_el2, cntvoff_el2
    save_system_register \name
    .endr
    msr vbar_el2, x2
    mov w1, #COMMON + AT_EL2
2:
    isb
    adr x0, witness_register_count
    str w1, [x0]
    msr spsel, #1
    adr x0, stack_top
    mov sp, x0
    mov x29, xzr
    bl witness_main

/* All sixteen vectors are one: tell the cause, end. */
    .balign 2048
witness_vectors:
    .rept 16
    .balign 128
    b fault
    .endr

    .balign 128
fault:
    adr x0, stack_top
    mov sp, x0
    mrs x0, currentel
    cmp x0, #2 << 2
    b.eq 1f
    mrs x0, esr_el1
    mrs x1, elr_el1
    mrs x2, far_el1
    b 2f
1:
    mrs x0, esr_el2
    mrs x1, elr_el2
    mrs x2, far_el2
2:
    bl witness_fault
    bl witness_end
