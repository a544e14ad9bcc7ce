// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on x86_64: segments and stack of our own, an optional digest, then the kernel.
//
// At entry: 64-bit mode, memory identity-mapped, interrupts off, general registers zero, a GDT that may be gone.
// Position-independent; runs wherever its segment was placed and writes to nothing but itself.
// The slots' layout is promised in arch/stub.h, the same for every architecture.

        .text
        .code64
        .globl  _start
_start:
        jmp     start

        .org    8
entry:          .quad 0                 // physical address the kernel starts at
argument:       .quad 0                 // physical address of boot_params, for rsi
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // I/O port of a 16550 UART that hears about a mismatch; 0: none
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

        .org    424
start:
        cli
        cld
        leaq    gdt(%rip), %rax         // the descriptor table register wants an absolute address
        movq    %rax, gdt_base(%rip)
        lgdt    gdt_pointer(%rip)
        leaq    stack_top(%rip), %rsp
        movl    $0x18, %eax             // __BOOT_DS
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        pushq   $0x10                   // __BOOT_CS: only a far return reloads it
        leaq    on_own_code_segment(%rip), %rax
        pushq   %rax
        lretq
on_own_code_segment:

        movq    count(%rip), %r12
        leaq    table(%rip), %rbx
        movabsq $0x9E3779B97F4A7C15, %r10
        movabsq $0x165667B19E3779F9, %r11
next_segment:
        testq   %r12, %r12
        jz      jump
        movq    (%rbx), %rsi
        movq    8(%rbx), %rdx
        xorl    %eax, %eax
        movq    %rdx, %rcx
        shrq    $3, %rcx
        jz      tail
word:
        xorq    (%rsi), %rax
        rolq    $27, %rax
        imulq   %r10, %rax
        addq    %r11, %rax
        addq    $8, %rsi
        decq    %rcx
        jnz     word
tail:
        movl    %edx, %ecx
        andl    $7, %ecx
        jz      length
        xorl    %r8d, %r8d
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        shlq    $8, %r8
        movb    -1(%rsi,%rcx), %r8b
        decl    %ecx
        jnz     tail_byte
        xorq    %r8, %rax
        rolq    $27, %rax
        imulq   %r10, %rax
        addq    %r11, %rax
length:
        xorq    %rdx, %rax
        cmpq    16(%rbx), %rax
        jne     mismatch
        addq    $24, %rbx
        decq    %r12
        jmp     next_segment

jump:
        movq    argument(%rip), %rsi
        movq    entry(%rip), %rax
        xorl    %ebx, %ebx
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        jmp     *%rax

mismatch:                               // a damaged image never runs: say where, then stop for good
        movq    console(%rip), %rdx
        testq   %rdx, %rdx
        jz      stop
        leaq    message(%rip), %rsi
say:
        lodsb
        testb   %al, %al
        jz      address
        call    put
        jmp     say
address:
        movq    (%rbx), %r9
        movl    $16, %r8d
digit:
        rolq    $4, %r9
        movl    %r9d, %eax
        andl    $15, %eax
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     decimal
        addb    $('a' - '9' - 1), %al
decimal:
        call    put
        decl    %r8d
        jnz     digit
        movb    $'\r', %al
        call    put
        movb    $'\n', %al
        call    put
stop:
        hlt
        jmp     stop

#include "loader/arch/x86_put.inc"

        .balign 16
gdt:
        .quad   0
        .quad   0
        .quad   0x00af9a000000ffff      // 0x10: code, execute/read, 64-bit, flat
        .quad   0x00cf92000000ffff      // 0x18: data, read/write, flat
gdt_pointer:
        .word   gdt_pointer - gdt - 1
gdt_base:
        .quad   0

        .balign 16
        .skip   256, 0
stack_top:
