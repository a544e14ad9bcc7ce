/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on i386: saves the state that kexec promised, then stands on its own GDT, IDT and stack.
 *
 * The kernel enters in protected mode with paging off, interrupts off, and every general register zero but %esp
 * (arch/x86/kernel/relocate_kernel_32.S). GDT and IDT are gone: their limits are 0 (machine_kexec_32.c), so the first
 * fault before ours are loaded would be the last.
 *
 * Code of this width can tell where it runs only by a call, which needs a stack: one word below %esp, in the kernel's
 * control page, is used before ours is there. Nothing else of what it finds is trusted.
 *
 * A counter of 64 bits takes two registers here: tsc, and tsc_high above it.
 *
 * witness-also: q35.c
 * witness-flags: -march=i686 -mgeneral-regs-only -fcf-protection=none -mpreferred-stack-boundary=2
 */

    .section .target, "a"
    .ascii "i386"
    .zero 16 - 4

/* The order of the names is the order of the slots. */
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "eax"; .asciz "ebx"; .asciz "ecx"; .asciz "edx"; .asciz "esi"; .asciz "edi"; .asciz "ebp"; .asciz "esp"
    .asciz "eflags"; .asciz "cr0"; .asciz "cr2"; .asciz "cr3"; .asciz "cr4"
    .asciz "cs"; .asciz "ds"; .asciz "es"; .asciz "fs"; .asciz "gs"; .asciz "ss"
    .asciz "gdtr_base"; .asciz "gdtr_limit"; .asciz "idtr_base"; .asciz "idtr_limit"; .asciz "tsc"; .asciz "tsc_high"
    .balign 4
witness_register_count:
    .long 25

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero 25 * 4
table_register:  /* operand of sgdt and sidt: limit, then base */
    .zero 8
    .balign 16
stack:
    .zero 4096
stack_top:

    .data
    .balign 8
gdt:
    .quad 0
    .quad 0
    .quad 0x00cf9b000000ffff  /* 0x10: 32-bit code, flat */
    .quad 0x00cf93000000ffff  /* 0x18: data, flat */
gdt_end:

/* By way of %ebx, which holds the image's own distance from there. */
#define OWN(label) label@GOTOFF(%ebx)
#define SLOT(n) witness_registers@GOTOFF + 4 * (n)(%ebx)

    .section .entry, "ax"
    .code32
    /* The first 64 bytes do nothing: an entry may be any address among them (layout/entry). */
    .fill 64, 1, 0x90
    /* Moves, exchanges, address loads and calls change no flag, so eflags can be read last. */
    call found
found:
    xchgl %ebx, (%esp)
    leal _GLOBAL_OFFSET_TABLE_ + (. - found)(%ebx), %ebx
    popl SLOT(1)
    movl %eax, SLOT(0)
    movl %ecx, SLOT(2)
    movl %edx, SLOT(3)
    movl %esi, SLOT(4)
    movl %edi, SLOT(5)
    movl %ebp, SLOT(6)
    movl %esp, SLOT(7)
    leal OWN(stack_top), %esp
    pushfl
    popl SLOT(8)
    cli
    cld
    rdtsc
    movl %eax, SLOT(23)
    movl %edx, SLOT(24)
    jmp save_control

    .text
save_control:
    movl %cr0, %eax
    movl %eax, SLOT(9)
    movl %cr2, %eax
    movl %eax, SLOT(10)
    movl %cr3, %eax
    movl %eax, SLOT(11)
    movl %cr4, %eax
    movl %eax, SLOT(12)
    movl %cs, %eax
    movl %eax, SLOT(13)
    movl %ds, %eax
    movl %eax, SLOT(14)
    movl %es, %eax
    movl %eax, SLOT(15)
    movl %fs, %eax
    movl %eax, SLOT(16)
    movl %gs, %eax
    movl %eax, SLOT(17)
    movl %ss, %eax
    movl %eax, SLOT(18)
    sgdt OWN(table_register)
    movl table_register@GOTOFF + 2(%ebx), %eax
    movl %eax, SLOT(19)
    movzwl OWN(table_register), %eax
    movl %eax, SLOT(20)
    sidt OWN(table_register)
    movl table_register@GOTOFF + 2(%ebx), %eax
    movl %eax, SLOT(21)
    movzwl OWN(table_register), %eax
    movl %eax, SLOT(22)

    movw $(gdt_end - gdt - 1), OWN(table_register)
    leal OWN(gdt), %eax
    movl %eax, table_register@GOTOFF + 2(%ebx)
    lgdt OWN(table_register)
    leal OWN(on_own_code_segment), %eax
    pushl $0x10
    pushl %eax
    lretl
on_own_code_segment:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    xorl %ebp, %ebp
    call witness_main

/* One stub of 16 bytes for each of the CPU's 32 exceptions: an error code where the CPU pushes none, then the vector. */
    .balign 16
    .globl witness_fault_stubs
    .hidden witness_fault_stubs
witness_fault_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
    pushl $0
    .endif
    pushl $vector
    jmp fault
    .set vector, vector + 1
    .endr

/* On the stack: vector, error code, eip. There is no way back. */
    .balign 16
fault:
    popl %eax
    popl %ecx
    popl %edx
    movl %cr2, %ecx
    cld
    pushl %ecx
    pushl %edx
    pushl %eax
    call witness_fault
    call witness_end
