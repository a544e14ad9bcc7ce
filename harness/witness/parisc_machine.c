/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on parisc: QEMU's B160L, with a 16550 UART in its Lasi chip. */
#include "harness/witness/ns16550.h"

/* Sources: QEMU hw/hppa/hppa_hardware.h (LASI_UART_HPA); drivers/tty/serial/8250/8250_parisc.c (0x800). */
#define LASI_UART 0xffd05800u

static volatile uint8_t *uart;

static uint8_t uart_get(unsigned reg) { return uart[reg]; }
static void uart_put(unsigned reg, uint8_t value) { uart[reg] = value; }

/* The compiler calls it for structures. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size) {
  for (__SIZE_TYPE__ i = 0; i < size; ++i) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
  return to;
}

void witness_machine_init(uint64_t console) {
  uart = (volatile uint8_t *)(uintptr_t)(console != 0 ? console : LASI_UART);
  uart_init();
}

/* The board has no register that switches it off; QEMU's CPU has an instruction of its own (target/hppa/insns.decode:
 * halt), by which its firmware does it too. */
void witness_end(void) {
  uart_drain();
  __asm__ volatile(".word 0xfffdead0");
  for (;;) __asm__ volatile("or %r10, %r10, %r10"); /* to QEMU: idle */
}
