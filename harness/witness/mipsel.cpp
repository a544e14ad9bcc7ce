// SPDX-License-Identifier: Apache-2.0
// The state at entry on mipsel.
#include "harness/witness/mips_rules.h"

namespace kexlab::witness {

extern const EntryState entry_state_mipsel;
const EntryState entry_state_mipsel{"mipsel", mips_rules};

}  // namespace kexlab::witness
