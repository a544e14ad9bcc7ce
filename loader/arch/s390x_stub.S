// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on s390x: memory that an emulator is to look at anew, an optional digest, then
// the kernel.
//
// At entry: just reset, 31-bit addressing, translation off, all interruptions masked. Position-independent; uses no
// stack. A machine that starts in ESA/390 mode is brought into z/Architecture mode, as the kernel does itself
// (arch/s390/boot/head.S); the kernel finds 31-bit addressing again.
// The slots' layout is promised in arch/stub.h, the same for every architecture; numbers are big-endian here, the
// digest's words little-endian everywhere.

        .text
        .globl  _start
_start:
        j       start

        .org    8
entry:          .quad 0                 // absolute address the kernel starts at
argument:       .quad 0                 // end of the memory from 0x10000 that is written back, whole pages
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // not used: the machine's console needs more than an address
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

        .org    424
start:
        lhi     %r1,2                   // SIGP set architecture: z/Architecture
        slr     %r0,%r0
        sigp    %r1,%r0,0x12
        sam64
        larl    %r1,argument            // each word as it is, by ordinary stores: see s390x.cpp
        lg      %r3,0(%r1)
        larl    %r4,_start              // but for this page, which runs
        llilh   %r2,1
page:
        clgr    %r2,%r3
        jhe     check
        clgr    %r2,%r4
        je      own_page
        lghi    %r5,512
write_back:
        lg      %r6,0(%r2)
        stg     %r6,0(%r2)
        aghi    %r2,8
        brctg   %r5,write_back
        j       page
own_page:
        aghi    %r2,4096
        j       page

check:
        larl    %r1,count
        lg      %r10,0(%r1)
        larl    %r11,table
        larl    %r1,multiplier
        lg      %r12,0(%r1)
        lg      %r13,8(%r1)
next_segment:
        ltgr    %r10,%r10
        jz      jump
        lg      %r2,0(%r11)
        lg      %r3,8(%r11)
        lghi    %r4,0
        srlg    %r5,%r3,3
        ltgr    %r5,%r5
        jz      tail
word:
        lrvg    %r6,0(%r2)
        xgr     %r4,%r6
        rllg    %r4,%r4,27
        msgr    %r4,%r12
        agr     %r4,%r13
        aghi    %r2,8
        brctg   %r5,word
tail:
        lghi    %r5,7
        ngr     %r5,%r3
        jz      length
        lghi    %r6,0
tail_byte:                              // the last bytes as one little-endian word, zeros above them
        aghi    %r5,-1
        llgc    %r7,0(%r5,%r2)
        sllg    %r6,%r6,8
        ogr     %r6,%r7
        ltgr    %r5,%r5
        jnz     tail_byte
        xgr     %r4,%r6
        rllg    %r4,%r4,27
        msgr    %r4,%r12
        agr     %r4,%r13
length:
        xgr     %r4,%r3
        cg      %r4,16(%r11)
        jne     mismatch
        aghi    %r11,24
        aghi    %r10,-1
        j       next_segment

jump:
        larl    %r1,entry
        lg      %r1,0(%r1)
        larl    %r2,kernel_psw
        stg     %r1,8(%r2)
        lpswe   0(%r2)

mismatch:                               // a damaged image never runs: a disabled wait shows the segment's address
        lg      %r1,0(%r11)
        larl    %r2,wait_psw
        stg     %r1,8(%r2)
        lpswe   0(%r2)

        .balign 8
multiplier:     .quad 0x9E3779B97F4A7C15
addend:         .quad 0x165667B19E3779F9
kernel_psw:     .quad 0x0000000080000000, 0     // disabled, 31-bit addressing
wait_psw:       .quad 0x0002000180000000, 0     // disabled wait, 64-bit addressing
