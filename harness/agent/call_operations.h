// SPDX-License-Identifier: Apache-2.0
// What the operations that leave a kernel share.
#pragma once

#include "harness/agent/agent.h"

namespace kexlab::agent {

/// The last word of a kernel that is about to be left, with the time of leaving; waits until the host can have it.
void say_leaving(const Agent& agent);
/// Goes to the CPU that the request asks for with `cpu`, if it does. False, and told in the answer, where it cannot.
bool move_to_cpu(const wire::Message& request, wire::Message& answer);

}  // namespace kexlab::agent
