// SPDX-License-Identifier: Apache-2.0
// The headers of /proc/vmcore: which memory of the crashed kernel it has, and where. Pure: bytes and facts in, words
// out.
#pragma once

#include <bit>
#include <optional>
#include <string>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/machine.h"
#include "kexlab/range.h"

namespace kexlab::engine {

/// A program header of the dump.
struct DumpPart {
  std::uint32_t type = 0;  ///< PT_LOAD or PT_NOTE
  std::uint64_t offset = 0;
  Range physical;
  std::uint64_t virtual_start = 0;  ///< p_vaddr
};

struct Dump {
  std::vector<DumpPart> parts;
  std::endian order = std::endian::little;
  /// Offset behind the last byte.
  [[nodiscard]] std::uint64_t end() const;
  /// The PT_LOAD with this physical address, or nullptr.
  [[nodiscard]] const DumpPart* holds(std::uint64_t physical) const;
  /// Physical memory in the PT_LOADs.
  [[nodiscard]] RangeSet memory() const;
};

/// From a beginning of the dump, of either class and byte order. A dump has all that it has memory for, so p_filesz is
/// p_memsz. Errors: corrupt, truncated, unsupported. Source: fs/proc/vmcore.c (merge_note_headers_elf64,
/// process_ptload_program_headers_elf64).
Result<Dump> parse_dump(ByteView head);

/// What is wrong with the memory that the dump has, or empty: all of the crashed kernel's memory must be in it, nothing
/// of the crash kernel's, and nothing that is no memory (System RAM). Where kexec_file_load made the headers, nothing
/// of the first MiB either on x86.
std::string wrong_memory(const Dump& dump, const Machine& crashed, bool made_by_kernel = false);
/// What is wrong with the virtual addresses of a dump whose headers kexec_file_load made, or empty: the kernel's text
/// has a part of its own, and all others lie in the one map of all memory. Source: kernel/kexec_file.c, later
/// kernel/crash_core.c (crash_prepare_elf64_headers).
std::string wrong_addresses(const Dump& dump, std::uint64_t text);
/// What is wrong with where a crash kernel finds the headers by its command line, or empty: on PCs its memory map
/// leaves them out, whoever made it. Others find them by the device tree, and keep them by themselves. Source:
/// arch/x86/kernel/crash.c (memmap_exclude_ranges).
std::string wrong_headers_place(const Machine& crash_kernel);
/// What is wrong with the virtual addresses of a dump whose headers the crash kernel itself made (s390x), or empty: of
/// a kernel whose addresses are the physical ones these must be the same. Source: arch/s390/kernel/crash_dump.c
/// (loads_init).
std::string wrong_identity(const Dump& dump, std::string_view vmcoreinfo, const Machine& crashed);
/// What is wrong with where vmcoreinfo has the kernel's text, or empty: at its virtual address _stext there must be
/// memory of "Kernel code" of the crashed kernel's /proc/iomem.
std::string wrong_text(std::string_view vmcoreinfo, const Machine& crashed);
/// Where in the dump init_uts_ns's release stands, by vmcoreinfo, as tools look for it; nothing where the target's
/// contract does not tell how a virtual address is found. Errors: corrupt.
Result<std::optional<std::uint64_t>> release_in_dump(const Dump& dump, std::string_view vmcoreinfo,
                                                     const Machine& crashed);

/// Stretches of the dump, each of whole pages but the last, that are to be mapped: all from the headers over the notes
/// to the first page of memory, every known page with its neighbours, and the two sides of each border between parts.
std::vector<Range> windows(const Dump& dump, const std::vector<std::uint64_t>& known, std::uint64_t page);
/// Physical addresses of the pages on both sides of where a crash kernel that changed places with the lowest memory
/// stops looking into the reservation; none where it has its place to itself. Source: arch/s390/kernel/crash_dump.c
/// (remap_oldmem_pfn_range_kdump).
std::vector<std::uint64_t> swap_border(const Machine& crashed);
/// Offsets of a few whole pages, evenly spread over a part.
std::vector<std::uint64_t> pages_inside(const DumpPart& part, std::uint64_t page);
/// Offsets where one part ends and the next begins.
std::vector<std::uint64_t> borders(const Dump& dump, std::uint64_t page);

}  // namespace kexlab::engine
