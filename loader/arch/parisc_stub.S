/* SPDX-License-Identifier: Apache-2.0 */
/* The first instructions after the jump on parisc: an optional digest, then the kernel with a boot loader's arguments.
 *
 * At entry: privilege level 0, addresses physical, interrupts off, r26 as the next kernel wants it. Position-independent;
 * uses no stack. The slots' layout is promised in arch/stub.h; numbers are big-endian: the low word of each is its second.
 *
 * A branch takes the next instruction along. With ",n" it does not: one without a condition never, a forward one not where
 * it is taken, a backward one not where it is not taken.
 */

/* Distances from the stub's start. */
#define ENTRY 8                         /* physical address the kernel starts at */
#define ARGUMENT 16                     /* physical address of {arg1, arg2, arg3}, 32 bits each */
#define COUNT 24                        /* rows of the table in use; 0: no check */
#define CONSOLE 32                      /* physical address of a 16550 that hears about a mismatch; 0: none */
#define TABLE 40                        /* {start, length, expected} of each segment */
#define START 424
#define HERE (START + 8)
#define POOL 1040                       /* for the multiplier: the factor 16 before it, its operand 8 before it, products */
#define MESSAGE 1056

/* r26 is not used. */
#define BASE %r1
#define BACK %r2
#define ONE %r3                         /* for a few lines */
#define TWO %r4
#define WORD_LOW %r5                    /* memory as a little-endian word */
#define WORD_HIGH %r6
#define POOL_AT %r7
#define ROWS %r19                       /* rows left */
#define ROW %r20
#define AT %r21
#define LENGTH %r22
#define LOW %r28                        /* the state */
#define HIGH %r29
#define LEFT %r31
#define UART %r8
#define CHARACTER %r9
#define PATIENCE %r10

        .level  1.1
        .text
        .globl  _start
_start:
        b,n     start

        .org    START                   /* zeros up to here: the slots */
start:
        b,l     here, BASE
        nop
here:
        depi    0, 31, 2, BASE          /* its low bits are the privilege level */
        ldo     -HERE(BASE), BASE
        ldo     POOL(BASE), POOL_AT
        ldi     0xc0, ONE               /* the multiplier belongs to the floating-point unit */
        mtctl   ONE, %cr10
        fldds   -16(POOL_AT), %fr5      /* left its high word, right the low one */
        ldw     COUNT+4(BASE), ROWS
        ldo     TABLE(BASE), ROW
next_segment:
        cmpib,=,n 0, ROWS, jump
        ldw     4(ROW), AT
        ldw     12(ROW), LENGTH
        copy    %r0, LOW
        copy    %r0, HIGH
        extru   LENGTH, 28, 29, LEFT
        cmpib,=,n 0, LEFT, tail
word:
        ldw     0(AT), ONE
        ldw     4(AT), TWO
        shd     ONE, ONE, 16, WORD_LOW
        dep     WORD_LOW, 15, 8, WORD_LOW
        shd     ONE, WORD_LOW, 8, WORD_LOW
        shd     TWO, TWO, 16, WORD_HIGH
        dep     WORD_HIGH, 15, 8, WORD_HIGH
        shd     TWO, WORD_HIGH, 8, WORD_HIGH
        b,l     mix, BACK
        ldo     8(AT), AT
        addib,<> -1, LEFT, word
        nop
tail:
        extru   LENGTH, 31, 3, LEFT
        cmpib,=,n 0, LEFT, length
        copy    %r0, WORD_LOW
        copy    %r0, WORD_HIGH
        add     AT, LEFT, ONE
tail_byte:                              /* the last bytes as one little-endian word, zeros above them */
        ldo     -1(ONE), ONE
        ldb     0(ONE), TWO
        shd     WORD_HIGH, WORD_LOW, 24, WORD_HIGH
        zdep    WORD_LOW, 23, 24, WORD_LOW
        addib,<> -1, LEFT, tail_byte
        or      WORD_LOW, TWO, WORD_LOW
        b,l     mix, BACK
        nop
