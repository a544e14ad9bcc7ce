// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on m68k: an optional digest, then the kernel, which wants no registers.
//
// At entry: supervisor mode, interrupts masked, MMU off. Position-independent; uses no stack. The slots' layout is promised in
// arch/stub.h; numbers have 32 bits here, the low word of a slot. For 68020 to 68040: the 68060 has no 64-bit product.

#define LOW 4
// Distances from the stub's start.
#define ENTRY 8                         // physical address the kernel starts at
#define COUNT 24                        // rows of the table in use; 0: no check
#define CONSOLE 32                      // physical address of a goldfish tty that hears about a mismatch; 0: none
#define TABLE 40                        // {start, length, expected} of each segment
#define START 424

        .text
        .globl  _start
_start:
        bra.w   start

        .org    START                   // zeros up to here: the slots
start:
        lea     _start(%pc), %a5
        move.l  (COUNT + LOW)(%a5), %d7
        lea     TABLE(%a5), %a4
next_segment:
        tst.l   %d7
        jeq     jump
        move.l  LOW(%a4), %a0
        move.l  (8 + LOW)(%a4), %d6
        moveq   #0, %d0                 // the state: d0 low, d1 high
        moveq   #0, %d1
        move.l  %d6, %d5
        lsr.l   #3, %d5
        jeq     tail
word:                                   // memory as little-endian words
        move.l  (%a0)+, %d2
        ror.w   #8, %d2
        swap    %d2
        ror.w   #8, %d2
        move.l  (%a0)+, %d3
        ror.w   #8, %d3
        swap    %d3
        ror.w   #8, %d3
        lea     word_mixed(%pc), %a2
        jra     mix
word_mixed:
        subq.l  #1, %d5
        jne     word
tail:
        moveq   #7, %d5
        and.l   %d6, %d5
        jeq     length
        moveq   #0, %d2
        moveq   #0, %d3
        lea     (%a0,%d5.l), %a3
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        lsl.l   #8, %d3
        rol.l   #8, %d2
        move.b  %d2, %d3
        move.b  -(%a3), %d2
        cmp.l   %a0, %a3
        jne     tail_byte
        lea     length(%pc), %a2
        jra     mix
length:
        eor.l   %d6, %d0                // lengths have no high word here
        cmp.l   (16 + LOW)(%a4), %d0
        jne     mismatch
        cmp.l   16(%a4), %d1
        jne     mismatch
        lea     24(%a4), %a4
        subq.l  #1, %d7
        jra     next_segment

mix:                                    // state = rotate(state ^ v, 27) * multiplier + addend; then to a2
        eor.l   %d2, %d0
        eor.l   %d3, %d1
        ror.l   #5, %d0                 // a rotation by 27 to the left is one by 5 to the right with the halves swapped
        ror.l   #5, %d1
        move.l  %d0, %d2
        eor.l   %d1, %d2
        and.l   #0x07ffffff, %d2
        eor.l   %d2, %d0                // low
        eor.l   %d2, %d1                // high
        move.l  %d0, %d2
        mulu.l  #0x9E3779B9, %d2        // low times the multiplier's high word
        move.l  #0x7F4A7C15, %d4
        mulu.l  %d4, %d1                // high times its low word
        mulu.l  %d4, %d3:%d0            // low times its low word, 64 bits
        add.l   %d2, %d1
        add.l   %d3, %d1
        add.l   #0x9E3779F9, %d0
        move.l  #0x165667B1, %d2
        addx.l  %d2, %d1
        jmp     (%a2)

jump:
        move.l  (ENTRY + LOW)(%a5), %a0
        jmp     (%a0)

mismatch:                               // a damaged image never runs: say where, then stop for good
        move.l  (CONSOLE + LOW)(%a5), %d0
        jeq     stop
        move.l  %d0, %a0
        lea     message(%pc), %a1
say:
        moveq   #0, %d0
        move.b  (%a1)+, %d0
        jeq     address
        move.l  %d0, (%a0)              // GOLDFISH_TTY_REG_BYTES: the byte goes out at once
        jra     say
address:
        move.l  LOW(%a4), %d1
        moveq   #8, %d2
digit:
        rol.l   #4, %d1
        moveq   #15, %d0
        and.l   %d1, %d0
        move.b  digits(%pc,%d0.l), %d0
        move.l  %d0, (%a0)
        subq.l  #1, %d2
        jne     digit
        moveq   #'\r', %d0
        move.l  %d0, (%a0)
        moveq   #'\n', %d0
        move.l  %d0, (%a0)
stop:
        stop    #0x2700
        jra     stop

digits: .ascii  "0123456789abcdef"
message:
        .asciz  "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
