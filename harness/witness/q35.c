/* SPDX-License-Identifier: Apache-2.0 */
/* The PC under the witness, QEMU's q35: a 16550 UART, and an ICH9 that switches off. For either width of the CPU. */
#include "harness/witness/q35.h"

#include "harness/witness/ns16550.h"

/* The first UART. Source: arch/x86/kernel/early_printk.c. */
#define COM1 0x3f8

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

static uint16_t uart; /* its base port */

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

static uint8_t uart_get(unsigned reg) { return inb((uint16_t)(uart + reg)); }
static void uart_put(unsigned reg, uint8_t value) { outb((uint16_t)(uart + reg), value); }

void q35_console(uint64_t console) {
  uart = console != 0 ? (uint16_t)console : COM1;
  uart_init();
}

static uint32_t read_lpc(uint32_t offset) {
  outl(0xcf8, LPC_FUNCTION | offset);
  return inl(0xcfc);
}

void witness_end(void) {
  uart_drain();
  const uint16_t found = read_lpc(0) == ICH9_LPC_ID ? (uint16_t)(read_lpc(PMBASE) & PMBASE_MASK) : 0;
  outw((uint16_t)((found != 0 ? found : PMBASE_USUAL) + PM1_CNT), SLP_EN);
  for (;;) __asm__ volatile("cli; hlt");
}
