// SPDX-License-Identifier: Apache-2.0
// The entry stub of MIPS, for mipsel.
#include "loader/arch/mips_stub.S"
