/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on a Malta board of any variant: a 16550 UART and a PIIX4 that switches off. Included
 * by the one file of each variant that belongs to the machine. */
#ifndef KEXLAB_HARNESS_WITNESS_MALTA_H
#define KEXLAB_HARNESS_WITNESS_MALTA_H

#include "harness/witness/ns16550.h"

/* The I/O ports, behind the GT-64120's window. Source: QEMU hw/mips/malta.c (write_bootloader). */
#define IO_PORTS 0x18000000u
/* The SuperIO's first UART. Source: arch/mips/mti-malta/malta-platform.c. */
#define COM1 (IO_PORTS + 0x3f8)

/* The PIIX4's power management ports, where every Linux puts them, and its control register; sleep type 0 is soft off.
 * Sources: arch/mips/pci/fixup-malta.c (malta_piix_func3_base_fixup), drivers/power/reset/piix4-poweroff.c, QEMU
 * hw/acpi/core.c (acpi_pm1_cnt_write). */
#define PM_PORTS (IO_PORTS + 0x1000)
#define PM_CONTROL 4
#define SUS_EN 0x2000

#ifdef __mips64
/* XKPHYS with the coherency attribute that the CPU's Config.K0 has for KSEG0, as the kernel takes it: 2 on QEMU.
 * Source: arch/mips/include/asm/mach-generic/spaces.h (CAC_BASE of 64-bit kernels). */
struct witness_window witness_window = {0x9000000000000000, UINT64_C(1) << 59};
#else
struct witness_window witness_window = {0x80000000, 0x20000000}; /* KSEG0 */
#endif

static volatile uint8_t *uart;

/* KSEG1: the first 512 MiB, uncached. A 64-bit CPU takes 32-bit addresses with their sign extended. */
static volatile void *uncached(uint32_t physical) {
  return (volatile void *)(intptr_t)(int32_t)(0xa0000000u | physical);
}

static uint8_t uart_get(unsigned reg) { return uart[reg]; }
static void uart_put(unsigned reg, uint8_t value) { uart[reg] = value; }

void witness_machine_init(uint64_t console) {
  uart = uncached(console != 0 ? (uint32_t)console : COM1);
  uart_init();
}

void witness_end(void) {
  volatile uint16_t *const control = uncached(PM_PORTS + PM_CONTROL);
  uart_drain();
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  *control = __builtin_bswap16(SUS_EN); /* ports are little-endian */
#else
  *control = SUS_EN;
#endif
  for (;;) __asm__ volatile("wait");
}

#endif
