/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on ppc64 of either byte order: QEMU's pseries, by its hypervisor calls. */
#include "harness/witness/machine.h"

/* Unit address of the first virtual terminal. Source: QEMU include/hw/ppc/spapr_vio.h (SPAPR_VIO_REG_BASE). */
#define FIRST_TERMINAL 0x71000000u

/* Source: PAPR 14.5.4.3 (H_PUT_TERM_CHAR), 14.5.4.7 (H_SET_MODE); arch/powerpc/include/asm/hvcall.h. */
#define H_PUT_TERM_CHAR 0x58
#define H_SET_MODE 0x31c
#define H_SET_MODE_RESOURCE_LE 4
#define H_BUSY 1
/* What QEMU's RTAS is made of: one call that takes the address of an RTAS argument block. Source: QEMU
 * include/hw/ppc/spapr.h (KVMPPC_H_RTAS, RTAS_POWER_OFF). */
#define KVMPPC_H_RTAS 0xf000
#define RTAS_POWER_OFF 0x2003
/* Calls before a byte is given up. */
#define PATIENCE 1000000

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define BIG32(x) (x)
#define OUR_ORDER 0
#else
#define BIG32(x) __builtin_bswap32(x)
#define OUR_ORDER 1
#endif

/* Exceptions of real mode go to low memory. Source: Power ISA 3.0B, Book III, 6.4. */
#define FIRST_VECTOR 0x200
#define LAST_VECTOR 0xf00
#define VECTOR_STEP 0x80

static uint64_t terminal;

static long hypercall(uint64_t function, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  register uint64_t r3 __asm__("r3") = function;
  register uint64_t r4 __asm__("r4") = a;
  register uint64_t r5 __asm__("r5") = b;
  register uint64_t r6 __asm__("r6") = c;
  register uint64_t r7 __asm__("r7") = d;
  __asm__ volatile(".long 0x44000022" /* sc 1 */
                   : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7)
                   :
                   : "r0", "r8", "r9", "r10", "r11", "r12", "ctr", "xer", "cr0", "cr1", "cr5", "cr6", "cr7", "memory");
  return (long)r3;
}

/* The vectors lie in the dead kernel's code. No segment can: kexec_load refuses what starts below the kernel's end.
 * Each loads its own number and goes where SPRG0 says. */
static void write_vectors(void) {
  uintptr_t first = FIRST_VECTOR;
  __asm__("" : "+r"(first)); /* the compiler takes writes to so low an address for a mistake */
  for (uintptr_t vector = first; vector <= LAST_VECTOR; vector += VECTOR_STEP) {
    volatile uint32_t *code = (volatile uint32_t *)vector;
    code[0] = 0x38600000u | (uint32_t)vector; /* li r3, vector */
    code[1] = 0x7c9042a6u;                    /* mfsprg r4, 0 */
    code[2] = 0x7c8903a6u;                    /* mtctr r4 */
    code[3] = 0x4e800420u;                    /* bctr */
    __asm__ volatile("dcbst 0, %0; sync; icbi 0, %0; isync" : : "r"(vector) : "memory");
  }
}

void witness_machine_init(uint64_t console) {
  terminal = console != 0 ? console : FIRST_TERMINAL;
  write_vectors();
  hypercall(H_SET_MODE, OUR_ORDER, H_SET_MODE_RESOURCE_LE, 0, 0);
}

void witness_putc(char c) {
  for (unsigned i = 0; i < PATIENCE; ++i) {
    if (hypercall(H_PUT_TERM_CHAR, terminal, 1, (uint64_t)(uint8_t)c << 56, 0) != H_BUSY) return;
  }
}

void witness_end(void) {
  static uint32_t arguments[6]; /* token, how many go in and out, two masks of events that switch it on again, status */
  arguments[0] = BIG32(RTAS_POWER_OFF);
  arguments[1] = BIG32(2);
  arguments[2] = BIG32(1);
  hypercall(KVMPPC_H_RTAS, (uintptr_t)arguments, 0, 0, 0);
  for (;;) {
  }
}
