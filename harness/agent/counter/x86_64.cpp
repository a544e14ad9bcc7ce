// SPDX-License-Identifier: Apache-2.0
// x86_64: the time stamp counter.
#include "harness/agent/counter/counter.h"
#include "harness/agent/counter/tsc.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() { return read_tsc(); }

}  // namespace kexlab::agent
