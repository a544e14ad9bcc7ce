/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on loongarch64: QEMU's virt, with a 16550 UART and ACPI's register for sleep. */
#include "harness/witness/ns16550.h"

/* The windows that the kernel sets up, uncached and cached. Source: arch/loongarch/include/asm/addrspace.h
 * (UNCACHE_BASE, CACHE_BASE). */
#define UNCACHED UINT64_C(0x8000000000000000)
#define CACHED UINT64_C(0x9000000000000000)
/* The first UART. Source: QEMU include/hw/pci-host/ls7a.h (VIRT_UART_BASE). */
#define VIRT_UART0 0x1fe001e0
/* The generic event device's sleep control register, and its value for soft off: sleep type 5, sleep enable. Source:
 * QEMU include/hw/loongarch/virt.h (VIRT_GED_REG_ADDR), include/hw/acpi/generic_event_device.h (ACPI_GED_SLP_TYP_S5,
 * ACPI_GED_SLP_EN); the machine's device tree tells both (ged, poweroff). */
#define SLEEP_CONTROL 0x100e001c
#define SOFT_OFF 0x34

struct witness_window witness_window = {CACHED, UINT64_C(1) << 48}; /* 48 bits of physical address: la464 */

static volatile uint8_t *uart;

static uint8_t uart_get(unsigned reg) { return uart[reg]; }
static void uart_put(unsigned reg, uint8_t value) { uart[reg] = value; }

static volatile uint8_t *uncached(uint64_t physical) { return (volatile uint8_t *)(UNCACHED | physical); }

void witness_machine_init(uint64_t console) {
  uart = uncached(console != 0 ? console : VIRT_UART0);
  uart_init();
}

void witness_end(void) {
  uart_drain();
  *uncached(SLEEP_CONTROL) = SOFT_OFF;
  for (;;) __asm__ volatile("idle 0");
}
