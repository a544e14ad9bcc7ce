/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on sh4: QEMU's r2d, with the CPU's own serial port and an FPGA that switches off. */
#include "harness/witness/machine.h"

/* The serial port with a FIFO, in P4. Source: arch/sh/kernel/cpu/sh4/setup-sh7750.c (scif_resources). */
#define SCIF 0xffe80000u
/* Its registers, and bits in them. Source: drivers/tty/serial/sh-sci.h, sh-sci.c (SCIx_SH4_SCIF_REGTYPE). */
#define SCSCR 0x08
#define SCFTDR 0x0c
#define SCFSR 0x10
#define TE 0x20u   /* of SCSCR: transmit */
#define TDFE 0x20u /* of SCFSR: room for a byte */
#define TEND 0x40u /* of SCFSR: all is out */
#define PATIENCE 1000000u

/* The FPGA's word that switches off, in P2. Source: arch/sh/include/mach-common/mach/r2d.h (PA_POWOFF, R2D_FPGA). */
#define POWER_OFF 0xa4000030u

struct witness_window witness_window = {0x80000000, 0x20000000}; /* P1 */

static uintptr_t port;

static volatile uint16_t *reg(unsigned offset) { return (volatile uint16_t *)(port + offset); }

static void wait_for(unsigned bit) {
  for (unsigned left = PATIENCE; left != 0 && (*reg(SCFSR) & bit) == 0; --left) {
  }
}

void witness_machine_init(uint64_t console) {
  port = console != 0 ? (uintptr_t)console : SCIF;
  *reg(SCSCR) = TE;
}

void witness_putc(char c) {
  wait_for(TDFE);
  *(volatile uint8_t *)(port + SCFTDR) = (uint8_t)c;
}

void witness_end(void) {
  wait_for(TEND);
  *(volatile uint16_t *)POWER_OFF = 1;
  for (;;) __asm__ volatile("sleep");
}
