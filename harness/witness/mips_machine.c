/* SPDX-License-Identifier: Apache-2.0 */
/* The machine under the witness on mips: a Malta board. */
#include "harness/witness/malta.h"
