// SPDX-License-Identifier: Apache-2.0
// The stub of ppc64 in the other byte order.
#include "ppc64_stub.S"
