// SPDX-License-Identifier: Apache-2.0
// The core header (elfcorehdr) that a crash kernel turns into /proc/vmcore. Pure.
#pragma once

#include "kexlab/machine.h"

namespace kexlab {

/// A mapping of kernel text for readers of the dump: a PT_LOAD with this virtual address. Zero size: none.
struct KernelTextMapping {
  Range physical;
  std::uint64_t virtual_address = 0;
};

/// Builds the ELF core header for `ram` (what /proc/vmcore shall show): a PT_NOTE for each CPU's note and for
/// vmcoreinfo, a PT_LOAD for each range; p_vaddr from `direct_map_base` + physical where it is not 0.
/// Source: fs/proc/vmcore.c (parse_crash_elf64_headers, merge_note_headers_elf64), Documentation/admin-guide/kdump/kdump.rst.
Result<Bytes> build_elfcorehdr(const Machine& machine, const RangeSet& ram, std::uint16_t elf_machine, std::endian order,
                               unsigned bits, std::uint64_t direct_map_base, const KernelTextMapping& text);

}  // namespace kexlab
