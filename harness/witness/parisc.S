/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on parisc: saves the state at entry, moves the table of addresses to where the image lies, then
 * stands on its own stack and vectors.
 *
 * The kernel enters in real mode with interrupts off (arch/parisc/kernel/relocate_kernel.S). No register is free to begin
 * with: tr4 (cr28) is the one that is lost. It holds r1, which a branch leaves the image's place in.
 *
 * Code finds the table of addresses by r19, code for any place as it is. It is not linked as such, for then each address
 * of the table would have a relocation; as it is, the table holds what the image linked at 0 has, and is moved here.
 * The linker reaches the addresses of code without the table, so that image and header have other names here, of numbers.
 * Stacks grow upwards.
 *
 * witness-flags: -march=1.1 -fpic -fno-jump-tables -Wl,-no-pie -Dwitness_image=parisc_image -Dwitness_image_header=parisc_header
 */
    .level 1.1

/* Numbers of control registers: PA-RISC 1.1 Architecture Reference Manual, chapter 2; arch/parisc/include/asm/assembly.h. */
#define CCR %cr10
#define IVA %cr14
#define EIEM %cr15
#define IIASQ %cr17
#define IIAOQ %cr18
#define IOR %cr21
#define IPSW %cr22
#define TR4 %cr28

#define PSW_Q 8 /* interruption state is collected; arch/parisc/include/asm/psw.h */
#define FRAME 64 /* what the ABI wants below the stack pointer of a caller */

    .globl parisc_image, parisc_header
    .hidden parisc_image, parisc_header
    .set parisc_image, 0
    .set parisc_header, 0x200 /* WITNESS_HEADER_OFFSET */

    .section .target, "a"
    .ascii "parisc"
    .zero 16 - 6

/* The order of the names is the order of the slots. */
#define REGISTERS 61
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "r1" ! .asciz "rp" ! .asciz "r3" ! .asciz "r4" ! .asciz "r5" ! .asciz "r6" ! .asciz "r7" ! .asciz "r8"
    .asciz "r9" ! .asciz "r10" ! .asciz "r11" ! .asciz "r12" ! .asciz "r13" ! .asciz "r14" ! .asciz "r15" ! .asciz "r16"
    .asciz "r17" ! .asciz "r18" ! .asciz "r19" ! .asciz "r20" ! .asciz "r21" ! .asciz "r22" ! .asciz "arg3" ! .asciz "arg2"
    .asciz "arg1" ! .asciz "arg0" ! .asciz "dp" ! .asciz "ret0" ! .asciz "ret1" ! .asciz "sp" ! .asciz "r31" ! .asciz "psw"
    .asciz "rctr" ! .asciz "pid1" ! .asciz "pid2" ! .asciz "ccr" ! .asciz "sar" ! .asciz "pid3" ! .asciz "pid4" ! .asciz "iva"
    .asciz "eiem" ! .asciz "interval_timer" ! .asciz "isr" ! .asciz "ior" ! .asciz "ipsw" ! .asciz "eirr" ! .asciz "tr0" ! .asciz "tr1"
    .asciz "tr2" ! .asciz "tr3" ! .asciz "tr5" ! .asciz "tr6" ! .asciz "tr7" ! .asciz "sr0" ! .asciz "sr1" ! .asciz "sr2"
    .asciz "sr3" ! .asciz "sr4" ! .asciz "sr5" ! .asciz "sr6" ! .asciz "sr7"
    .balign 4
witness_register_count:
    .word REGISTERS

    .bss
    .balign 64
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero REGISTERS * 4
    .balign 64
stack:
    .zero 8192

    .section .entry, "ax"
    .hidden witness_main, witness_fault, witness_end, witness_got, witness_got_end
entry:
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    mtctl %r1, TR4
    b,l here, %r1
    nop
here: /* the low bits of a link are the privilege level: 0 */
    ldo entry - here(%r1), %r1
    addil L%witness_registers, %r1
    ldo R%witness_registers(%r1), %r1
    .macro save_control register, slot
    mfctl \register, %r3
    stw %r3, (\slot) * 4(%r1)
    .endm
    .macro save_space register, slot
    mfsp \register, %r3
    stw %r3, (\slot) * 4(%r1)
    .endm
    .set n, 2
    .rept 30 /* r2 to r31 */
    stw n, (n - 1) * 4(%r1)
    .set n, n + 1
    .endr
    mfctl TR4, %r3
    stw %r3, 0(%r1)
    rsm 0, %r3
    stw %r3, 31 * 4(%r1)
    save_control %cr0, 32
    save_control %cr8, 33
    save_control %cr9, 34
    save_control %cr10, 35
    save_control %cr11, 36
    save_control %cr12, 37
    save_control %cr13, 38
    save_control %cr14, 39
    save_control %cr15, 40
    save_control %cr16, 41
    save_control %cr20, 42
    save_control %cr21, 43
    save_control %cr22, 44
    save_control %cr23, 45
    save_control %cr24, 46
    save_control %cr25, 47
    save_control %cr26, 48
    save_control %cr27, 49
    save_control %cr29, 50
    save_control %cr30, 51
    save_control %cr31, 52
    save_space %sr0, 53
    save_space %sr1, 54
    save_space %sr2, 55
    save_space %sr3, 56
    save_space %sr4, 57
    save_space %sr5, 58
    save_space %sr6, 59
    save_space %sr7, 60
    b,n set_up

    .text
set_up:
    ldil L%witness_registers, %r3
    ldo R%witness_registers(%r3), %r3
    sub %r1, %r3, %r3 /* where the image lies; it was linked at 0 */
    addil L%witness_got_end, %r3
    ldo R%witness_got_end(%r1), %r5
    addil L%witness_got, %r3
    ldo R%witness_got(%r1), %r19
    copy %r19, %r4
move_got:
    cmpb,>>=,n %r4, %r5, moved
    ldw 0(%r4), %r6
    add %r6, %r3, %r6
    b move_got
    stw,ma %r6, 4(%r4)
moved:
    addil L%vectors, %r3
    ldo R%vectors(%r1), %r4
    mtctl %r4, IVA
    ldi 0xc0, %r4 /* the compiler multiplies in the floating-point unit */
    mtctl %r4, CCR
    mtctl %r0, EIEM
    addil L%on, %r3
    ldo R%on(%r1), %r4
    ldi PSW_Q, %r5
    /* Q, without which nobody would know where a fault was, can be set by an rfi only. */
    mtctl %r0, IIASQ
    mtctl %r0, IIASQ
    mtctl %r4, IIAOQ
    ldo 4(%r4), %r4
    mtctl %r4, IIAOQ
    mtctl %r5, IPSW
    rfi
    nop
on:
    addil L%stack, %r3
    ldo R%stack + FRAME(%r1), %sp
    copy %r19, %dp
    b,l witness_main, %rp
    nop

/* All vectors are one: tell which it was (PA-RISC 1.1 Architecture Reference Manual, chapter 4), end. */
    .text
    .balign 2048
vectors:
    .set n, 0
    .rept 32
    .balign 32
    b fault
    ldi n, %arg0
    .set n, n + 1
    .endr

fault:
    b,l 1f, %r3
    nop
1:  ldil L%1b, %r4
    ldo R%1b(%r4), %r4
    sub %r3, %r4, %r3
    addil L%witness_got, %r3
    ldo R%witness_got(%r1), %r19
    addil L%stack, %r3
    ldo R%stack + FRAME(%r1), %sp
    copy %r19, %r4
    mfctl IIAOQ, %arg1
    b,l witness_fault, %rp
    mfctl IOR, %arg2
    b,l witness_end, %rp
    copy %r4, %r19
