// SPDX-License-Identifier: Apache-2.0
// The tests' guest on arm64: says "hello" on the console, then obeys single letters on the channel.
//   ?  counts up and answers "N", a digit, a newline      f  floods the console from now on
//   q  powers off     r  resets     i  idles for good
// Addresses are those of QEMU's hw/arm/virt.c; the channel is the pci-serial in slot 1, whose BAR nobody has set yet.
.globl _start
.set LSR, 5

_start: mov     x19, #0                 // the counter
        mov     x20, #0                 // whether to flood
        movz    x21, #0x0900, lsl #16   // PL011
        ldr     x22, =0x3eff1000        // the PCI I/O window, and the BAR's place in it
        ldr     x1, =0x4010008000       // configuration space of 00:01.0
        mov     w2, #0x1000
        str     w2, [x1, #0x10]
        mov     w2, #1
        strh    w2, [x1, #4]
        adr     x1, hello
1:      ldrb    w0, [x1], #1
        cbz     w0, loop
        str     w0, [x21]
        b       1b

loop:   cbz     x20, 1f
        mov     w0, #'x'
        str     w0, [x21]
1:      ldrb    w0, [x22, #LSR]
        tbz     w0, #0, loop
        ldrb    w0, [x22]
        cmp     w0, #'?'
        b.eq    count
        cmp     w0, #'f'
        b.eq    flood
        cmp     w0, #'q'
        b.eq    off
        cmp     w0, #'r'
        b.eq    reset
        cmp     w0, #'i'
        b.ne    loop
idle:   wfi
        b       idle

count:  add     x19, x19, #1
        mov     w0, #'N'
        bl      put
        add     w0, w19, #'0'
        bl      put
        mov     w0, #'\n'
        bl      put
        b       loop
flood:  mov     x20, #1
        b       loop
off:    ldr     w0, =0x84000008         // PSCI SYSTEM_OFF
        hvc     #0
reset:  ldr     w0, =0x84000009         // PSCI SYSTEM_RESET
        hvc     #0
        b       idle

put:    ldrb    w1, [x22, #LSR]         // writes w0 to the channel once it has room
        tbz     w1, #5, put
        strb    w0, [x22]
        ret

hello:  .asciz  "hello\n"
