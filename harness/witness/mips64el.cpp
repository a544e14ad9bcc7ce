// SPDX-License-Identifier: Apache-2.0
// The state at entry on mips64el.
#include "harness/witness/mips_rules.h"

namespace kexlab::witness {

extern const EntryState entry_state_mips64el;
const EntryState entry_state_mips64el{"mips64el", mips64_rules};

}  // namespace kexlab::witness
