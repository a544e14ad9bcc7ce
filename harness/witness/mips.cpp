// SPDX-License-Identifier: Apache-2.0
// The state at entry on mips.
#include "harness/witness/mips_rules.h"

namespace kexlab::witness {

extern const EntryState entry_state_mips;
const EntryState entry_state_mips{"mips", mips_rules};

}  // namespace kexlab::witness
