/* SPDX-License-Identifier: Apache-2.0 */
/* What most targets need no file of their own for: no window of memory, no way back (KEXEC_JUMP). Apart from the rest:
 * where compilers see that a definition is weak, some go to it by a table of addresses, which somebody would have to
 * relocate. */
#include "harness/witness/machine.h"

__attribute__((weak)) struct witness_window witness_window = {0, 0};
__attribute__((weak)) uint32_t witness_entered_again;
__attribute__((weak)) void witness_return(void) { witness_end(); }
