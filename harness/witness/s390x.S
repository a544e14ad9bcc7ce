/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on s390x: saves the state that kexec promised, then stands on its own stack and new PSWs.
 *
 * The kernel gives the machine a reset and a PSW by DIAGNOSE 308 (arch/s390/kernel/relocate_kernel.S): 31-bit
 * addressing, translation off, interruptions masked. General registers are what a reset leaves, which nobody promises:
 * they are not told. TOD is in nanoseconds, as the agent's counter has it.
 *
 * A kernel that crashes calls: int entry(int start), in 64-bit addressing, first with 0, which asks whether the image is
 * whole and is answered 0, then with 1 (arch/s390/kernel/machine_kexec.c: kdump_csum_valid, __do_machine_kdump).
 *
 * New PSWs go into the lowcore, absolute addresses 0x1a0 to 0x1ff, where no segment of ours lies.
 *
 * The lowcore is memory like any other, address 0 included.
 *
 * witness-flags: -m64 -mzarch -march=z10 -msoft-float -mno-backchain --param=min-pagesize=0
 */

    .section .target, "a"
    .ascii "s390x"
    .zero 16 - 5

/* The order of the names is the order of the slots. */
#define COUNT 20
    .section .rodata, "a"
    .globl witness_register_names
    .hidden witness_register_names
witness_register_names:
    .asciz "psw"; .asciz "prefix"; .asciz "cpu"; .asciz "tod"
    .asciz "cr0"; .asciz "cr1"; .asciz "cr2"; .asciz "cr3"; .asciz "cr4"; .asciz "cr5"; .asciz "cr6"; .asciz "cr7"
    .asciz "cr8"; .asciz "cr9"; .asciz "cr10"; .asciz "cr11"; .asciz "cr12"; .asciz "cr13"; .asciz "cr14"; .asciz "cr15"
    .balign 8
    .globl witness_register_count
    .hidden witness_register_count
witness_register_count:
    .long COUNT

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero COUNT * 8
scratch:
    .zero 8
    .balign 16
stack:
    .zero 4096
stack_top:

    .section .entry, "ax"
    /* The first 64 bytes do nothing: an entry may be any word among them (layout/entry). */
    .rept 32
    nopr
    .endr
    tam
    jno 2f                      /* not in 64-bit addressing */
    ltgr %r2,%r2
    jnz 2f
    br %r14
2:  epsw %r2,%r3
    lhi %r1,2                   /* SIGP set architecture, for machines that a reset leaves in ESA/390 mode */
    slr %r0,%r0
    sigp %r1,%r0,0x12
    sam64
    larl %r4,witness_registers
    sllg %r2,%r2,32             /* EPSW gives the halves of the mask in two registers */
    llgfr %r3,%r3
    ogr %r2,%r3
    stg %r2,0(%r4)
    larl %r5,scratch
    stpx 0(%r5)
    llgf %r2,0(%r5)
    stg %r2,8(%r4)
    stap 0(%r5)
    llgh %r2,0(%r5)
    stg %r2,16(%r4)
    stck 0(%r5)
    lg %r2,0(%r5)
    srlg %r2,%r2,9
    mghi %r2,125
    stg %r2,24(%r4)
    stctg %c0,%c15,32(%r4)

    /* New PSWs: restart, external, supervisor call, program, machine check, I/O. 64-bit, disabled. */
    lghi %r6,0x1a0
    larl %r2,fault_psw
    larl %r3,fault
    stg %r3,8(%r2)
    lghi %r5,6
1:  mvc 0(16,%r6),0(%r2)
    aghi %r6,16
    brctg %r5,1b
    lghi %r6,0x1b0
    larl %r3,external
    stg %r3,8(%r6)
    larl %r15,stack_top - 160   /* the ABI's frame for what is called */
    xc 0(8,%r15),0(%r15)
    brasl %r14,witness_main

    .data
    .balign 8
fault_psw:
    .quad 0x0000000180000000, 0

    .text
    /* A service signal that the console waits for: its code is in the lowcore, go on. */
external:
    lpswe 0x130

    /* Everything else: tell the cause, end. */
fault:
    larl %r15,stack_top - 160
    llgh %r2,0x8e               /* program-interruption code */
    lg %r3,0x158                /* address in the program old PSW */
    lg %r4,0xa8                 /* translation-exception identification */
    brasl %r14,witness_fault
    brasl %r14,witness_end
