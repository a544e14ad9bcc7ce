// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on SH-4: an optional digest, then the kernel, which wants no registers.
//
// At entry: privileged mode, interrupts masked, in P1, where physical memory is seen cached and untranslated. Position-independent; uses
// no stack. All addresses are made P1's. The slots' layout is promised in arch/stub.h; numbers have 32 bits here, the
// low word of a slot.

// Distances from the stub's start.
#define ENTRY 8                         // physical address the kernel starts at
#define COUNT 24                        // rows of the table in use; 0: no check
#define CONSOLE 32                      // address of a SCIF that hears about a mismatch; 0: none
#define TABLE 40                        // {start, length, expected} of each segment
#define START 424

// Registers of the SCIF and bits in them (drivers/tty/serial/sh-sci.h).
#define SCSCR 0x08
#define SCFTDR 0x0c
#define SCFSR 0x10
#define TE 0x20                         // of SCSCR: transmit
#define TDFE 0x20                       // of SCFSR: room for a byte

        .text
        .globl  _start
_start:
        bra     start
         nop

        .org    START                   // zeros up to here: the slots
start:
        mova    here, r0
        mov.l   here, r1
        sub     r1, r0
        mov     r0, r8                  // where this stub lies
        mov.l   physical, r12
        mov.l   p1, r13
        mov.l   @(COUNT, r8), r9
        mov     r8, r10
        add     #TABLE, r10
next_segment:
        tst     r9, r9
        bt      jump
        mov.l   @(0, r10), r4
        and     r12, r4
        or      r13, r4
        mov.l   @(8, r10), r5
        mov     #0, r6                  // the state: r6 low, r7 high
        mov     #0, r7
        mov     r5, r11
        shlr2   r11
        shlr    r11
        tst     r11, r11
        bt      tail
word:
        mov.l   @r4+, r2
        mov.l   @r4+, r3
        bsr     mix
         nop
        dt      r11
        bf      word
tail:
        mov     r5, r0
        and     #7, r0
        tst     r0, r0
        bt      length
        mov     #0, r2
        mov     #0, r3
        mov     r4, r1
        add     r0, r1
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        shll8   r3
        mov     r2, r0
        shlr16  r0
        shlr8   r0
        or      r0, r3
        shll8   r2
        add     #-1, r1
        mov.b   @r1, r0
        extu.b  r0, r0
        or      r0, r2
        cmp/eq  r4, r1
        bf      tail_byte
        bsr     mix
         nop
length:
        xor     r5, r6                  // lengths have no high word here
        mov.l   @(16, r10), r0
        cmp/eq  r0, r6
        bf      mismatch
        mov.l   @(20, r10), r0
        cmp/eq  r0, r7
        bf      mismatch
        add     #24, r10
        bra     next_segment
         add    #-1, r9

mix:                                    // state = rotate(state ^ v, 27) * multiplier + addend
        xor     r2, r6
        xor     r3, r7
        mov     #27, r0
        mov     #-5, r1
        mov     r6, r2
        shld    r0, r2
        mov     r7, r3
        shld    r1, r3
        or      r3, r2                  // low
        shld    r0, r7
        shld    r1, r6
        or      r6, r7                  // high
        mov.l   multiplier_low, r0
        mov.l   multiplier_high, r1
        dmulu.l r2, r0
        sts     macl, r6
        sts     mach, r3
        mul.l   r2, r1
        sts     macl, r14
        add     r14, r3
        mul.l   r7, r0
        sts     macl, r14
        add     r14, r3
        mov.l   addend_low, r0
        mov.l   addend_high, r1
        clrt
        addc    r0, r6
        addc    r1, r3
        rts
         mov    r3, r7

jump:
        mov.l   @(ENTRY, r8), r0
        and     r12, r0
        or      r13, r0
        jmp     @r0
         nop

mismatch:                               // a damaged image never runs: say where, then stop for good
        mov.l   @(CONSOLE, r8), r9
        tst     r9, r9
        bt      stop
        mov.l   @(0, r10), r5
        mova    message, r0
        mov     r0, r4
say:
        mov.b   @r4+, r0
        tst     r0, r0
        bt      address
        bsr     put
         nop
        bra     say
         nop
address:
        mov     #8, r6
digit:
        rotl    r5
        rotl    r5
        rotl    r5
        rotl    r5
        mov     r5, r0
        and     #15, r0
        mov     r0, r1
        mova    digits, r0
        mov.b   @(r0, r1), r0
        bsr     put
         nop
        dt      r6
        bf      digit
        bsr     put
         mov    #'\r', r0
        bsr     put
         mov    #'\n', r0
stop:
        sleep
        bra     stop
         nop

put:                                    // the byte in r0
        mov     r0, r2
        mov     r9, r1
        add     #SCSCR, r1
        mov.w   @r1, r0
        or      #TE, r0
        mov.w   r0, @r1
        add     #SCFSR - SCSCR, r1
full:
        mov.w   @r1, r0
        tst     #TDFE, r0
        bt      full
        add     #SCFTDR - SCFSR, r1
        rts
         mov.b  r2, @r1

        .balign 4
here:                   .long   here - _start
physical:               .long   0x1fffffff
p1:                     .long   0x80000000
multiplier_low:         .long   0x7F4A7C15
multiplier_high:        .long   0x9E3779B9
addend_low:             .long   0x9E3779F9
addend_high:            .long   0x165667B1
digits:                 .ascii  "0123456789abcdef"
message:                .asciz  "\r\nkexlab: digest mismatch, segment at 0x"
        .balign 8
