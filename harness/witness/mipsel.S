/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on mipsel: what MIPS has in common.
 *
 * witness-flags: -mabicalls -msoft-float -G0
 */
#define TARGET "mipsel"
#include "harness/witness/mips_entry.S"
