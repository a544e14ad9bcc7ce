// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on ppc (e500): an optional digest, then the kernel with the device tree's address in r3.
//
// At entry: the first 2 GiB mapped one to one by entries 3 to 10 of TLB1 (arch/powerpc/kernel/85xx_entry_mapping.S), interrupts
// off. Position-independent; uses no stack. The slots' layout is promised in arch/stub.h; numbers have 32 bits here, the low
// word of a slot.

#define LOW 4
// Distances from the stub's start.
#define ENTRY 8                         // physical address the kernel starts at
#define ARGUMENT 16                     // physical address of the device tree, for r3
#define COUNT 24                        // rows of the table in use; 0: no check
#define CONSOLE 32                      // physical address of a 16550 that hears about a mismatch; 0: none
#define TABLE 40                        // {start, length, expected} of each segment
#define START 424

#define EPAPR_MAGIC 0x45504150          // of a Book E CPU. Source: ePAPR 1.1, 5.4.1
#define MAPPED 0x04000000

        .text
        .globl  _start
_start:
        b       start

        .org    START                   // zeros up to here: the slots
start:
        bcl     20, 31, 1f
1:      mflr    30
        addi    30, 30, _start - 1b     // where the stub lies
        lwz     20, COUNT + LOW(30)
        addi    21, 30, TABLE
        lis     22, 0x7F4A              // low word of the multiplier
        ori     22, 22, 0x7C15
        lis     23, 0x9E37
        ori     23, 23, 0x79B9
        lis     24, 0x9E37              // low word of the addend
        ori     24, 24, 0x79F9
        lis     25, 0x1656
        ori     25, 25, 0x67B1
        li      26, 4
next_segment:
        cmpwi   20, 0
        beq     jump
        lwz     3, LOW(21)
        lwz     4, 8 + LOW(21)
        li      5, 0                    // the state: r5 low, r6 high
        li      6, 0
        srwi.   7, 4, 3
        beq     tail
word:                                   // memory as little-endian words
        lwbrx   8, 0, 3
        lwbrx   9, 26, 3
        addi    3, 3, 8
        bl      mix
        addic.  7, 7, -1
        bne     word
tail:
        andi.   7, 4, 7
        beq     length
        li      8, 0
        li      9, 0
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        addi    7, 7, -1
        lbzx    10, 3, 7
        slwi    9, 9, 8
        rlwimi  9, 8, 8, 24, 31         // the top byte of the low word
        slwi    8, 8, 8
        or      8, 8, 10
        cmpwi   7, 0
        bne     tail_byte
        bl      mix
length:
        xor     5, 5, 4                 // lengths have no high word here
        lwz     8, 16 + LOW(21)
        lwz     9, 16(21)
        cmpw    5, 8
        bne     mismatch
        cmpw    6, 9
        bne     mismatch
        addi    21, 21, 24
        addi    20, 20, -1
        b       next_segment

mix:                                    // state = rotate(state ^ v, 27) * multiplier + addend
        xor     5, 5, 8
        xor     6, 6, 9
        slwi    10, 5, 27
        rlwimi  10, 6, 27, 5, 31        // low
        slwi    11, 6, 27
        rlwimi  11, 5, 27, 5, 31        // high
        mullw   5, 10, 22
        mulhwu  6, 10, 22
        mullw   12, 10, 23
        add     6, 6, 12
        mullw   12, 11, 22
        add     6, 6, 12
        addc    5, 5, 24
        adde    6, 6, 25
        blr

jump:
        lwz     3, ARGUMENT + LOW(30)
        lwz     12, ENTRY + LOW(30)
        li      4, 0
        li      5, 0
        lis     6, EPAPR_MAGIC >> 16
        ori     6, 6, EPAPR_MAGIC & 0xffff
        lis     7, MAPPED >> 16
        li      8, 0
        li      9, 0
        mtctr   12
        isync
        bctr

mismatch:                               // a damaged image never runs: say where, then stop for good
        lwz     29, CONSOLE + LOW(30)
        cmpwi   29, 0
        beq     stop
        bgt     mapped                  // below 2 GiB
        lis     8, 0x100b               // MAS0: TLB1, entry 11. Source of these: arch/powerpc/include/asm/reg_booke.h,
        mtspr   624, 8                  // mmu-book3e.h
        lis     8, 0xc000               // MAS1: valid, protected from invalidation, 1 MiB
        ori     8, 8, 0x500
        mtspr   625, 8
        clrrwi  8, 29, 20
        ori     9, 8, 0x0a              // MAS2: not cached, guarded
        mtspr   626, 9
        ori     9, 8, 0x05              // MAS3: read and write, for the supervisor
        mtspr   627, 9
        tlbwe
        isync
mapped:
        addi    28, 30, message - _start
say:
        lbz     6, 0(28)
        cmpwi   6, 0
        beq     address
        addi    28, 28, 1
        bl      put
        b       say
address:
        lwz     27, LOW(21)
        li      26, 8
digit:
        rotlwi  27, 27, 4
        andi.   6, 27, 15
        addi    6, 6, '0'
        cmpwi   6, '9'
        ble     decimal
        addi    6, 6, 'a' - '9' - 1
decimal:
        bl      put
        addic.  26, 26, -1
        bne     digit
        li      6, '\r'
        bl      put
        li      6, '\n'
        bl      put
stop:
        b       stop

put:                                    // r6 to the 16550 at r29; waits while it is busy, but not for ever
        lis     8, 0x10
        mtctr   8
busy:
        lbz     8, 5(29)                // LSR
        andi.   8, 8, 0x20              // THRE
        bdnzt   eq, busy
        stb     6, 0(29)
        blr

message:
        .asciz  "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
