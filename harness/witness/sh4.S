/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on sh4: saves the state at entry, then stands on its own stack and vectors.
 *
 * The kernel calls it in privileged mode with interrupts masked, in P1, where physical memory is seen cached and untranslated
 * (arch/sh/kernel/machine_kexec.c, relocate_kernel.S). No register is free to begin with, and the stack may lie in a
 * segment: r0 and r1 go through dbr and spc, which are not reported.
 *
 * With KEXEC_PRESERVE_CONTEXT it goes back to pr. The kernel finds its own registers again by itself; it knows no other
 * entry for the next switch than the first.
 *
 * witness-flags: -m4-nofpu -ml -u __movmem_i4_even -lgcc
 */
    .section .target, "a"
1:  .ascii "sh4"
    .org 1b + 16

/* The order of the names is the order of the slots. */
#define REGISTERS 34
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "mmucr"; .asciz "ccr"
    .asciz "r0"; .asciz "r1"; .asciz "r2"; .asciz "r3"; .asciz "r4"; .asciz "r5"; .asciz "r6"; .asciz "r7"
    .asciz "r8"; .asciz "r9"; .asciz "r10"; .asciz "r11"; .asciz "r12"; .asciz "r13"; .asciz "r14"; .asciz "r15"
    .asciz "r0_bank"; .asciz "r1_bank"; .asciz "r2_bank"; .asciz "r3_bank"; .asciz "r4_bank"; .asciz "r5_bank"
    .asciz "r6_bank"; .asciz "r7_bank"
    .asciz "sr"; .asciz "ssr"; .asciz "gbr"; .asciz "vbr"; .asciz "sgr"; .asciz "mach"; .asciz "macl"; .asciz "pr"
    .balign 4
witness_register_count:
    .long REGISTERS

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .space REGISTERS * 4
registers_end:
    .balign 16
stack:
    .space 4096
stack_top:

/* Registers of the CPU, in P4. Source: arch/sh/include/cpu-sh4/cpu/mmu_context.h, cache.h. */
#define MMUCR 0xff000010
#define CCR 0xff00001c
#define TEA 0xff00000c
#define EXPEVT 0xff000024
#define INTEVT 0xff000028

/* \reg = address of \symbol, which is in another section; \word is a word that holds how far it is from there. Uses r0. */
    .macro address_of word, reg
    mova \word, r0
    mov.l \word, \reg
    add r0, \reg
    .endm

    .section .entry, "ax"
    .hidden witness_main, witness_fault, witness_end
entry:
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 32
    nop
    .endr
    ldc r0, dbr
    ldc r1, spc
    mova to_registers_end, r0
    mov.l to_registers_end, r1
    add r1, r0
    sts.l pr, @-r0
    sts.l macl, @-r0
    sts.l mach, @-r0
    stc.l sgr, @-r0
    stc.l vbr, @-r0
    stc.l gbr, @-r0
    stc.l ssr, @-r0
    stc.l sr, @-r0
    .irp number, 7, 6, 5, 4, 3, 2, 1, 0
    stc.l r\number\()_bank, @-r0
    .endr
    .irp number, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2
    mov.l r\number, @-r0
    .endr
    stc spc, r1
    mov.l r1, @-r0
    stc dbr, r1
    mov.l r1, @-r0
    mov.l ccr, r1
    mov.l @r1, r2
    mov.l r2, @-r0
    mov.l mmucr, r1
    mov.l @r1, r2
    mov.l r2, @-r0

    mov.l masked, r0
    ldc r0, sr
    address_of to_vectors, r1
    ldc r1, vbr
    address_of to_stack_top, r1
    mov r1, r15
    mov #0, r14
    mov.l to_main, r0
    bsrf r0
     nop
after_main:
1:  bra 1b
     nop

    .balign 4
to_registers_end: .long registers_end - to_registers_end
to_vectors: .long vectors - to_vectors
to_stack_top: .long stack_top - to_stack_top
to_main: .long witness_main - after_main
masked: .long 0x400000f0 /* privileged, bank 0, interrupts masked but not blocked. Source: SH-4 Software Manual, SR */
ccr: .long CCR
mmucr: .long MMUCR

    .data
    .balign 4
    .globl witness_entered_again
    .hidden witness_entered_again
witness_entered_again:
    .long 2 /* WITNESS_FIXED_ENTRY */

    .text
    .balign 4
    .globl witness_return
    .hidden witness_return
witness_return:
    address_of to_saved_pr, r1
    mov.l @r1, r0
    jmp @r0
     nop
    .balign 4
to_saved_pr: .long registers_end - 4 - to_saved_pr

/* All three vectors are one: tell the event, end. An interrupt has its number in another register. Source: SH-4 Software
 * Manual, exception handling. */
    .balign 4
vectors:
    .org vectors + 0x100
    bra fault
     nop
    .org vectors + 0x400
    bra fault
     nop
    .org vectors + 0x600
    mov.l intevt, r4
    bra tell
     nop
fault:
    mov.l expevt, r4
tell:
    mov.l bank_0, r0
    mov.l @r4, r1
    ldc r1, r4_bank
    ldc r0, sr /* r4 is the other bank's from here on */
    stc spc, r5
    mov.l tea, r6
    mov.l @r6, r6
    address_of fault_stack_top, r1
    mov r1, r15
    mov.l to_fault, r0
    bsrf r0
     nop
after_fault:
    mov.l to_end, r0
    bsrf r0
     nop
after_end:
    .balign 4
intevt: .long INTEVT
expevt: .long EXPEVT
tea: .long TEA
bank_0: .long 0x400000f0
fault_stack_top: .long stack_top - fault_stack_top
to_fault: .long witness_fault - after_fault
to_end: .long witness_end - after_end
