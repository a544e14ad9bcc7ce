// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on riscv64: an optional digest, then the kernel with the hart's id in a0 and the
// device tree's address in a1.
//
// At entry: supervisor mode, satp = 0, interrupts off, a0 = hart id, which nothing here touches. Position-independent;
// uses no stack. The slots' layout is promised in arch/stub.h, the same for every architecture.

        .option norvc
        .option norelax                 // the linker is not to move what .org and .balign place
        .text
        .globl  _start
_start:
        j       start

        .org    8
entry:          .quad 0                 // physical address the kernel starts at
argument:       .quad 0                 // physical address of the device tree, for a1
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // physical address of a 16550 UART that hears about a mismatch; 0: none
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

        .org    424
start:
        csrw    sie, zero
        lla     t0, count
        ld      s0, 0(t0)               // rows left
        lla     s1, table
        lla     t0, multiplier
        ld      s2, 0(t0)
        ld      s3, 8(t0)               // addend
next_segment:
        beqz    s0, jump
        ld      t0, 0(s1)
        ld      t1, 8(s1)
        li      t2, 0
        srli    t3, t1, 3
        beqz    t3, tail
word:
        ld      t4, 0(t0)
        addi    t0, t0, 8
        xor     t2, t2, t4
        slli    t4, t2, 27
        srli    t2, t2, 64 - 27
        or      t2, t2, t4
        mul     t2, t2, s2
        add     t2, t2, s3
        addi    t3, t3, -1
        bnez    t3, word
tail:                                   // the last bytes as one little-endian word, zeros above them
        andi    t3, t1, 7
        beqz    t3, length
        li      t4, 0
tail_byte:
        addi    t3, t3, -1
        add     t5, t0, t3
        lbu     t5, 0(t5)
        slli    t4, t4, 8
        or      t4, t4, t5
        bnez    t3, tail_byte
        xor     t2, t2, t4
        slli    t4, t2, 27
        srli    t2, t2, 64 - 27
        or      t2, t2, t4
        mul     t2, t2, s2
        add     t2, t2, s3
length:
        xor     t2, t2, t1
        ld      t3, 16(s1)
        bne     t2, t3, mismatch
        addi    s1, s1, 24
        addi    s0, s0, -1
        j       next_segment

jump:
        lla     t0, entry
        ld      t1, 0(t0)
        ld      a1, 8(t0)
        fence.i
        jr      t1

mismatch:                               // a damaged image never runs: say where, then stop for good
        lla     t0, console
        ld      s4, 0(t0)
        beqz    s4, stop
        lla     s5, message
say:
        lbu     a2, 0(s5)
        addi    s5, s5, 1
        beqz    a2, address
        jal     put
        j       say
address:
        ld      s6, 0(s1)
        li      s7, 60                  // shift of the next digit
digit:
        srl     a2, s6, s7
        andi    a2, a2, 15
        li      t0, 10
        bltu    a2, t0, decimal
        addi    a2, a2, 'a' - '0' - 10
decimal:
        addi    a2, a2, '0'
        jal     put
        addi    s7, s7, -4
        bgez    s7, digit
        li      a2, '\r'
        jal     put
        li      a2, '\n'
        jal     put
stop:
        wfi
        j       stop

put:                                    // a2 to the 16550 at s4; waits until it takes a byte, but not for ever
        li      t0, 0x100000
busy:
        lbu     t1, 5(s4)               // LSR; bit 5: the transmitter takes a byte
        andi    t1, t1, 0x20
        bnez    t1, ready
        addi    t0, t0, -1
        bnez    t0, busy
ready:
        sb      a2, 0(s4)
        ret

        .balign 8
multiplier:     .quad 0x9E3779B97F4A7C15
                .quad 0x165667B19E3779F9
message:        .asciz "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
