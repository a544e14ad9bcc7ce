/* SPDX-License-Identifier: Apache-2.0 */
/* The console under the witness on ARM machines: a PL011 UART. */
#include "harness/witness/pl011.h"

#include "harness/witness/machine.h"

/* The PL011's registers, in 32-bit words. Source: ARM PrimeCell UART (PL011) TRM, DDI 0183, chapter 3. */
#define UART_DR (0x00 / 4)
#define UART_FR (0x18 / 4)
#define UART_CR (0x30 / 4)
#define UART_FR_BUSY (1u << 3)
#define UART_FR_TXFF (1u << 5)
#define UART_CR_ENABLED ((1u << 0) | (1u << 8)) /* UARTEN, TXE */
/* Polls before a byte is given up: a byte takes 87 us at 115200 baud, a read of the flags well over 10 ns. */
#define PATIENCE 1000000

static volatile uint32_t *uart;

void pl011_console(uint64_t console) {
  uart = (volatile uint32_t *)(uintptr_t)(console != 0 ? console : VIRT_UART);
  uart[UART_CR] |= UART_CR_ENABLED; /* a kernel's driver may have switched it off */
}

static void wait_while(uint32_t bit) {
  for (unsigned i = 0; i < PATIENCE && (uart[UART_FR] & bit) != 0; ++i) {
  }
}

void witness_putc(char c) {
  wait_while(UART_FR_TXFF);
  uart[UART_DR] = (uint8_t)c;
}

void pl011_drain(void) { wait_while(UART_FR_BUSY); }
