/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on mips64el: what MIPS has in common.
 *
 * witness-flags: -mabicalls -msoft-float -G0
 */
#define TARGET "mips64el"
#include "harness/witness/mips_entry.S"
