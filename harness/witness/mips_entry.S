/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on MIPS, 32 or 64 bits, either byte order: saves the state at entry, moves the table of addresses to
 * where the image lies, then stands on its own stack and vectors. The file that includes this defines TARGET.
 *
 * The kernel enters in kernel mode with interrupts off, in the unmapped segment that it lives in itself: KSEG0, for 64
 * bits XKPHYS (arch/mips/kernel/machine_kexec.c, relocate_kernel.S).
 *
 * k0 and k1 are the registers that are not reported: an interrupt may have changed them at any time. Addresses inside the
 * image are gp-relative: code is here at any place, and MIPS has no pc-relative loads.
 */
#ifdef __mips64
#define STORE sd
#define LOAD ld
#define ADD daddu
#define ADDI daddiu
#define MFC0 dmfc0
#define WIDTH 8
#else
#define STORE sw
#define LOAD lw
#define ADD addu
#define ADDI addiu
#define MFC0 mfc0
#define WIDTH 4
#endif

/* \reg = the address that gp-relative offsets count from. Uses ra. */
    .macro find_gp reg
    bal 1f
    nop
1:
#ifdef __mips64
    lui \reg, %hi(%neg(%gp_rel(1b)))
    daddiu \reg, \reg, %lo(%neg(%gp_rel(1b)))
#else
    lui \reg, %hi(_gp_disp)
    addiu \reg, \reg, %lo(_gp_disp)
#endif
    ADD \reg, \reg, $31
    .endm

    .macro call name
    LOAD $25, %call16(\name)($28)
    jalr $25
    nop
    .endm

    .section .target, "a"
1:  .ascii TARGET
    .org 1b + 16

/* The order of the names is the order of the slots. */
#define REGISTERS 42
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "at"; .asciz "v0"; .asciz "v1"; .asciz "a0"; .asciz "a1"; .asciz "a2"; .asciz "a3"; .asciz "r8"
    .asciz "r9"; .asciz "r10"; .asciz "r11"; .asciz "r12"; .asciz "r13"; .asciz "r14"; .asciz "r15"; .asciz "s0"
    .asciz "s1"; .asciz "s2"; .asciz "s3"; .asciz "s4"; .asciz "s5"; .asciz "s6"; .asciz "s7"; .asciz "t8"
    .asciz "t9"; .asciz "gp"; .asciz "sp"; .asciz "fp"; .asciz "ra"; .asciz "hi"; .asciz "lo"
    .asciz "status"; .asciz "cause"; .asciz "epc"; .asciz "badvaddr"; .asciz "context"; .asciz "entryhi"
    .asciz "wired"; .asciz "prid"; .asciz "ebase"; .asciz "config"; .asciz "count"
    .balign 4
witness_register_count:
    .word REGISTERS

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .space REGISTERS * WIDTH
    .balign 16
stack:
    .space 4096
stack_top:
    .space 64 /* where a callee may store its arguments */

    .set noreorder
    .set noat
    .section .entry, "ax"
    .hidden witness_got, witness_got_end, witness_main, witness_fault, witness_end
entry:
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    move $27, $31
    find_gp $26
from_here = . - entry /* ra is 12 bytes less */
    .macro save register, slot
    STORE \register, %gp_rel(witness_registers + (\slot) * WIDTH)($26)
    .endm
    save $1, 0
    save $2, 1
    save $3, 2
    save $4, 3
    save $5, 4
    save $6, 5
    save $7, 6
    save $8, 7
    save $9, 8
    save $10, 9
    save $11, 10
    save $12, 11
    save $13, 12
    save $14, 13
    save $15, 14
    save $16, 15
    save $17, 16
    save $18, 17
    save $19, 18
    save $20, 19
    save $21, 20
    save $22, 21
    save $23, 22
    save $24, 23
    save $25, 24
    save $28, 25
    save $29, 26
    save $30, 27
    save $27, 28
    mfhi $8
    save $8, 29
    mflo $8
    save $8, 30
    mfc0 $8, $12
    save $8, 31
    mfc0 $8, $13
    save $8, 32
    MFC0 $8, $14
    save $8, 33
    MFC0 $8, $8
    save $8, 34
    MFC0 $8, $4
    save $8, 35
    MFC0 $8, $10
    save $8, 36
    mfc0 $8, $6
    save $8, 37
    mfc0 $8, $15
    save $8, 38
    mfc0 $8, $15, 1
    save $8, 39
    mfc0 $8, $16
    save $8, 40
    mfc0 $8, $9
    save $8, 41
    di
    ehb
    ADDI $16, $31, -(from_here - 12) /* where the image lies; it was linked at 0 */
    ADDI $9, $26, %gp_rel(witness_got)
    ADDI $10, $26, %gp_rel(witness_got_end)
    ADDI $9, $9, 2 * WIDTH /* the first two words are the dynamic linker's */
move_got:
    sltu $11, $9, $10
    beqz $11, set_vectors
    nop
    LOAD $12, ($9)
    ADD $12, $12, $16
    STORE $12, ($9)
    b move_got
    ADDI $9, $9, WIDTH
set_vectors:
    /* EBase may be written while the vectors are the boot ROM's only (Status.BEV), and wants a KSEG0 address. */
    lui $9, 0x1fff
    ori $9, $9, 0xf000
    LOAD $8, %got_disp(witness_vectors)($26)
    and $8, $8, $9
    lui $9, 0x8000
    or $8, $8, $9
    mfc0 $9, $12
    lui $10, 0x40
    or $11, $9, $10
    mtc0 $11, $12
    ehb
    mtc0 $8, $15, 1
    ehb
    nor $10, $10, $0
    and $9, $9, $10
    mtc0 $9, $12
    ehb
    move $28, $26
    ADDI $29, $28, %gp_rel(stack_top)
    move $30, $0
    call witness_main

/* All vectors are one: tell the cause, end. Offsets: MIPS32 Privileged Resource Architecture, exception vectors. */
    .text
    .balign 4096
    .globl witness_vectors
    .hidden witness_vectors
witness_vectors:
    .rept 8
    b fault
    nop
    .balign 128
    .endr

fault:
    find_gp $28
    ADDI $29, $28, %gp_rel(stack_top)
    mfc0 $4, $13
    MFC0 $5, $14
    MFC0 $6, $8
    call witness_fault
    call witness_end
