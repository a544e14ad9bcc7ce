// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on arm: an optional digest, then the kernel with the DTB's address in r2.
//
// At entry: ARM state, SVC mode, MMU and data cache off, interrupts masked, r0 = 0. Position-independent; uses no stack.
// With the MMU off all memory is strongly ordered, so every access here is naturally aligned.
// The slots' layout is promised in arch/stub.h, the same for every architecture; of each the low word counts.

        .syntax unified
        .arch   armv7-a
        .arm
        .text
        .globl  _start
_start:
        b       start

        .org    8
entry:          .quad 0                 // physical address the kernel starts at
argument:       .quad 0                 // physical address of the DTB, for r2
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // physical address of a PL011 UART that hears about a mismatch; 0: none
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

// state = (state ^ word) * 0x9E3779B97F4A7C15 + 0x165667B19E3779F9, rotated left by 27 before the product
// (kexlab/fast_digest.h). State r4:r3, word r7:r6, which is lost; multiplier r9:r8, addend r11:r10.
        .macro mix
        eor     r3, r3, r6
        eor     r4, r4, r7
        lsl     r6, r4, #27
        orr     r6, r6, r3, lsr #5
        lsl     r7, r3, #27
        orr     r7, r7, r4, lsr #5
        umull   r3, r4, r7, r8
        mla     r4, r7, r9, r4
        mla     r4, r6, r8, r4
        adds    r3, r3, r10
        adc     r4, r4, r11
        .endm

        .org    424
start:
        cpsid   if
        ldr     r12, count
        adr     r5, table
        adr     r0, constants
        ldm     r0, {r8 - r11}
next_segment:
        cmp     r12, #0
        beq     jump
        ldr     r0, [r5]
        ldr     r1, [r5, #8]
        mov     r3, #0
        mov     r4, #0
        lsrs    r2, r1, #3
        beq     tail
word:
        ldr     r6, [r0], #4
        ldr     r7, [r0], #4
        mix
        subs    r2, r2, #1
        bne     word
tail:
        ands    r2, r1, #7
        beq     length
        mov     r6, #0
        mov     r7, #0
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        subs    r2, r2, #1
        ldrb    lr, [r0, r2]
        lsl     r7, r7, #8
        orr     r7, r7, r6, lsr #24
        orr     r6, lr, r6, lsl #8
        bne     tail_byte
        mix
length:
        eor     r3, r3, r1
        ldr     r6, [r5, #16]
        ldr     r7, [r5, #20]
        cmp     r3, r6
        cmpeq   r4, r7
        bne     mismatch
        add     r5, r5, #24
        sub     r12, r12, #1
        b       next_segment

jump:
        mov     r0, #0
        mvn     r1, #0                  // no machine number: the DTB tells
        ldr     r2, argument
        ldr     r12, entry
        bx      r12

mismatch:                               // a damaged image never runs: say where, then stop for good
        ldr     r9, console
        cmp     r9, #0
        beq     stop
        adr     r8, message
say:
        ldrb    r0, [r8], #1
        cmp     r0, #0
        beq     address
        bl      put
        b       say
address:
        ldr     r7, [r5]
        mov     r6, #8
digit:
        ror     r7, r7, #28
        and     r0, r7, #15
        add     r0, r0, #'0'
        cmp     r0, #'9'
        addhi   r0, r0, #('a' - '9' - 1)
        bl      put
        subs    r6, r6, #1
        bne     digit
        mov     r0, #'\r'
        bl      put
        mov     r0, #'\n'
        bl      put
stop:
        wfi
        b       stop

put:                                    // r0 to the PL011 at r9; waits while its FIFO is full, but not for ever
        mov     r1, #0x100000
busy:
        ldr     r2, [r9, #0x18]
        tst     r2, #(1 << 5)
        beq     ready
        subs    r1, r1, #1
        bne     busy
ready:
        str     r0, [r9]
        bx      lr

        .balign 8
constants:      .word 0x7F4A7C15, 0x9E3779B9    // the multiplier's halves
                .word 0x9E3779F9, 0x165667B1    // the addend's
message:        .asciz "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
