/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550 UART as the witness's console. Included by the one file of a machine that has one, which tells how its
 * registers are reached: uart_get and uart_put. */
#ifndef KEXLAB_HARNESS_WITNESS_NS16550_H
#define KEXLAB_HARNESS_WITNESS_NS16550_H

#include "harness/witness/machine.h"

static uint8_t uart_get(unsigned reg);
static void uart_put(unsigned reg, uint8_t value);

/* Source: include/uapi/linux/serial_reg.h. */
#define UART_TX 0
#define UART_IER 1
#define UART_LCR 3
#define UART_LSR 5
#define UART_LCR_8N1 0x03
#define UART_LSR_THRE 0x20
#define UART_LSR_TEMT 0x40
/* Polls in all before bytes are written whether the UART is ready or not. A byte takes 87 us at 115200 baud, a port
 * read about 1 us; but an emulated UART is not ready while its host is too busy to read, and has no FIFO after a kernel
 * has suspended it: then the next byte would take the place of the one before. */
#define PATIENCE 30000000

static unsigned patience;

static void uart_init(void) {
  patience = PATIENCE;
  uart_put(UART_IER, 0);
  /* A kernel that died while it set the speed leaves the divisor in UART_TX's place. */
  uart_put(UART_LCR, UART_LCR_8N1);
}

static void wait_for(uint8_t bit) {
  while (patience != 0 && (uart_get(UART_LSR) & bit) == 0) --patience;
}

void witness_putc(char c) {
  wait_for(UART_LSR_THRE);
  uart_put(UART_TX, (uint8_t)c);
}

/* Until the last byte has left. */
static void uart_drain(void) { wait_for(UART_LSR_TEMT); }

#endif
