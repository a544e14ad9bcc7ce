/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on arm: saves the state that kexec promised, then stands on its own stack and vectors.
 *
 * The kernel enters in ARM state and SVC mode with MMU and caches off and interrupts masked (arch/arm/kernel/reboot.c,
 * arch/arm/mm/proc-v7.S, arch/arm/kernel/relocate_kernel.S). With the MMU off all memory is strongly ordered: every
 * access must be aligned, hence -mno-unaligned-access.
 *
 * TPIDRURW is the one register that is not reported: it holds lr until memory can be addressed.
 *
 * A counter of 64 bits takes two registers here: cntvct, and cntvct_high above it.
 *
 * witness-also: pl011.c
 * witness-flags: -march=armv7-a -marm -mfloat-abi=soft -mgeneral-regs-only -mno-unaligned-access
 */

    .syntax unified
    .arch armv7-a
    .arch_extension virt

    .section .target, "a"
    .ascii "arm"
    .zero 16 - 3

/* The order of the names is the order of the slots. */
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "r0"; .asciz "r1"; .asciz "r2"; .asciz "r3"; .asciz "r4"; .asciz "r5"; .asciz "r6"; .asciz "r7"
    .asciz "r8"; .asciz "r9"; .asciz "r10"; .asciz "r11"; .asciz "r12"; .asciz "sp"; .asciz "lr"; .asciz "cpsr"
    .asciz "sctlr"; .asciz "ttbcr"; .asciz "ttbr0"; .asciz "ttbr1"; .asciz "dacr"; .asciz "vbar"; .asciz "midr"
    .asciz "mpidr"; .asciz "cntfrq"; .asciz "cntkctl"; .asciz "cntv_ctl"; .asciz "cntvct"; .asciz "cntvct_high"
    .balign 4
witness_register_count:
    .word 29

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero 29 * 4
    .balign 16
stack:
    .zero 4096
stack_top:

    .section .entry, "ax"
    .arm
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    /* Nothing up to the reading of cpsr changes a flag. */
    mcr p15, 0, lr, c13, c0, 2
    ldr lr, 2f
1:  add lr, pc, lr
    stm lr!, {r0 - r12}
    mrc p15, 0, r0, c13, c0, 2
    str sp, [lr], #4
    str r0, [lr], #4
    mrs r0, cpsr
    str r0, [lr], #4
    cpsid aif
    b save_system
2:  .word witness_registers - (1b + 8)

    .macro save_system_register op1, crn, crm, op2
    mrc p15, \op1, r0, \crn, \crm, \op2
    str r0, [lr], #4
    .endm

    .macro load_address register, symbol
    ldr \register, 8f
7:  add \register, pc, \register
    b 9f
8:  .word \symbol - (7b + 8)
9:
    .endm

    .text
    .arm
save_system:
    save_system_register 0, c1, c0, 0
    save_system_register 0, c2, c0, 2
    save_system_register 0, c2, c0, 0
    save_system_register 0, c2, c0, 1
    save_system_register 0, c3, c0, 0
    save_system_register 0, c12, c0, 0
    save_system_register 0, c0, c0, 0
    save_system_register 0, c0, c0, 5
    save_system_register 0, c14, c0, 0
    save_system_register 0, c14, c1, 0
    save_system_register 0, c14, c3, 1
    isb
    mrrc p15, 1, r0, r1, c14
    stm lr!, {r0, r1}
    /* Vectors where VBAR says, not at 0xffff0000 where the kernel has its own. */
    mrc p15, 0, r0, c1, c0, 0
    bic r0, r0, #1 << 13
    mcr p15, 0, r0, c1, c0, 0
    load_address r0, vectors
    mcr p15, 0, r0, c12, c0, 0
    isb
    load_address sp, stack_top
    mov fp, #0
    bl witness_main

    .balign 32
vectors:
    b undefined /* reset: never taken */
    b undefined
    b undefined /* supervisor call */
    b prefetch_abort
    b data_abort
    b undefined
    b undefined /* interrupts are masked */
    b undefined

/* There is no way back. */
undefined:
    mov r0, #0
    sub r1, lr, #4
    mov r2, #0
    b fault
prefetch_abort:
    mrc p15, 0, r0, c5, c0, 1
    sub r1, lr, #4
    mrc p15, 0, r2, c6, c0, 2
    b fault
data_abort:
    mrc p15, 0, r0, c5, c0, 0
    sub r1, lr, #8
    mrc p15, 0, r2, c6, c0, 0
fault:
    load_address sp, stack_top
    bl witness_fault
    bl witness_end
