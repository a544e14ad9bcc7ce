// SPDX-License-Identifier: Apache-2.0
// The CPU's own free-running counter, which a kexec does not restart. One file a target; none.cpp for those without.
#pragma once

#include <cstdint>
#include <optional>

namespace kexlab::agent {

/// The raw counter; nothing where user space of this target cannot read one.
std::optional<std::uint64_t> cpu_counter();

}  // namespace kexlab::agent
