// SPDX-License-Identifier: Apache-2.0
// What the operations that leave a kernel share.
#pragma once

#include "harness/agent/agent.h"

namespace kexlab::agent {

/// The last word of a kernel that is about to be left, with the time of leaving; waits until the host can have it.
void say_leaving(const Agent& agent);

}  // namespace kexlab::agent
