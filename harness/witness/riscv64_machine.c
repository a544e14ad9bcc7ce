/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on riscv64: a 16550 UART, and the SBI to switch off. */
#include "harness/witness/machine.h"

/* QEMU's virt machine has its UART here. Source: QEMU hw/riscv/virt.c (virt_memmap, VIRT_UART0). */
#define VIRT_UART0 0x10000000
/* The 16550's registers. Source: include/uapi/linux/serial_reg.h. */
#define UART_TX 0
#define UART_IER 1
#define UART_LCR 3
#define UART_LSR 5
#define UART_LCR_8N1 0x03
#define UART_LSR_THRE 0x20
#define UART_LSR_TEMT 0x40
/* Polls in all before bytes are written whether the UART is ready or not: an emulated one is not while its host is
 * busy. */
#define PATIENCE 30000000

/* RISC-V Supervisor Binary Interface Specification 1.0, chapter 10 (System Reset) and 5.9 (the older shutdown). */
#define SBI_EXT_SRST 0x53525354
#define SBI_LEGACY_SHUTDOWN 8

static volatile uint8_t *uart;
static unsigned patience;

void witness_machine_init(uint64_t console) {
  patience = PATIENCE;
  uart = (volatile uint8_t *)(uintptr_t)(console != 0 ? console : VIRT_UART0);
  uart[UART_IER] = 0;
  uart[UART_LCR] = UART_LCR_8N1; /* a kernel that died while it set the speed leaves the divisor in UART_TX's place */
}

static void wait_for(uint8_t bit) {
  while (patience != 0 && (uart[UART_LSR] & bit) == 0) --patience;
}

void witness_putc(char c) {
  wait_for(UART_LSR_THRE);
  uart[UART_TX] = (uint8_t)c;
}

static void call_firmware(uintptr_t extension) {
  register uintptr_t type __asm__("a0") = 0;     /* shutdown */
  register uintptr_t reason __asm__("a1") = 0;   /* none */
  register uintptr_t function __asm__("a6") = 0; /* sbi_system_reset */
  register uintptr_t which __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(type), "+r"(reason) : "r"(function), "r"(which) : "memory");
}

void witness_end(void) {
  wait_for(UART_LSR_TEMT);
  call_firmware(SBI_EXT_SRST);
  call_firmware(SBI_LEGACY_SHUTDOWN);
  for (;;) __asm__ volatile("wfi");
}
