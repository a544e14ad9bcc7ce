// SPDX-License-Identifier: Apache-2.0
// The first instructions after the jump on s390x: memory that an emulator is to look at anew, an optional digest, then
// the kernel. Of a crash kernel: the digest, and its memory into the crashed kernel's place.
//
// At entry after a reboot: just reset, 31-bit addressing, translation off, all interruptions masked. A kernel that
// crashes calls this as int entry(int start), in 64-bit addressing, translation off as well: first with 0, which asks
// whether the image is whole (0: yes), then with 1, from where it does not return (arch/s390/kernel/machine_kexec.c,
// kdump_csum_valid, __do_machine_kdump). Position-independent; uses no stack.
// A machine that starts in ESA/390 mode is brought into z/Architecture mode, as the kernel does itself
// (arch/s390/boot/head.S); the kernel finds 31-bit addressing again.
// The slots' layout is promised in arch/stub.h, the same for every architecture; numbers are big-endian here, the
// digest's words little-endian everywhere.

        .text
        .globl  _start
_start:
        j       start

        .org    8
entry:          .quad 0                 // absolute address the kernel starts at
argument:       .quad 0                 // end of the memory from 0x10000 that is written back, whole pages; of a crash
                                        // kernel: where its memory starts, whole pages
count:          .quad 0                 // rows of the table in use; 0: no check
console:        .quad 0                 // the machine's console needs more than an address; of a crash kernel: size of
                                        // its memory
table:          .fill 16 * 3, 8, 0      // {start, length, expected} of each segment

        .org    424
start:
        tam
        jo      called                  // 64-bit addressing: a kernel that crashes calls
        lghi    %r9,0
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

called:
        larl    %r1,saved
        stmg    %r6,%r15,0(%r1)
        lghi    %r9,1                   // r9: 0 after a reboot, 1 to check only, 2 to start the crash kernel
        ltgr    %r2,%r2
        jz      check
        lghi    %r9,2

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
        cghi    %r9,1
        lghi    %r2,0
        je      return
        cghi    %r9,2
        je      change_places
        larl    %r1,entry
        lg      %r1,0(%r1)
        larl    %r2,kernel_psw
        stg     %r1,8(%r2)
        lpswe   0(%r2)

return:
        larl    %r1,saved
        lmg     %r6,%r15,0(%r1)
        br      %r14

// The crash kernel runs at 0, as every kernel does, so its memory and the crashed kernel's first change places, and
// /proc/vmcore finds the latter in the reservation (OLDMEM_BASE; arch/s390/kernel/crash_dump.c). This code changes its
// place first: to page 15, which no segment of the plan uses. Ordinary stores alone: see s390x.cpp.
change_places:
        larl    %r1,argument
        lg      %r11,0(%r1)             // the reservation
        larl    %r1,console
        lg      %r12,0(%r1)             // its size
        llill   %r3,15*4096
        lgr     %r2,%r11
        agr     %r2,%r3
        brasl   %r14,exchange_page
        llill   %r3,15*4096
        larl    %r4,_start
        lghi    %r5,512
copy:
        lg      %r6,0(%r4)
        stg     %r6,0(%r3)
        aghi    %r4,8
        aghi    %r3,8
        brctg   %r5,copy
        larl    %r4,_start
        larl    %r5,moved
        sgr     %r5,%r4
        llill   %r3,15*4096
        agr     %r5,%r3
        br      %r5
moved:
        lgr     %r2,%r11
        lghi    %r3,0
        agr     %r12,%r11               // where the reservation ends
        llill   %r10,15*4096
next_page:
        clgr    %r2,%r12
        jhe     moved_all
        clgr    %r3,%r10
        je      own_page_again
        brasl   %r14,exchange_page
        j       next_page
own_page_again:
        aghi    %r2,4096
        aghi    %r3,4096
        j       next_page
moved_all:                              // as relocate_kernel leaves: a reset, then the short PSW at 0
        larl    %r1,entry
        lg      %r1,0(%r1)
        larl    %r2,short_psw
        og      %r1,0(%r2)
        lghi    %r2,0
        stg     %r1,0(%r2)
        slr     %r0,%r0
        lghi    %r1,1                   // load normal reset
        diag    %r0,%r1,0x308
stop:
        j       stop

exchange_page:                          // the pages at r2 and r3, which it moves on; r5 to r7 are lost
        lghi    %r5,512
exchange:
        lg      %r6,0(%r2)
        lg      %r7,0(%r3)
        stg     %r7,0(%r2)
        stg     %r6,0(%r3)
        aghi    %r2,8
        aghi    %r3,8
        brctg   %r5,exchange
        br      %r14

mismatch:                               // a damaged image never runs: a disabled wait shows the segment's address
        cghi    %r9,1
        lghi    %r2,1
        je      return
        lg      %r1,0(%r11)
        larl    %r2,wait_psw
        stg     %r1,8(%r2)
        lpswe   0(%r2)

        .balign 8
saved:          .fill 10, 8, 0
short_psw:      .quad 0x0008000080000000        // disabled, 31-bit addressing; the address goes into it
multiplier:     .quad 0x9E3779B97F4A7C15
addend:         .quad 0x165667B19E3779F9
kernel_psw:     .quad 0x0000000080000000, 0     // disabled, 31-bit addressing
wait_psw:       .quad 0x0002000180000000, 0     // disabled wait, 64-bit addressing
