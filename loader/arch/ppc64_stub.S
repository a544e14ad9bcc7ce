// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on ppc64 of either byte order: an optional digest, then the kernel with the
// device tree's address in r3.
//
// At entry: real mode, r3 = this CPU's number, r4 = entry, r5 = 0 (kexec_sequence, arch/powerpc/kernel/misc_64.S), in the
// byte order of the kernel that jumped. Position-independent; uses no stack. It lies 0x100 bytes behind the plan's entry
// (powerpc64.h). The slots' layout is promised in arch/stub.h, the same for every architecture.

        .machine power8
        .text
        .globl  _start
_start:
        b       start

        .org    8
entry:          .8byte 0                // physical address the kernel starts at
argument:       .8byte 0                // physical address of the device tree, for r3
count:          .8byte 0                // rows of the table in use; 0: no check
console:        .8byte 0                // unit address of the virtual terminal that hears about a mismatch; 0: none
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

// The digest's words are little-endian, the device tree big-endian.
#ifdef __LITTLE_ENDIAN__
#define LOAD_LITTLE ldx
#define STORE_BIG   stwbrx
#else
#define LOAD_LITTLE ldbrx
#define STORE_BIG   stwx
#endif

        .org    424
start:
        mr      31, 3                   // the CPU's number
        bcl     20, 31, 1f
1:      mflr    30
        addi    30, 30, _start - 1b     // where the stub lies
        ld      20, count - _start(30)
        addi    21, 30, table - _start
        ld      22, multiplier - _start(30)
        ld      23, addend - _start(30)
next_segment:
        cmpdi   20, 0
        beq     jump
        ld      3, 0(21)
        ld      4, 8(21)
        ld      5, 16(21)
        li      6, 0
        srdi.   7, 4, 3
        beq     tail
        mtctr   7
word:
        LOAD_LITTLE 8, 0, 3
        addi    3, 3, 8
        xor     6, 6, 8
        rotldi  6, 6, 27
        mulld   6, 6, 22
        add     6, 6, 23
        bdnz    word
tail:
        andi.   7, 4, 7
        beq     length
        li      8, 0
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        addi    7, 7, -1
        lbzx    9, 3, 7
        sldi    8, 8, 8
        or      8, 8, 9
        cmpdi   7, 0
        bne     tail_byte
        xor     6, 6, 8
        rotldi  6, 6, 27
        mulld   6, 6, 22
        add     6, 6, 23
length:
        xor     6, 6, 4
        cmpd    6, 5
        bne     mismatch
        addi    21, 21, 24
        addi    20, 20, -1
        b       next_segment

jump:                                   // any CPU may have crashed: the tree's header names the one that boots
        ld      3, argument - _start(30)
        li      6, 28                   // boot_cpuid_phys. Source: the Devicetree Specification 0.4, 5.2
        STORE_BIG 31, 6, 3
        lis     6, 1                    // the others need a moment to reach 0x60, before the kernel copies itself there
        mtctr   6
        bdnz    .
        ld      4, entry - _start(30)
        li      5, 0
        mfmsr   11                      // Open Firmware's byte order is the one that every kernel can be entered in
        clrrdi  11, 11, 1
        mtsrr0  4
        mtsrr1  11
        rfid

mismatch:                               // a damaged image never runs: say where, then stop for good
        ld      29, console - _start(30)
        cmpdi   29, 0
        beq     stop
        addi    28, 30, message - _start
say:
        lbz     6, 0(28)
        cmpdi   6, 0
        beq     address
        addi    28, 28, 1
        bl      put
        b       say
address:
        ld      27, 0(21)
        li      26, 16
digit:
        rotldi  27, 27, 4
        andi.   6, 27, 15
        addi    6, 6, '0'
        cmpdi   6, '9'
        ble     decimal
        addi    6, 6, 'a' - '9' - 1
decimal:
        bl      put
        addi    26, 26, -1
        cmpdi   26, 0
        bne     digit
        li      6, '\r'
        bl      put
        li      6, '\n'
        bl      put
stop:
        b       stop

put:                                    // r6 to the terminal at r29; waits while it is busy, but not for ever
        mflr    25
        sldi    24, 6, 56               // the first byte of the big-endian double word that the call takes
        lis     19, 0x10
again:
        li      3, 0x58                 // H_PUT_TERM_CHAR. Source: PAPR, 14.5.4
        mr      4, 29
        li      5, 1
        mr      6, 24
        li      7, 0
        .long   0x44000022              // sc 1
        cmpdi   3, 1                    // H_Busy
        bne     1f
        addi    19, 19, -1
        cmpdi   19, 0
        bne     again
1:      mtlr    25
        blr

        .balign 8
multiplier:     .8byte 0x9E3779B97F4A7C15
addend:         .8byte 0x165667B19E3779F9
message:        .asciz "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
