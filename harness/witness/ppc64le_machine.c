/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on ppc64le: that of ppc64. */
#include "harness/witness/ppc64_machine.c"
