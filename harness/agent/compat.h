// SPDX-License-Identifier: Apache-2.0
// kexec_load through the kernel's 32-bit entry point, which a 64-bit program cannot enter on every architecture.
#pragma once

#include "harness/wire/message.h"
#include "kexlab/plan.h"

namespace kexlab::agent {

/// Answers as `load` does, the call made by a 32-bit program. Runs after credentials were taken on.
void load_compat(const Plan& plan, wire::Message& answer);

}  // namespace kexlab::agent
