/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on riscv64: a 16550 UART, and the SBI to switch off. */
#include "harness/witness/ns16550.h"

/* QEMU's virt machine has its UART here. Source: QEMU hw/riscv/virt.c (virt_memmap, VIRT_UART0). */
#define VIRT_UART0 0x10000000
/* RISC-V Supervisor Binary Interface Specification 1.0, chapter 10 (System Reset) and 5.9 (the older shutdown). */
#define SBI_EXT_SRST 0x53525354
#define SBI_LEGACY_SHUTDOWN 8

static volatile uint8_t *uart;

static uint8_t uart_get(unsigned reg) { return uart[reg]; }
static void uart_put(unsigned reg, uint8_t value) { uart[reg] = value; }

void witness_machine_init(uint64_t console) {
  uart = (volatile uint8_t *)(uintptr_t)(console != 0 ? console : VIRT_UART0);
  uart_init();
}

static void call_firmware(uintptr_t extension) {
  register uintptr_t type __asm__("a0") = 0;     /* shutdown */
  register uintptr_t reason __asm__("a1") = 0;   /* none */
  register uintptr_t function __asm__("a6") = 0; /* sbi_system_reset */
  register uintptr_t which __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(type), "+r"(reason) : "r"(function), "r"(which) : "memory");
}

void witness_end(void) {
  uart_drain();
  call_firmware(SBI_EXT_SRST);
  call_firmware(SBI_LEGACY_SHUTDOWN);
  for (;;) __asm__ volatile("wfi");
}
