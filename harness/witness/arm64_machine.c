/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on arm64: a PL011 UART, and PSCI to switch off. */
#include "harness/witness/machine.h"
#include "harness/witness/pl011.h"

#define EL2 (2u << 2)

void witness_machine_init(uint64_t console) { pl011_console(console); }

void witness_end(void) {
  uint64_t level;
  pl011_drain(); /* before the register is given its value: a call may take it */
  register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;
  __asm__ volatile("mrs %0, currentel" : "=r"(level));
  /* Whoever implements PSCI sits one level up: the hypervisor of a kernel at EL1, the firmware of one at EL2. */
  if (level == EL2) {
    __asm__ volatile("smc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
  } else {
    __asm__ volatile("hvc #0" : "+r"(function) : : "x1", "x2", "x3", "memory");
  }
  for (;;) __asm__ volatile("wfi");
}
