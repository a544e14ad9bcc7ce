// SPDX-License-Identifier: Apache-2.0
// No target has a 32-bit helper in its initramfs so far; the answer says so instead of a result.
#include "harness/agent/compat.h"

#include "harness/agent/agent.h"

namespace kexlab::agent {

void load_compat(const Plan&, wire::Message& answer) { refuse(answer, "no 32-bit helper"); }

}  // namespace kexlab::agent
