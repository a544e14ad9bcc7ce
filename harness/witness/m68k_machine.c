/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on m68k: QEMU's virt, with a goldfish tty and a controller that switches off. */
#include <stddef.h>

#include "harness/witness/machine.h"

/* Source: QEMU hw/m68k/virt.c (VIRT_GF_TTY_MMIO_BASE, VIRT_CTRL_MMIO_BASE). */
#define TTY 0xff008000u
#define CONTROLLER 0xff009000u
/* Registers of 4 bytes, in words. Sources: QEMU hw/char/goldfish_tty.c (REG_PUT_CHAR, REG_CMD, CMD_INT_DISABLE),
 * hw/misc/virt_ctrl.c (REG_CMD, CMD_HALT). */
#define TTY_PUT_CHAR 0
#define TTY_CMD 2
#define TTY_INT_DISABLE 0
#define CONTROLLER_CMD 1
#define CONTROLLER_HALT 2

static volatile uint32_t *tty;

/* The compiler calls it for structures of 16 bytes. */
void *memcpy(void *to, const void *from, size_t size);
void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; ++i) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
  return to;
}

void witness_machine_init(uint64_t console) {
  tty = (volatile uint32_t *)(uintptr_t)(console != 0 ? console : TTY);
  tty[TTY_CMD] = TTY_INT_DISABLE;
}

/* It is never busy. */
void witness_putc(char c) { tty[TTY_PUT_CHAR] = (uint8_t)c; }

void witness_end(void) {
  ((volatile uint32_t *)CONTROLLER)[CONTROLLER_CMD] = CONTROLLER_HALT;
  for (;;) __asm__ volatile("stop #0x2700");
}
