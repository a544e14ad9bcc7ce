/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on ppc: QEMU's mpc8544ds, with a 16550 UART and a reset control register. */
#include "harness/witness/ns16550.h"

/* The registers of the chip, 1 MiB, and in them the first UART and the reset control register. Source: QEMU
 * hw/ppc/e500.c (MPC8544_SERIAL0_REGS_OFFSET, MPC8544_UTIL_OFFSET), mpc8544ds.c (ccsrbar_base), mpc8544_guts.c (RSTCR).
 */
#define CCSR 0xe0000000u
#define SERIAL0 (CCSR + 0x4500u)
#define RSTCR (CCSR + 0xe00b0u)
#define RSTCR_RESET 2

/* The kernel maps nothing above 2 GiB one to one. Source: arch/powerpc/include/asm/kexec.h. */
struct witness_window witness_window = {0, 0x80000000};

/* An entry of TLB1 that the kernel's jump has left free (it uses 3 to 10 and leaves 1 and 2 to its detour). Sources:
 * arch/powerpc/kernel/85xx_entry_mapping.S; arch/powerpc/include/asm/reg_booke.h (SPRN_MAS0 and on);
 * nohash/mmu-book3e.h. */
#define MAS0 0x100b0000u              /* TLB1, entry 11 */
#define MAS1 (0xc0000000u | 10u << 7) /* valid, protected from invalidation, 1 MiB */
#define MAS2 (CCSR | 0x0a)            /* not cached, guarded */
#define MAS3 (CCSR | 0x05)            /* read and write, for the supervisor */

static volatile uint8_t *uart;

static uint8_t uart_get(unsigned reg) { return uart[reg]; }
static void uart_put(unsigned reg, uint8_t value) { uart[reg] = value; }

static void map_registers(void) {
  __asm__ volatile(
      "mtspr 624, %0; mtspr 625, %1; mtspr 626, %2; mtspr 627, %3; isync; .long 0x7c0007a4; isync" /* tlbwe */
      :
      : "r"(MAS0), "r"(MAS1), "r"(MAS2), "r"(MAS3)
      : "memory");
}

/* Without a reset, which QEMU turns into its own end (-no-reboot), the machine has no way to switch off. */
void witness_machine_init(uint64_t console) {
  map_registers();
  uart = (volatile uint8_t *)(uintptr_t)(console != 0 ? console : SERIAL0);
  uart_init();
}

void witness_end(void) {
  uart_drain();
  *(volatile uint32_t *)RSTCR = RSTCR_RESET;
  for (;;) {
  }
}
