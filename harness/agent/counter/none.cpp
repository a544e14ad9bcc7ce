// SPDX-License-Identifier: Apache-2.0
// Targets whose counter user space cannot read, or for which nobody has written a file yet.
#include "harness/agent/counter/counter.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() { return std::nullopt; }

}  // namespace kexlab::agent
