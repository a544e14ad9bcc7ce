/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on x86_64: saves the state that kexec promised, then stands on its own GDT, IDT and stack.
 *
 * The kernel enters with paging on (identity map), interrupts off, and every general register zero but %rsp
 * (arch/x86/kernel/relocate_kernel_64.S). GDT and IDT may be gone: their limits are 0 on 6.1 (machine_kexec_64.c), so the
 * first fault before ours are loaded would be the last. Nothing here trusts any of it: the state is what is to be examined.
 *
 * With KEXEC_PRESERVE_CONTEXT it is called: on top of the stack, which lies in a page of the kernel's, is the address to go
 * back to. There the kernel finds its own tables and registers again, all but the code segment, which it leaves as it
 * comes: so our GDT has its selectors' numbers. It takes the word on top of the stack as the entry of the next switch; up
 * to 6.13 that is the word behind the stack unless we push one, so we do.
 *
 * witness-also: q35.c
 * witness-flags: -mgeneral-regs-only -mno-red-zone -fcf-protection=none -mcmodel=small
 */

#define MSR_EFER 0xc0000080

    .section .target, "a"
    .ascii "x86_64"
    .zero 16 - 6

/* The order of the names is the order of the slots. */
    .section .rodata, "a"
    .globl witness_register_names, witness_register_count
    .hidden witness_register_names, witness_register_count
witness_register_names:
    .asciz "rax"; .asciz "rbx"; .asciz "rcx"; .asciz "rdx"; .asciz "rsi"; .asciz "rdi"; .asciz "rbp"; .asciz "rsp"
    .asciz "r8"; .asciz "r9"; .asciz "r10"; .asciz "r11"; .asciz "r12"; .asciz "r13"; .asciz "r14"; .asciz "r15"
    .asciz "rflags"; .asciz "cr0"; .asciz "cr2"; .asciz "cr3"; .asciz "cr4"; .asciz "efer"
    .asciz "cs"; .asciz "ds"; .asciz "es"; .asciz "fs"; .asciz "gs"; .asciz "ss"
    .asciz "gdtr_base"; .asciz "gdtr_limit"; .asciz "idtr_base"; .asciz "idtr_limit"; .asciz "tsc"
    .balign 4
witness_register_count:
    .long 33

    .bss
    .balign 16
    .globl witness_registers
    .hidden witness_registers
witness_registers:
    .zero 33 * 8
#define SLOT(n) witness_registers + 8 * (n)(%rip)
table_register:  /* operand of sgdt and sidt: limit, then base */
    .zero 16
    .balign 16
stack:
    .zero 4096
stack_top:

    .data
    .balign 8
gdt:
    .quad 0
    .quad 0
    .quad 0x00af9b000000ffff  /* 0x10: 64-bit code, as the kernel's __KERNEL_CS */
    .quad 0x00cf93000000ffff  /* 0x18: data, as its __KERNEL_DS. Source: arch/x86/include/asm/segment.h */
gdt_end:
    .globl witness_entered_again
    .hidden witness_entered_again
witness_entered_again:
    .long 0

    .section .entry, "ax"
    .code64
entry:
    /* The first 64 bytes do nothing: an entry may be any address among them (layout/entry). */
    .fill 64, 1, 0x90
    /* Moves and address loads change no flag, so rflags can be read last. */
    movq %rax, SLOT(0)
    movq %rbx, SLOT(1)
    movq %rcx, SLOT(2)
    movq %rdx, SLOT(3)
    movq %rsi, SLOT(4)
    movq %rdi, SLOT(5)
    movq %rbp, SLOT(6)
    movq %rsp, SLOT(7)
    movq %r8, SLOT(8)
    movq %r9, SLOT(9)
    movq %r10, SLOT(10)
    movq %r11, SLOT(11)
    movq %r12, SLOT(12)
    movq %r13, SLOT(13)
    movq %r14, SLOT(14)
    movq %r15, SLOT(15)
    leaq stack_top(%rip), %rsp
    pushfq
    popq %rax
    movq %rax, SLOT(16)
    cli
    cld
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, SLOT(32)
    jmp save_control

    .text
save_control:
    movq %cr0, %rax
    movq %rax, SLOT(17)
    movq %cr2, %rax
    movq %rax, SLOT(18)
    movq %cr3, %rax
    movq %rax, SLOT(19)
    movq %cr4, %rax
    movq %rax, SLOT(20)
    movl $MSR_EFER, %ecx
    rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, SLOT(21)
    movl %cs, %eax
    movq %rax, SLOT(22)
    movl %ds, %eax
    movq %rax, SLOT(23)
    movl %es, %eax
    movq %rax, SLOT(24)
    movl %fs, %eax
    movq %rax, SLOT(25)
    movl %gs, %eax
    movq %rax, SLOT(26)
    movl %ss, %eax
    movq %rax, SLOT(27)
    sgdt table_register(%rip)
    movq table_register + 2(%rip), %rax
    movq %rax, SLOT(28)
    movzwl table_register(%rip), %eax
    movq %rax, SLOT(29)
    sidt table_register(%rip)
    movq table_register + 2(%rip), %rax
    movq %rax, SLOT(30)
    movzwl table_register(%rip), %eax
    movq %rax, SLOT(31)

    movw $(gdt_end - gdt - 1), table_register(%rip)
    leaq gdt(%rip), %rax
    movq %rax, table_register + 2(%rip)
    lgdt table_register(%rip)
    pushq $0x10
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    xorl %ebp, %ebp
    call witness_main

/* Where the kernel is told to enter next. Must change no flag. */
again:
    movl $1, witness_entered_again(%rip)
    jmp entry

/* The kernel sets control registers, tables, stack and segments itself on its way back; what we changed of the rest are
 * general registers, of which it expects none. */
    .globl witness_return
    .hidden witness_return
witness_return:
    movq SLOT(7), %rsp
    popq %rcx
    leaq again(%rip), %rax
    pushq %rax
    jmpq *%rcx

/* One stub of 16 bytes for each of the CPU's 32 exceptions: an error code where the CPU pushes none, then the vector. */
    .balign 16
    .globl witness_fault_stubs
    .hidden witness_fault_stubs
witness_fault_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
    pushq $0
    .endif
    pushq $vector
    jmp fault
    .set vector, vector + 1
    .endr

/* On the stack: vector, error code, rip. There is no way back. */
    .balign 16
fault:
    popq %rdi
    popq %rax
    popq %rsi
    movq %cr2, %rdx
    andq $-16, %rsp
    cld
    call witness_fault
    call witness_end
