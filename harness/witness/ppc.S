/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on ppc (e500): saves the state that kexec promised, moves the table of addresses to where the image lies,
 * then stands on its own stack and vectors.
 *
 * The kernel enters with the first 2 GiB mapped one to one by entries 3 to 10 of TLB1, r3 = the CPU's number, r4 = r5 = entry
 * (arch/powerpc/kexec/relocate_32.S).
 *
 * SPRG0 and SPRG1 are the registers that are not reported: they hold r30 and lr until memory can be addressed.
 *
 * The code takes addresses from a table (-fpie), which is linked for address 0: without -no-pie the linker would ask for it to be
 * moved by relocations.
 *
 * witness-flags: -mcpu=powerpc -msoft-float -Wl,-no-pie
 */
    .section .target, "a"
    .ascii "ppc"
    .zero 16 - 3

/* The order of the names is the order of the slots. */
#define COUNT 44
#define SLOT(n) ((n) * 4)
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "r0"; .asciz "r1"; .asciz "r2"; .asciz "r3"; .asciz "r4"; .asciz "r5"; .asciz "r6"; .asciz "r7"
    .asciz "r8"; .asciz "r9"; .asciz "r10"; .asciz "r11"; .asciz "r12"; .asciz "r13"; .asciz "r14"; .asciz "r15"
    .asciz "r16"; .asciz "r17"; .asciz "r18"; .asciz "r19"; .asciz "r20"; .asciz "r21"; .asciz "r22"; .asciz "r23"
    .asciz "r24"; .asciz "r25"; .asciz "r26"; .asciz "r27"; .asciz "r28"; .asciz "r29"; .asciz "r30"; .asciz "r31"
    .asciz "lr"; .asciz "ctr"; .asciz "xer"; .asciz "cr"; .asciz "msr"; .asciz "srr0"; .asciz "srr1"; .asciz "dec"
    .asciz "pvr"; .asciz "pir"; .asciz "pid"; .asciz "tcr"
    .balign 4
witness_register_count:
    .long COUNT

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero SLOT(COUNT)
    .balign 16
stack:
    .zero 8192
stack_top:

/* Special purpose registers. Source: arch/powerpc/include/asm/reg.h, reg_booke.h. */
#define SPRN_PID 48
#define SPRN_DEAR 61
#define SPRN_ESR 62
#define SPRN_IVPR 63
#define SPRN_PIR 286
#define SPRN_TCR 340
#define SPRN_IVOR0 400
#define SPRN_IVOR32 528

    .section .entry, "ax"
    .hidden witness_main, witness_fault, witness_end, witness_image, witness_got, witness_got_end
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    mtsprg 0, 30
    mflr 30
    mtsprg 1, 30
    bcl 20, 31, 1f
1:  mflr 30
    addis 30, 30, (witness_registers - 1b)@ha
    addi 30, 30, (witness_registers - 1b)@l
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31
    stw \n, SLOT(\n)(30)
    .endr
    mfsprg 3, 0
    stw 3, SLOT(30)(30)
    mfsprg 3, 1
    stw 3, SLOT(32)(30)
    mfctr 3
    stw 3, SLOT(33)(30)
    mfxer 3
    stw 3, SLOT(34)(30)
    mfcr 3
    stw 3, SLOT(35)(30)
    mfmsr 3
    stw 3, SLOT(36)(30)
    mfsrr0 3
    stw 3, SLOT(37)(30)
    mfsrr1 3
    stw 3, SLOT(38)(30)
    mfdec 3
    stw 3, SLOT(39)(30)
    mfpvr 3
    stw 3, SLOT(40)(30)
    mfspr 3, SPRN_PIR
    stw 3, SLOT(41)(30)
    mfspr 3, SPRN_PID
    stw 3, SLOT(42)(30)
    mfspr 3, SPRN_TCR
    stw 3, SLOT(43)(30)
    b stand

    .text
stand:
    bcl 20, 31, 1f
1:  mflr 31
    addis 29, 31, (witness_image - 1b)@ha
    addi 29, 29, (witness_image - 1b)@l /* where the image lies; it was linked at 0 */
    addis 3, 31, (witness_got - 1b)@ha
    addi 3, 3, (witness_got - 1b)@l
    addis 4, 31, (witness_got_end - 1b)@ha
    addi 4, 4, (witness_got_end - 1b)@l
2:  cmplw 3, 4
    bge 3f
    lwz 5, 0(3)
    add 5, 5, 29
    stw 5, 0(3)
    addi 3, 3, 4
    b 2b
3:  /* All vectors are one, at a multiple of 16 in the 64 KiB that IVPR names. */
    addis 3, 31, (fault - 1b)@ha
    addi 3, 3, (fault - 1b)@l
    mtspr SPRN_IVPR, 3
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    mtspr SPRN_IVOR0 + \n, 3
    .endr
    .irp n, 0, 1, 2, 3
    mtspr SPRN_IVOR32 + \n, 3
    .endr
    isync
    addis 1, 31, (stack_top - 64 - 1b)@ha
    addi 1, 1, (stack_top - 64 - 1b)@l
    li 3, 0
    stw 3, 0(1)
    bl witness_main

    .balign 16
fault:
    bcl 20, 31, 1f
1:  mflr 1
    addis 1, 1, (stack_top - 64 - 1b)@ha
    addi 1, 1, (stack_top - 64 - 1b)@l
    mfspr 3, SPRN_ESR
    mfsrr0 4
    mfspr 5, SPRN_DEAR
    bl witness_fault
    bl witness_end
