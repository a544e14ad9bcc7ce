// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on MIPS of any variant: an optional digest, then the kernel with YAMON's arguments.
//
// At entry: kernel mode, interrupts off, at a KSEG0 address (64-bit: XKPHYS), a0 to a3 as the running kernel keeps them.
// Position-independent; uses no stack. All addresses are made KSEG0's, which a 64-bit CPU takes as sign-extended 32-bit
// ones: so 32-bit instructions serve both. The slots' layout is promised in arch/stub.h.

#ifdef __MIPSEB__
#define LOW 4                           // the low word of an 8-byte slot
#else
#define LOW 0
#endif

// Distances from the stub's start.
#define ENTRY 8                         // physical address the kernel starts at
#define ARGUMENT 16                     // physical address of {a0, a1, a2, a3}, 32 bits each
#define COUNT 24                        // rows of the table in use; 0: no check
#define CONSOLE 32                      // physical address of a 16550 that hears about a mismatch; 0: none
#define TABLE 40                        // {start, length, expected} of each segment
#define START 424
#define HERE (START + 16)
#define MESSAGE 1024

        .text
        .set    noreorder
        .set    noat
        .globl  __start
__start:
        b       start
        nop

        .org    START                   // zeros up to here: the slots
start:
        di
        ehb
        bal     . + 8
        nop
                                        // HERE
        lui     $s7, 0x8000             // KSEG0, cached
        lui     $t0, 0x1fff
        ori     $t0, $t0, 0xffff
        and     $s0, $ra, $t0
        or      $s0, $s0, $s7
        addiu   $s0, $s0, -HERE         // where this stub lies
        lw      $s1, (COUNT + LOW)($s0)
        addiu   $s2, $s0, TABLE
next_segment:
        beqz    $s1, jump
        lw      $t0, LOW($s2)
        lw      $t1, (8 + LOW)($s2)
        or      $t0, $t0, $s7
        move    $a0, $zero              // the state: a0 low, a1 high
        move    $a1, $zero
        srl     $t2, $t1, 3
        beqz    $t2, tail
        nop
word:                                   // memory as little-endian words
        lw      $v0, 0($t0)
        lw      $v1, 4($t0)
#ifdef __MIPSEB__
        wsbh    $v0, $v0
        rotr    $v0, $v0, 16
        wsbh    $v1, $v1
        rotr    $v1, $v1, 16
#endif
        bal     mix
        addiu   $t0, $t0, 8
        addiu   $t2, $t2, -1
        bnez    $t2, word
        nop
tail:
        andi    $t2, $t1, 7
        beqz    $t2, length
        move    $v0, $zero
        move    $v1, $zero
        addu    $t3, $t0, $t2
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        addiu   $t3, $t3, -1
        lbu     $a2, 0($t3)
        sll     $v1, $v1, 8
        srl     $a3, $v0, 24
        or      $v1, $v1, $a3
        sll     $v0, $v0, 8
        bne     $t3, $t0, tail_byte
        or      $v0, $v0, $a2
        bal     mix
        nop
length:
        xor     $a0, $a0, $t1           // lengths have no high word here
        lw      $t3, (16 + LOW)($s2)
        lw      $a2, (20 - LOW)($s2)
        bne     $a0, $t3, mismatch
        nop
        bne     $a1, $a2, mismatch
        nop
        addiu   $s2, $s2, 24
        b       next_segment
        addiu   $s1, $s1, -1

mix:                                    // state = rotate(state ^ v, 27) * multiplier + addend
        xor     $a0, $a0, $v0
        xor     $a1, $a1, $v1
        sll     $a3, $a0, 27
        srl     $s5, $a1, 5
        srl     $s6, $a0, 5
        sll     $t8, $a1, 27
        or      $a3, $a3, $s5           // low
        or      $s5, $s6, $t8           // high
        lui     $s6, 0x7F4A             // low word of the multiplier
        ori     $s6, $s6, 0x7C15
        lui     $t8, 0x9E37
        ori     $t8, $t8, 0x79B9
        multu   $a3, $s6
        mflo    $a0
        mfhi    $a1
        mul     $a3, $a3, $t8
        mul     $s5, $s5, $s6
        addu    $a1, $a1, $a3
        addu    $a1, $a1, $s5
        lui     $s6, 0x9E37             // low word of the addend
        ori     $s6, $s6, 0x79F9
        lui     $t8, 0x1656
        ori     $t8, $t8, 0x67B1
        addu    $a0, $a0, $s6
        sltu    $a3, $a0, $s6           // both sign-extended, which keeps the order
        addu    $a1, $a1, $t8
        jr      $ra
        addu    $a1, $a1, $a3

jump:
        lw      $t0, (ARGUMENT + LOW)($s0)
        lw      $t9, (ENTRY + LOW)($s0)
        or      $t0, $t0, $s7
        or      $t9, $t9, $s7
        lw      $a0, 0($t0)
        lw      $a1, 4($t0)
        lw      $a2, 8($t0)
        lw      $a3, 12($t0)
        sync
        jr      $t9
        nop

mismatch:                               // a damaged image never runs: say where, then stop for good
        lw      $s3, (CONSOLE + LOW)($s0)
        beqz    $s3, stop
        lui     $t0, 0xa000             // KSEG1, uncached
        or      $s3, $s3, $t0
        addiu   $s4, $s0, MESSAGE
say:
        lbu     $a0, 0($s4)
        beqz    $a0, address
        nop
        bal     put
        addiu   $s4, $s4, 1
        b       say
        nop
address:
        lw      $s4, LOW($s2)
        li      $s5, 8
digit:
        rotr    $s4, $s4, 28
        andi    $a0, $s4, 15
        sltiu   $t0, $a0, 10
        bnez    $t0, decimal
        addiu   $a0, $a0, '0'
        addiu   $a0, $a0, 'a' - '9' - 1
decimal:
        bal     put
        addiu   $s5, $s5, -1
        bnez    $s5, digit
        nop
        bal     put
        li      $a0, '\r'
        bal     put
        li      $a0, '\n'
stop:
        wait
        b       stop
        nop

put:                                    // a0 to the 16550 at s3; waits while it is busy, but not for ever
        lui     $t0, 0x10
busy:
        lbu     $t1, 5($s3)             // LSR
        andi    $t1, $t1, 0x20          // THRE
        bnez    $t1, ready
        addiu   $t0, $t0, -1
        bnez    $t0, busy
        nop
ready:
        jr      $ra
        sb      $a0, 0($s3)

        .org    MESSAGE
        .asciz "\r\nkexlab: digest mismatch, segment at 0x"
