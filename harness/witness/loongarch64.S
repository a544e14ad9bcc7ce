/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on loongarch64: saves the state at entry, then stands on its own stack and vectors.
 *
 * The kernel enters at privilege level 0 with interrupts off, in the cached window that it lives in itself
 * (arch/loongarch/kernel/machine_kexec.c, relocate_kernel.S).
 *
 * CSR.TLBRSAVE is the one register that is lost: it holds t8 until memory can be addressed.
 *
 * witness-flags: -march=loongarch64 -mabi=lp64s -mno-relax -mstrict-align
 */

/* Numbers of registers: LoongArch Reference Manual, volume 1, 7.1; for the kernel arch/loongarch/include/asm/loongarch.h. */
#define CRMD 0x0
#define ECFG 0x4
#define ESTAT 0x5
#define ERA 0x6
#define BADV 0x7
#define EENTRY 0xc
#define TLBRENTRY 0x88
#define TLBRBADV 0x89
#define TLBRERA 0x8a
#define TLBRSAVE 0x8b
#define MERRENTRY 0x93

#define CRMD_IE 0x4
#define TLB_REFILL 0x3f /* EXCCODE_TLBR of the kernel is 0 too; as a cause it is told apart */

    .section .target, "a"
    .ascii "loongarch64"
    .zero 16 - 11

#define COUNT 50
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "ra"; .asciz "tp"; .asciz "sp"; .asciz "a0"; .asciz "a1"; .asciz "a2"; .asciz "a3"; .asciz "a4"; .asciz "a5"
    .asciz "a6"; .asciz "a7"; .asciz "t0"; .asciz "t1"; .asciz "t2"; .asciz "t3"; .asciz "t4"; .asciz "t5"; .asciz "t6"
    .asciz "t7"; .asciz "t8"; .asciz "r21"; .asciz "fp"; .asciz "s0"; .asciz "s1"; .asciz "s2"; .asciz "s3"; .asciz "s4"
    .asciz "s5"; .asciz "s6"; .asciz "s7"; .asciz "s8"
    .asciz "crmd"; .asciz "prmd"; .asciz "euen"; .asciz "ecfg"; .asciz "estat"; .asciz "era"; .asciz "badv"
    .asciz "eentry"; .asciz "asid"; .asciz "pgdl"; .asciz "pgdh"; .asciz "cpuid"; .asciz "tcfg"; .asciz "tlbrentry"
    .asciz "dmw0"; .asciz "dmw1"; .asciz "dmw2"; .asciz "dmw3"; .asciz "stable_counter"
    .balign 4
witness_register_count:
    .4byte COUNT

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero COUNT * 8
    .balign 16
stack:
    .zero 4096
stack_top:

    .section .entry, "ax"
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 16
    nop
    .endr
    csrwr $t8, TLBRSAVE
    la.pcrel $t8, witness_registers
    st.d $ra, $t8, 0
    st.d $tp, $t8, 8
    st.d $sp, $t8, 16
    st.d $a0, $t8, 24
    st.d $a1, $t8, 32
    st.d $a2, $t8, 40
    st.d $a3, $t8, 48
    st.d $a4, $t8, 56
    st.d $a5, $t8, 64
    st.d $a6, $t8, 72
    st.d $a7, $t8, 80
    st.d $t0, $t8, 88
    st.d $t1, $t8, 96
    st.d $t2, $t8, 104
    st.d $t3, $t8, 112
    st.d $t4, $t8, 120
    st.d $t5, $t8, 128
    st.d $t6, $t8, 136
    st.d $t7, $t8, 144
    csrrd $t0, TLBRSAVE
    st.d $t0, $t8, 152
    st.d $r21, $t8, 160
    st.d $fp, $t8, 168
    st.d $s0, $t8, 176
    st.d $s1, $t8, 184
    st.d $s2, $t8, 192
    st.d $s3, $t8, 200
    st.d $s4, $t8, 208
    st.d $s5, $t8, 216
    st.d $s6, $t8, 224
    st.d $s7, $t8, 232
    st.d $s8, $t8, 240
    addi.d $t8, $t8, 248
    b save_system

    .text
    .balign 4
save_system:
    .irp number, 0x0, 0x1, 0x2, 0x4, 0x5, 0x6, 0x7, 0xc, 0x18, 0x19, 0x1a, 0x20, 0x41, 0x88, 0x180, 0x181, 0x182, 0x183
    csrrd $t0, \number
    st.d $t0, $t8, 0
    addi.d $t8, $t8, 8
    .endr
    rdtime.d $t0, $zero
    st.d $t0, $t8, 0
    li.w $t0, CRMD_IE
    csrxchg $zero, $t0, CRMD
    csrwr $zero, ECFG /* no interrupt; one vector for all exceptions */
    la.pcrel $t0, fault
    csrwr $t0, EENTRY
    /* These two are entered by physical addresses. */
    la.pcrel $t0, fault_refill
    bstrpick.d $t0, $t0, 47, 0
    move $t1, $t0
    csrwr $t0, TLBRENTRY
    csrwr $t1, MERRENTRY
    la.pcrel $sp, stack_top
    move $fp, $zero
    bl witness_main

    .balign 4096
fault:
    csrrd $a0, ESTAT
    bstrpick.d $a0, $a0, 21, 16 /* the exception's code */
    csrrd $a1, ERA
    csrrd $a2, BADV
tell:
    la.pcrel $sp, stack_top
    bl witness_fault
    bl witness_end

/* Translation is off here. Going back is what switches it on, to where the fault is told. */
    .balign 4096
fault_refill:
    li.w $a0, TLB_REFILL
    csrrd $a1, TLBRERA
    csrrd $a2, TLBRBADV
    la.pcrel $t0, tell
    lu52i.d $t0, $t0, -1792 /* 0x900 << 52: the cached window */
    ori $t0, $t0, 1         /* TLBRERA.IsTLBR */
    csrwr $t0, TLBRERA
    ertn
