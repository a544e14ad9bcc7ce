/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on ppc64 of either byte order: saves the state that kexec promised, then stands on its own stack.
 *
 * The kernel enters in real mode with r3 = the CPU's number, r4 = entry, r5 = 0, in its own byte order, after it has
 * copied the first 0x100 bytes at the entry to address 0 and sent all other CPUs to 0x60, those in big endian
 * (kexec_sequence and kexec_wait, arch/powerpc/kernel/misc_64.S). There they stay.
 *
 * SPRG0 and SPRG1 are the registers that are not reported: they hold r30 and lr until memory can be addressed. `head`
 * is none: it is 1 where the copy at address 0 is as it should be, else 0.
 *
 * witness-flags: -mcpu=power8 -mabi=elfv2 -mcmodel=medium -msoft-float -mno-altivec -mno-vsx
 */

    .section .target, "a"
#ifdef __LITTLE_ENDIAN__
    .ascii "ppc64le"
    .zero 16 - 7
#else
    .ascii "ppc64"
    .zero 16 - 5
#endif

/* The order of the names is the order of the slots. */
#define COUNT 47
#define SLOT(n) ((n) * 8)
/* Every CPU from POWER8 on lets a kernel read them. Source: arch/powerpc/include/asm/reg.h (SPRN_AMR and so on). */
#define SPR_AMR 29
#define SPR_IAMR 61
#define SPR_UAMOR 157
/* Bytes that an entry may lie behind the first by; bytes that the kernel copies. */
#define ENTRY_ROOM 64
#define HEAD_SIZE 0x100
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "r0"; .asciz "r1"; .asciz "r2"; .asciz "r3"; .asciz "r4"; .asciz "r5"; .asciz "r6"; .asciz "r7"
    .asciz "r8"; .asciz "r9"; .asciz "r10"; .asciz "r11"; .asciz "r12"; .asciz "r13"; .asciz "r14"; .asciz "r15"
    .asciz "r16"; .asciz "r17"; .asciz "r18"; .asciz "r19"; .asciz "r20"; .asciz "r21"; .asciz "r22"; .asciz "r23"
    .asciz "r24"; .asciz "r25"; .asciz "r26"; .asciz "r27"; .asciz "r28"; .asciz "r29"; .asciz "r30"; .asciz "r31"
    .asciz "lr"; .asciz "ctr"; .asciz "xer"; .asciz "cr"; .asciz "msr"; .asciz "srr0"; .asciz "srr1"; .asciz "dec"
    .asciz "pvr"; .asciz "tb"; .asciz "sprg3"; .asciz "amr"; .asciz "iamr"; .asciz "uamor"; .asciz "head"
    .balign 8
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

    .section .entry, "ax"
entry:
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    b save
    .org 0x60
    /* 0x60 behind each of those entries: where the other CPUs come to, in big endian. */
    .rept 16
    .byte 0x48, 0, 0, 0 /* b . */
    .endr
    .org 0x100
save:
    mtsprg 0, 30
    mflr 30
    mtsprg 1, 30
    bcl 20, 31, 1f
1:  mflr 30
    addis 30, 30, (witness_registers - 1b)@ha
    addi 30, 30, (witness_registers - 1b)@l
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 31
    std \n, SLOT(\n)(30)
    .endr
    mfsprg 3, 0
    std 3, SLOT(30)(30)
    mfsprg 3, 1
    std 3, SLOT(32)(30)
    b save_special

    .text
save_special:
    mfctr 3
    std 3, SLOT(33)(30)
    mfxer 3
    std 3, SLOT(34)(30)
    mfcr 3
    std 3, SLOT(35)(30)
    mfmsr 3
    std 3, SLOT(36)(30)
    mfsrr0 3
    std 3, SLOT(37)(30)
    mfsrr1 3
    std 3, SLOT(38)(30)
    mfdec 3
    std 3, SLOT(39)(30)
    mfpvr 3
    std 3, SLOT(40)(30)
    mftb 3
    std 3, SLOT(41)(30)
    mfsprg 3, 3
    std 3, SLOT(42)(30)
    mfspr 3, SPR_AMR
    std 3, SLOT(43)(30)
    mfspr 3, SPR_IAMR
    std 3, SLOT(44)(30)
    mfspr 3, SPR_UAMOR
    std 3, SLOT(45)(30)
    /* The copy of the head, compared with its original before witness_machine_init writes behind it. What r4 says is
     * believed only where it is an entry of this image. */
    bcl 20, 31, 1f
1:  mflr 3
    addis 3, 3, (entry - 1b)@ha
    addi 3, 3, (entry - 1b)@l
    ld 4, SLOT(4)(30)
    subf 3, 3, 4
    li 5, 0
    cmpldi 3, ENTRY_ROOM
    bge 3f
    li 3, HEAD_SIZE / 4
    mtctr 3
    li 6, 0
2:  lwz 7, 0(6)
    lwzx 8, 4, 6
    cmplw 7, 8
    bne 3f
    addi 6, 6, 4
    bdnz 2b
    li 5, 1
3:  std 5, SLOT(46)(30)
    /* The stack grows down; its first frame needs 32 bytes of the caller's own (ELF v2 ABI 2.2.3). */
    addis 1, 30, (stack_top - witness_registers - 64)@ha
    addi 1, 1, (stack_top - witness_registers - 64)@l
    li 3, 0
    std 3, 0(1)
    bcl 20, 31, 1f
1:  mflr 3
    addis 2, 3, (.TOC. - 1b)@ha
    addi 2, 2, (.TOC. - 1b)@l
    addi 3, 3, fault - 1b
    mtsprg 0, 3 /* for the vectors that witness_machine_init writes */
    mtsprg 1, 2
    bl witness_main

/* Every vector comes here with its number in r3: tell it, end. */
fault:
    mfsprg 2, 1
    bcl 20, 31, 1f
1:  mflr 1
    addis 1, 1, (stack_top - 64 - 1b)@ha
    addi 1, 1, (stack_top - 64 - 1b)@l
    mfsrr0 4
    mfdar 5
    bl witness_fault
    bl witness_end
