/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on m68k: saves the state at entry, then stands on its own stack and vectors.
 *
 * The kernel enters in supervisor mode with interrupts masked and the MMU off (arch/m68k/kernel/relocate_kernel.S). No register is
 * free to begin with, and the stack may lie in a segment: a0 goes through the user's stack pointer, which is not reported.
 *
 * Code reaches data relative to itself (-mpcrel): distances of 32 KiB at most.
 *
 * witness-flags: -m68040 -mpcrel -msoft-float
 */
    .section .target, "a"
1:  .ascii "m68k"
    .org 1b + 16

/* The order of the names is the order of the slots. */
#define REGISTERS 29
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "d0"; .asciz "d1"; .asciz "d2"; .asciz "d3"; .asciz "d4"; .asciz "d5"; .asciz "d6"; .asciz "d7"
    .asciz "a0"; .asciz "a1"; .asciz "a2"; .asciz "a3"; .asciz "a4"; .asciz "a5"; .asciz "a6"; .asciz "sp"
    .asciz "sr"; .asciz "vbr"; .asciz "cacr"; .asciz "tc"; .asciz "itt0"; .asciz "itt1"; .asciz "dtt0"; .asciz "dtt1"
    .asciz "urp"; .asciz "srp"; .asciz "sfc"; .asciz "dfc"; .asciz "mmusr"
    .balign 4
witness_register_count:
    .long REGISTERS

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .space REGISTERS * 4
    .balign 16
vectors:
    .space 256 * 4
stack:
    .space 4096
stack_top:

    .section .entry, "ax"
    .hidden witness_main, witness_fault, witness_end
entry:
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 32
    nop
    .endr
    move.l %a0, %usp
    lea witness_registers(%pc), %a0
    movem.l %d0-%d7/%a0-%a7, (%a0)
    move.l %usp, %a1
    move.l %a1, 8 * 4(%a0)
    lea 16 * 4(%a0), %a0
    moveq #0, %d0
    move.w %sr, %d0
    move.l %d0, (%a0)+
    .irp name, vbr, cacr, tc, itt0, itt1, dtt0, dtt1, urp, srp, sfc, dfc, mmusr
    movec %\name, %d0
    move.l %d0, (%a0)+
    .endr
    move.w #0x2700, %sr
    lea vectors(%pc), %a0
    movec %a0, %vbr
    lea fault(%pc), %a1
    move.w #255, %d0
1:  move.l %a1, (%a0)+
    dbra %d0, 1b
    lea stack_top(%pc), %sp
    sub.l %a6, %a6
    bsr.w witness_main

/* All vectors are one: tell the frame's format and vector, the address that was accessed (in a frame of an access error), end.
 * Source: M68000 Family Programmer's Reference Manual, appendix B. */
    .text
fault:
    moveq #0, %d0
    move.w 6(%sp), %d0
    move.l 2(%sp), %d1
    move.l 8(%sp), %d2
    lea stack_top(%pc), %sp
    move.l %d2, -(%sp)
    move.l %d1, -(%sp)
    move.l %d0, -(%sp)
    bsr.w witness_fault
    bsr.w witness_end
