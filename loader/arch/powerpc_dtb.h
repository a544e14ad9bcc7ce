// SPDX-License-Identifier: Apache-2.0
// The device tree that a second kernel gets on powerpc of any width. Pure.
#pragma once

#include "kexlab/arch.h"
#include "loader/arch/memory_nodes.h"
#include "loader/arch/placement.h"

namespace kexlab {

/// Places the running kernel's tree with this memory, this initrd, and the command line, on which a crash kernel's core
/// header is named. Errors: not_found (no tree), corrupt, unsupported, invalid_argument (command line), no_space.
Result<Range> add_powerpc_dtb(Placement& placement, const LoadRequest& request, const MemoryValues& memory,
                              const Rules& rules, const Range& initrd, const Range& elfcorehdr);

}  // namespace kexlab
