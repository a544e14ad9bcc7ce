/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on riscv64: saves the state that kexec promised, then stands on its own stack and trap vector.
 *
 * The kernel enters in supervisor mode with satp and sie zero, a0 the hart's id, a1 the device tree's segment and a2 the
 * entry (arch/riscv/kernel/kexec_relocate.S).
 *
 * stval is the one register that is not reported: no promise is made of it, and it holds t6 until memory can be
 * addressed.
 *
 * witness-flags: -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -mno-relax -Wl,--no-relax
 */

    .option norvc
    .section .target, "a"
    .ascii "riscv64"
    .zero 16 - 7

#define COUNT 43
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "ra"; .asciz "sp"; .asciz "gp"; .asciz "tp"; .asciz "t0"; .asciz "t1"; .asciz "t2"; .asciz "s0"; .asciz "s1"
    .asciz "a0"; .asciz "a1"; .asciz "a2"; .asciz "a3"; .asciz "a4"; .asciz "a5"; .asciz "a6"; .asciz "a7"
    .asciz "s2"; .asciz "s3"; .asciz "s4"; .asciz "s5"; .asciz "s6"; .asciz "s7"; .asciz "s8"; .asciz "s9"
    .asciz "s10"; .asciz "s11"; .asciz "t3"; .asciz "t4"; .asciz "t5"; .asciz "t6"
    .asciz "satp"; .asciz "sstatus"; .asciz "sie"; .asciz "sip"; .asciz "stvec"; .asciz "sscratch"; .asciz "sepc"
    .asciz "scause"; .asciz "scounteren"; .asciz "senvcfg"; .asciz "time"; .asciz "instret"
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
    csrw stval, t6
    lla t6, witness_registers
    sd ra, 0(t6)
    sd sp, 8(t6)
    sd gp, 16(t6)
    sd tp, 24(t6)
    sd t0, 32(t6)
    sd t1, 40(t6)
    sd t2, 48(t6)
    sd s0, 56(t6)
    sd s1, 64(t6)
    sd a0, 72(t6)
    sd a1, 80(t6)
    sd a2, 88(t6)
    sd a3, 96(t6)
    sd a4, 104(t6)
    sd a5, 112(t6)
    sd a6, 120(t6)
    sd a7, 128(t6)
    sd s2, 136(t6)
    sd s3, 144(t6)
    sd s4, 152(t6)
    sd s5, 160(t6)
    sd s6, 168(t6)
    sd s7, 176(t6)
    sd s8, 184(t6)
    sd s9, 192(t6)
    sd s10, 200(t6)
    sd s11, 208(t6)
    sd t3, 216(t6)
    sd t4, 224(t6)
    sd t5, 232(t6)
    csrr t0, stval
    sd t0, 240(t6)
    addi t6, t6, 248
    j save_system

    .macro save_system_register name
    csrr t0, \name
    sd t0, 0(t6)
    addi t6, t6, 8
    .endm

    .text
    .balign 4
save_system:
    /* An older hart does not have the last ones: then they stay zero. */
    lla t1, saved
    .irp name, satp, sstatus, sie, sip
    save_system_register \name
    .endr
    csrrw t0, stvec, t1
    sd t0, 0(t6)
    addi t6, t6, 8
    .irp name, sscratch, sepc, scause, scounteren, 0x10a, time, instret
    save_system_register \name
    .endr
    .balign 4
saved:
    csrw sie, zero
    csrci sstatus, 2    /* SIE: Volume II, 3.1.6.1 of the privileged specification */
    csrw satp, zero
    lla t1, fault
    csrw stvec, t1
    lla sp, stack_top
    li s0, 0
    call witness_main

    .balign 4
fault:
    lla sp, stack_top
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call witness_fault
    call witness_end
