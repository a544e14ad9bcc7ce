/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of the witness on ppc64le: that of ppc64 in the other byte order.
 *
 * witness-flags: -mcpu=power8 -mabi=elfv2 -mcmodel=medium -msoft-float -mno-altivec -mno-vsx
 */
#include "ppc64.S"
