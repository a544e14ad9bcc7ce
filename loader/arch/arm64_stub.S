// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on arm64: an optional digest, then the kernel with the DTB's address in x0.
//
// At entry: EL2 or EL1, MMU and data cache off, DAIF masked, x0 = 0 from kexec_load. Position-independent; uses no stack.
// With the MMU off all memory is Device memory, so every access here is naturally aligned.
// The slots' layout is promised in arch/stub.h, the same for every architecture.

        .text
        .globl  _start
_start:
        b       start

        .org    8
entry:          .quad 0                 // physical address the kernel starts at
argument:       .quad 0                 // physical address of the DTB, for x0
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // physical address of a PL011 UART that hears about a mismatch; 0: none
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

        .org    424
start:
        msr     daifset, #15
        ldr     x10, count
        adr     x11, table
        ldr     x12, multiplier
        ldr     x13, addend
next_segment:
        cbz     x10, jump
        ldp     x0, x1, [x11]
        ldr     x2, [x11, #16]
        mov     x3, xzr
        lsr     x4, x1, #3
        cbz     x4, tail
word:
        ldr     x5, [x0], #8
        eor     x3, x3, x5
        ror     x3, x3, #(64 - 27)
        madd    x3, x3, x12, x13
        subs    x4, x4, #1
        b.ne    word
tail:
        ands    x4, x1, #7
        b.eq    length
        mov     x5, xzr
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        sub     x4, x4, #1
        ldrb    w6, [x0, x4]
        orr     x5, x6, x5, lsl #8
        cbnz    x4, tail_byte
        eor     x3, x3, x5
        ror     x3, x3, #(64 - 27)
        madd    x3, x3, x12, x13
length:
        eor     x3, x3, x1
        cmp     x3, x2
        b.ne    mismatch
        add     x11, x11, #24
        sub     x10, x10, #1
        b       next_segment

jump:
        ldr     x0, argument
        mov     x1, xzr
        mov     x2, xzr
        mov     x3, xzr
        ldr     x4, entry
        br      x4

mismatch:                               // a damaged image never runs: say where, then stop for good
        ldr     x9, console
        cbz     x9, stop
        adr     x8, message
say:
        ldrb    w0, [x8], #1
        cbz     w0, address
        bl      put
        b       say
address:
        ldr     x7, [x11]
        mov     x6, #16
digit:
        ror     x7, x7, #60
        and     w0, w7, #15
        add     w0, w0, #'0'
        cmp     w0, #'9'
        b.ls    decimal
        add     w0, w0, #('a' - '9' - 1)
decimal:
        bl      put
        sub     x6, x6, #1
        cbnz    x6, digit
        mov     w0, #'\r'
        bl      put
        mov     w0, #'\n'
        bl      put
stop:
        wfi
        b       stop

put:                                    // w0 to the PL011 at x9; waits while its FIFO is full, but not for ever
        mov     x1, #0x100000
busy:
        ldr     w2, [x9, #0x18]
        tbz     w2, #5, ready
        sub     x1, x1, #1
        cbnz    x1, busy
ready:
        str     w0, [x9]
        ret

        .balign 8
multiplier:     .quad 0x9E3779B97F4A7C15
addend:         .quad 0x165667B19E3779F9
message:        .asciz "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
