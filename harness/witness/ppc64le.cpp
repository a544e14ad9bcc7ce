// SPDX-License-Identifier: Apache-2.0
// The state at entry on ppc64le: little endian.
#include "harness/witness/ppc64_rules.h"

namespace kexlab::witness {

extern const EntryState entry_state_ppc64le;
const EntryState entry_state_ppc64le{"ppc64le", ppc64_rules<msr_le>};

}  // namespace kexlab::witness
