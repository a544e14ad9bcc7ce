// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on i386: segments and stack of our own, an optional digest, then the kernel.
//
// At entry: protected mode, paging off, interrupts off, general registers zero but for esp, which points into the
// kernel's control page; a GDT that is gone. Position-independent, with ebx as its own address; writes to nothing but
// itself. The slots' layout is promised in arch/stub.h, the same for every architecture.

        .text
        .code32
        .globl  _start
_start:
        jmp     start

        .org    8
entry:          .quad 0                 // physical address the kernel starts at
argument:       .quad 0                 // physical address of boot_params, for esi
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // I/O port of a 16550 UART that hears about a mismatch; 0: none
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

// From the stub's first byte, which is where ebx points.
#define OWN(label) (label - _start)(%ebx)

// state = (state ^ the word at esi) * 0x9E3779B97F4A7C15 + 0x165667B19E3779F9, rotated left by 27 before the product
// (kexlab/fast_digest.h). The state's halves are ecx (low) and edi (high); eax and edx are lost.
        .macro mix
        xorl    (%esi), %ecx
        xorl    4(%esi), %edi
        movl    %edi, %eax
        shldl   $27, %ecx, %edi
        shldl   $27, %eax, %ecx
        imull   $0x7F4A7C15, %edi, %edi
        imull   $0x9E3779B9, %ecx, %eax
        addl    %eax, %edi
        movl    $0x7F4A7C15, %eax
        mull    %ecx
        addl    %edx, %edi
        movl    %eax, %ecx
        addl    $0x9E3779F9, %ecx
        adcl    $0x165667B1, %edi
        .endm

        .org    424
start:
        cli
        cld
        call    here                    // the only way to the own address; the kernel's stack still stands
here:
        popl    %ebx
        subl    $(here - _start), %ebx
        leal    OWN(stack_top), %esp
        leal    OWN(gdt), %eax          // the descriptor table register wants an absolute address
        movl    %eax, OWN(gdt_base)
        lgdt    OWN(gdt_pointer)
        movl    $0x18, %eax             // __BOOT_DS
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        leal    OWN(on_own_code_segment), %eax
        pushl   $0x10                   // __BOOT_CS: only a far return reloads it
        pushl   %eax
        lretl
on_own_code_segment:

        leal    OWN(table), %ebp
next_segment:
        cmpl    $0, OWN(count)
        je      jump
        movl    (%ebp), %esi
        movl    8(%ebp), %eax
        shrl    $3, %eax
        movl    %eax, OWN(words)
        xorl    %ecx, %ecx
        xorl    %edi, %edi
        testl   %eax, %eax
        jz      tail
word:
        mix
        addl    $8, %esi
        decl    OWN(words)
        jnz     word
tail:
        movl    8(%ebp), %edx
        andl    $7, %edx
        jz      length
        movl    $0, OWN(last)
        movl    $0, (last - _start + 4)(%ebx)
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        movb    -1(%esi,%edx), %al
        movb    %al, (last - _start - 1)(%ebx,%edx)
        decl    %edx
        jnz     tail_byte
        leal    OWN(last), %esi
        mix
length:
        xorl    8(%ebp), %ecx
        xorl    12(%ebp), %edi
        cmpl    16(%ebp), %ecx
        jne     mismatch
        cmpl    20(%ebp), %edi
        jne     mismatch
        addl    $24, %ebp
        decl    OWN(count)
        jmp     next_segment

jump:
        movl    OWN(argument), %esi
        movl    OWN(entry), %eax
        xorl    %ebx, %ebx
        xorl    %ecx, %ecx
        xorl    %edx, %edx
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        jmp     *%eax

mismatch:                               // a damaged image never runs: say where, then stop for good
        movl    OWN(console), %edx
        testl   %edx, %edx
        jz      stop
        leal    OWN(message), %esi
say:
        lodsb
        testb   %al, %al
        jz      address
        call    put
        jmp     say
address:
        movl    (%ebp), %edi
        movl    $8, %esi
digit:
        roll    $4, %edi
        movl    %edi, %eax
        andl    $15, %eax
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     decimal
        addb    $('a' - '9' - 1), %al
decimal:
        call    put
        decl    %esi
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
        .quad   0x00cf9a000000ffff      // 0x10: code, execute/read, 32-bit, flat
        .quad   0x00cf92000000ffff      // 0x18: data, read/write, flat
gdt_pointer:
        .word   gdt_pointer - gdt - 1
gdt_base:
        .long   0
        .balign 8
words:          .long 0                 // eight-byte words of the segment that are still to come
last:           .quad 0                 // its last bytes

        .balign 16
        .skip   256, 0
stack_top:
