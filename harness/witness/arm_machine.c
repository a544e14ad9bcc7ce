/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on arm: a PL011 UART, and PSCI to switch off. */
#include "harness/witness/machine.h"
#include "harness/witness/pl011.h"

void witness_machine_init(uint64_t console) { pl011_console(console); }

void witness_end(void) {
  pl011_drain(); /* before the register is given its value: a call may take it */
  register uint32_t function __asm__("r0") = PSCI_SYSTEM_OFF;
  /* Whoever implements PSCI sits above the kernel: QEMU itself, as a hypervisor would. */
  __asm__ volatile(".arch_extension virt\n\thvc #0" : "+r"(function) : : "r1", "r2", "r3", "memory");
  for (;;) __asm__ volatile("wfi");
}
