/* SPDX-License-Identifier: Apache-2.0 */
/* The PC under the witness, QEMU's q35: what the files of the two widths start it with. */
#ifndef KEXLAB_HARNESS_WITNESS_Q35_H
#define KEXLAB_HARNESS_WITNESS_Q35_H

#include <stdint.h>

/* Makes the 16550 at this I/O port ready to write; 0: the first serial port. */
void q35_console(uint64_t console) __attribute__((visibility("hidden")));

#endif
