// SPDX-License-Identifier: Apache-2.0
// The tests' guest on x86_64: says "hello" on the console, then obeys single letters on the channel.
//   ?  counts up and answers "N", a digit, a newline      f  floods the console from now on
//   q  powers off     r  resets     p  panics     i  idles for good
// ELF with a Multiboot 1 header; entered in 32-bit protected mode.
.code32
.globl _start
.set CONSOLE, 0x3f8
.set CHANNEL, 0x2f8
.set LSR, 5

        .long   0x1badb002, 0, -0x1badb002

_start: mov     $0x200000, %esp
        xor     %ebx, %ebx              // the counter
        xor     %ebp, %ebp              // whether to flood
        mov     $hello, %esi
1:      lodsb
        test    %al, %al
        jz      loop
        mov     $CONSOLE, %dx
        call    put
        jmp     1b

loop:   test    %ebp, %ebp
        jz      1f
        mov     $CONSOLE + LSR, %dx
        in      (%dx), %al
        test    $0x20, %al              // room for a byte: the flood must not stop the loop
        jz      1f
        mov     $CONSOLE, %dx
        mov     $'x', %al
        out     %al, (%dx)
1:      mov     $CHANNEL + LSR, %dx
        in      (%dx), %al
        test    $1, %al
        jz      loop
        mov     $CHANNEL, %dx
        in      (%dx), %al
        cmp     $'?', %al
        je      count
        cmp     $'f', %al
        je      flood
        cmp     $'q', %al
        je      off
        cmp     $'r', %al
        je      reset
        cmp     $'p', %al
        je      panic
        cmp     $'i', %al
        jne     loop
idle:   hlt
        jmp     idle

count:  inc     %ebx
        mov     $CHANNEL, %dx
        mov     $'N', %al
        call    put
        mov     %bl, %al
        add     $'0', %al
        call    put
        mov     $'\n', %al
        call    put
        jmp     loop
flood:  inc     %ebp
        jmp     loop
off:    mov     $0x604, %dx             // q35's PM1a control register, where SeaBIOS puts it: SLP_EN, S5
        mov     $0x2000, %ax
        out     %ax, (%dx)
        jmp     idle
reset:  mov     $0xcf9, %dx
        mov     $6, %al
        out     %al, (%dx)
        jmp     idle
panic:  mov     $0x505, %dx             // pvpanic
        mov     $1, %al
        out     %al, (%dx)
        jmp     idle

put:    mov     %al, %cl                // writes %al to the UART at %dx once it has room
        add     $LSR, %dx
2:      in      (%dx), %al
        test    $0x20, %al
        jz      2b
        sub     $LSR, %dx
        mov     %cl, %al
        out     %al, (%dx)
        ret

hello:  .asciz  "hello\n"
