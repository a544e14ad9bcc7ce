/* SPDX-License-Identifier: Apache-2.0 */
/* The PC under the witness, QEMU's q35: a 16550 UART, and an ICH9 that switches off. For either width of the CPU. */
#include "harness/witness/q35.h"

#include "harness/witness/machine.h"

/* The 16550's registers, from its base port. Source: include/uapi/linux/serial_reg.h. */
#define COM1 0x3f8
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

/* PM1a control of the ICH9: sleep type 0 is S5 on QEMU. Sources: QEMU hw/acpi/ich9.c and hw/acpi/core.c
 * (acpi_pm1_cnt_write), Intel I/O Controller Hub 9 datasheet 13.8.3.3 (PM1_CNT), 13.1.13 (PMBASE). */
#define LPC_FUNCTION 0x8000f800u /* bus 0, device 31, function 0, as port 0xcf8 wants it */
#define ICH9_LPC_ID 0x29188086u
#define PMBASE 0x40u
#define PMBASE_MASK 0xff80u
/* Where SeaBIOS and OVMF put it: SeaBIOS src/fw/pciinit.c (acpi_pm_base 0x600 on ICH9). */
#define PMBASE_USUAL 0x600
#define PM1_CNT 4
#define SLP_EN 0x2000

static uint16_t uart;
static unsigned patience;

static void outb(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void outw(uint16_t port, uint16_t value) { __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static void outl(uint16_t port, uint32_t value) { __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }

static uint8_t inb(uint16_t port) {
  uint8_t value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static uint32_t inl(uint16_t port) {
  uint32_t value;
  __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void q35_console(uint64_t console) {
  patience = PATIENCE;
  uart = console != 0 ? (uint16_t)console : COM1;
  outb(uart + UART_IER, 0);
  outb(uart + UART_LCR,
       UART_LCR_8N1); /* a kernel that died while it set the speed leaves the divisor in UART_TX's place */
}

static void wait_for(uint8_t bit) {
  while (patience != 0 && (inb(uart + UART_LSR) & bit) == 0) --patience;
}

void witness_putc(char c) {
  wait_for(UART_LSR_THRE);
  outb(uart + UART_TX, (uint8_t)c);
}

static uint32_t read_lpc(uint32_t offset) {
  outl(0xcf8, LPC_FUNCTION | offset);
  return inl(0xcfc);
}

void witness_end(void) {
  wait_for(UART_LSR_TEMT);
  const uint16_t found = read_lpc(0) == ICH9_LPC_ID ? (uint16_t)(read_lpc(PMBASE) & PMBASE_MASK) : 0;
  outw((uint16_t)((found != 0 ? found : PMBASE_USUAL) + PM1_CNT), SLP_EN);
  for (;;) __asm__ volatile("cli; hlt");
}
