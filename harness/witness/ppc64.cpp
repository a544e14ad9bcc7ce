// SPDX-License-Identifier: Apache-2.0
// The state at entry on ppc64: big endian.
#include "harness/witness/ppc64_rules.h"

namespace kexlab::witness {

extern const EntryState entry_state_ppc64;
const EntryState entry_state_ppc64{"ppc64", ppc64_rules<0>};

}  // namespace kexlab::witness
