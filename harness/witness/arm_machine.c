/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on arm: a PL011 UART, and PSCI to switch off. */
#include "harness/witness/machine.h"
#include "harness/witness/pl011.h"

#define MODE_MASK 0x1fu
#define HYP_MODE 0x1au

void witness_machine_init(uint64_t console) { pl011_console(console); }

void witness_end(void) {
  uint32_t state;
  pl011_drain(); /* before the register is given its value: a call may take it */
  register uint32_t function __asm__("r0") = PSCI_SYSTEM_OFF;
  __asm__ volatile("mrs %0, cpsr" : "=r"(state));
  /* Whoever implements PSCI sits one level up: the hypervisor of a kernel in SVC, the firmware of one in HYP. */
  if ((state & MODE_MASK) == HYP_MODE) {
    __asm__ volatile(".arch_extension sec\n\tsmc #0" : "+r"(function) : : "r1", "r2", "r3", "memory");
  } else {
    __asm__ volatile(".arch_extension virt\n\thvc #0" : "+r"(function) : : "r1", "r2", "r3", "memory");
  }
  for (;;) __asm__ volatile("wfi");
}