length:
        xor     LOW, LENGTH, LOW        /* lengths have no high word here */
        ldw     16(ROW), ONE
        ldw     20(ROW), TWO
        cmpb,<>,n ONE, HIGH, mismatch
        cmpb,<>,n TWO, LOW, mismatch
        ldo     24(ROW), ROW
        b       next_segment
        ldo     -1(ROWS), ROWS

mix:                                    /* state = rotate(state ^ word, 27) * factor + addend */
        xor     LOW, WORD_LOW, LOW
        xor     HIGH, WORD_HIGH, HIGH
        shd     LOW, HIGH, 5, ONE
        stw     ONE, -4(POOL_AT)
        shd     HIGH, LOW, 5, ONE
        stw     ONE, -8(POOL_AT)
        fldds   -8(POOL_AT), %fr4
        xmpyu   %fr4R, %fr5R, %fr6
        xmpyu   %fr4R, %fr5L, %fr7
        xmpyu   %fr4L, %fr5R, %fr8
        fstds   %fr6, 0(POOL_AT)
        fstws   %fr7R, 8(POOL_AT)
        fstws   %fr8R, 12(POOL_AT)
        ldw     0(POOL_AT), HIGH
        ldw     4(POOL_AT), LOW
        ldw     8(POOL_AT), ONE
        ldw     12(POOL_AT), TWO
        add     HIGH, ONE, HIGH
        add     HIGH, TWO, HIGH
        ldil    L%0x9E3779F9, ONE       /* low word of the addend */
        ldo     R%0x9E3779F9(ONE), ONE
        ldil    L%0x165667B1, TWO
        ldo     R%0x165667B1(TWO), TWO
        add     LOW, ONE, LOW
        bv      %r0(BACK)
        addc    HIGH, TWO, HIGH

jump:
        ldw     ARGUMENT+4(BASE), ONE
        ldw     ENTRY+4(BASE), TWO
        ldw     0(ONE), %r25
        ldw     4(ONE), %r24
        ldw     8(ONE), %r23
        sync
        bv,n    %r0(TWO)

mismatch:                               /* a damaged image never runs: say where, then stop for good */
        ldw     CONSOLE+4(BASE), UART
        cmpib,=,n 0, UART, stop
        ldo     MESSAGE(BASE), ONE
say:
        ldb     0(ONE), CHARACTER
        cmpib,=,n 0, CHARACTER, address
        b,l     put, BACK
        ldo     1(ONE), ONE
        b,n     say
address:
        ldw     4(ROW), ONE
        ldi     8, LEFT
digit:
        extru   ONE, 3, 4, CHARACTER
        zdep    ONE, 27, 28, ONE
        comiclr,>= 9, CHARACTER, %r0
        ldo     39(CHARACTER), CHARACTER        /* 'a' - '9' - 1 */
        b,l     put, BACK
        ldo     48(CHARACTER), CHARACTER        /* '0' */
        addib,<> -1, LEFT, digit
        nop
        b,l     put, BACK
        ldi     13, CHARACTER
        b,l     put, BACK
        ldi     10, CHARACTER
stop:
        b       stop
        or      %r10, %r10, %r10        /* to QEMU: idle */

put:                                    /* a character to the 16550; waits while it is busy, but not for ever */
        ldil    L%0x100000, PATIENCE
busy:
        ldb     5(UART), TWO            /* LSR */
        bb,<,n  TWO, 26, ready          /* THRE */
        addib,<> -1, PATIENCE, busy
        nop
ready:
        bv      %r0(BACK)
        stb     CHARACTER, 0(UART)

        .org    POOL - 16
        .word   0x9E3779B9, 0x7F4A7C15
        .org    MESSAGE
        .asciz  "\r\nkexlab: digest mismatch, segment at 0x"
