/* SPDX-License-Identifier: Apache-2.0 */
/* The seam inside the witness: what the common part asks of a target's own files, and what it offers to them. */
#ifndef KEXLAB_HARNESS_WITNESS_MACHINE_H
#define KEXLAB_HARNESS_WITNESS_MACHINE_H

#include <stdint.h>

#include "harness/witness/witness.h"

/* Everything is inside the one image: no access through a table of addresses, which somebody would have to relocate. */
#pragma GCC visibility push(hidden)

#ifdef __cplusplus
extern "C" {
#endif

/* A target gives: <target>.S (entry, registers, faults) and <target>_machine.c (console, end of the machine). */

/* Makes faults end in witness_fault instead of a silent reset, and the console ready to write. */
void witness_machine_init(uint64_t console);
/* Writes one byte to the console. Never waits for ever: hardware that is never ready loses the byte. */
void witness_putc(char c);
/* Ends the machine; where that does not work, stops the CPU for good. Waits until the console is drained. */
void witness_end(void) __attribute__((noreturn));

/* Goes back to where the image was entered from, with the machine as it was found, and leaves behind that the next
 * entry is not the image's first byte. Where a target's kernel never comes back it does not give this: the common
 * part's own, weak, ends the machine. */
void witness_return(void) __attribute__((noreturn));
/* 1 where the image was entered at what witness_return left behind; WITNESS_FIXED_ENTRY where the target's kernel does
 * not take a place from it. Weak likewise. */
#define WITNESS_FIXED_ENTRY 2
extern uint32_t witness_entered_again;

/* Where the target's code finds physical memory: at the physical address plus `offset`, as far as `size` (0: as far as
 * pointers reach). Where this is not given, a physical address is a pointer. */
struct witness_window {
  uint64_t offset;
  uint64_t size;
};
extern struct witness_window witness_window; /* not const: the compiler would take the weak one for all there is */

/* Saved at entry by <target>.S: `witness_register_count` values, and their names, each ended by a NUL. */
extern const uintptr_t witness_registers[];
extern const uint32_t witness_register_count;
extern const char witness_register_names[];

/* The common part offers: */

/* What was found at entry, as witness_run wants it. */
struct witness_state {
  const struct witness_header *header;
  uintptr_t base; /* where the image really is: the physical address */
  const uintptr_t *registers;
  const char *names;
  uint32_t register_count;
  uint32_t round; /* how often the image was entered; 0: it is not to come back, and need not tell */
  uint32_t again; /* witness_entered_again */
  struct witness_window window;
};

/* Writes all records from `begin` to `end`. Returns the number of bad segments. */
unsigned witness_run(const struct witness_state *state);
/* For fault handlers: tells of the fault. Called again while it does so, it tells nothing. */
void witness_fault(uintptr_t cause, uintptr_t pc, uintptr_t address);
/* Called by <target>.S on the witness's own stack. */
void witness_main(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop
#endif
