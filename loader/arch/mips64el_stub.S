// SPDX-License-Identifier: Apache-2.0
// The entry stub of MIPS, for mips64el.
#include "loader/arch/mips_stub.S"
