// SPDX-License-Identifier: Apache-2.0
// What the boot protocols that hand over a device tree do alike: the tree, and a crash kernel's core header. Pure.
#pragma once

#include "loader/arch/chosen.h"
#include "loader/arch/placement.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {

/// A crash kernel's core header of dumpable_ram(), placed at a multiple of `alignment`; the exact bytes, or an empty
/// range where the request is for no crash kernel. It has no part for the kernel's text, and no virtual addresses: the
/// linear map's base is not part of a Machine, and readers of dumps go by p_paddr. Errors: no_space, those of
/// build_elfcorehdr.
Result<Range> add_plain_elfcorehdr(Placement& placement, const LoadRequest& request, const Arch& arch,
                                   std::uint64_t alignment);

struct DtbRules {
  Rules placing;
  std::uint64_t limit = 0;          ///< bytes that the kernel maps of it at most
  std::uint64_t cmdline_limit = 0;  ///< bytes of the command line at most, without its NUL
};

/// The running kernel's tree with the values set. For a crash kernel its usable memory is set here: the reservation
/// that it lies in, then the low one, the order that the kernel reads them in
/// (early_init_dt_check_for_usable_mem_range, drivers/of/fdt.c). Errors: not_found (no tree), corrupt, invalid_argument
/// (command line), unsupported, no_space.
Result<Range> add_dtb(Placement& placement, const LoadRequest& request, const DtbRules& rules, ChosenValues values);

}  // namespace kexlab
