/* SPDX-License-Identifier: Apache-2.0 */
/* The console under the witness on ARM machines: a PL011 UART. */
#ifndef KEXLAB_HARNESS_WITNESS_PL011_H
#define KEXLAB_HARNESS_WITNESS_PL011_H

#include <stdint.h>

/* QEMU's virt machine has its PL011 here. Source: QEMU hw/arm/virt.c (base_memmap, VIRT_UART). */
#define VIRT_UART 0x09000000

/* PSCI's call that switches the machine off. Source: ARM DEN 0022 (PSCI) 5.1.9, SYSTEM_OFF. */
#define PSCI_SYSTEM_OFF 0x84000008

/* Makes the PL011 at this physical address ready to write; 0: that of QEMU's virt machine. */
void pl011_console(uint64_t console) __attribute__((visibility("hidden")));
/* Waits until everything that was written has left, but not for ever. */
void pl011_drain(void) __attribute__((visibility("hidden")));

#endif
