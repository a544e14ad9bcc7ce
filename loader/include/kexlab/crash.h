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

/// What a dump shall show: System RAM without the "Crash kernel" reservation, in whole pages of the machine, and without
/// what the device tree gives to others than the kernel: on riscv, reading OpenSBI's own memory is EFAULT.
RangeSet dumpable_ram(const Machine& machine);

/// Builds the ELF core header for `ram` (what /proc/vmcore shall show, usually dumpable_ram): a PT_NOTE for each CPU's
/// note and for vmcoreinfo first, then a PT_LOAD for the kernel's text where given, then one for each range, as they
/// are (the crash kernel rounds them outwards to its pages). p_offset == p_paddr; p_vaddr is `direct_map_base` +
/// physical where the base is not 0 (mod 2^64; all ones where a 32-bit kernel cannot map it), else 0. `bits`: 32 or 64.
/// The caller takes the crash reservation out of `ram`; the result ends with the last program header, unpadded.
/// Errors: invalid_argument (no note at all, an empty note, no memory), unsupported (does not fit the ELF class).
/// Source: fs/proc/vmcore.c (parse_crash_elf64_headers, merge_note_headers_elf64),
/// Documentation/admin-guide/kdump/kdump.rst.
Result<Bytes> build_elfcorehdr(const Machine& machine, const RangeSet& ram, std::uint16_t elf_machine,
                               std::endian order, unsigned bits, std::uint64_t direct_map_base,
                               const KernelTextMapping& text);

}  // namespace kexlab
