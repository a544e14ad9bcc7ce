/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on arm64: a PL011 UART, and PSCI to switch off. */
#include "harness/witness/machine.h"

/* QEMU's virt machine has its PL011 here. Source: QEMU hw/arm/virt.c (base_memmap, VIRT_UART). */
#define VIRT_UART 0x09000000
/* The PL011's registers, in 32-bit words. Source: ARM PrimeCell UART (PL011) TRM, DDI 0183, chapter 3. */
#define UART_DR (0x00 / 4)
#define UART_FR (0x18 / 4)
#define UART_CR (0x30 / 4)
#define UART_FR_BUSY (1u << 3)
#define UART_FR_TXFF (1u << 5)
#define UART_CR_ENABLED ((1u << 0) | (1u << 8)) /* UARTEN, TXE */
/* Polls before a byte is given up: a byte takes 87 us at 115200 baud, a read of the flags well over 10 ns. */
#define PATIENCE 1000000

/* Source: ARM DEN 0022 (PSCI) 5.1.9, SYSTEM_OFF. */
#define PSCI_SYSTEM_OFF 0x84000008
#define EL2 (2u << 2)

static volatile uint32_t *uart;

void witness_machine_init(uint64_t console) {
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

void witness_end(void) {
  uint64_t level;
  register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;
  wait_while(UART_FR_BUSY);
  __asm__ volatile("mrs %0, currentel" : "=r"(level));
  /* Whoever implements PSCI sits one level up: the hypervisor of a kernel at EL1, the firmware of one at EL2. */
  if (level == EL2) {
    __asm__ volatile("smc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
  } else {
    __asm__ volatile("hvc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
  }
  for (;;) __asm__ volatile("wfi");
}
