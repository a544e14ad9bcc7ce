// SPDX-License-Identifier: Apache-2.0
// Placing segments in memory: what every boot protocol here does the same way. Pure.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "kexlab/arch.h"

namespace kexlab {

inline constexpr std::uint64_t kib = std::uint64_t{1} << 10;
inline constexpr std::uint64_t mib = std::uint64_t{1} << 20;
inline constexpr std::uint64_t gib = std::uint64_t{1} << 30;
inline constexpr Range whole_memory{0, std::numeric_limits<std::uint64_t>::max()};

/// Where a segment may go.
struct Rules {
  std::uint64_t alignment = 1;  ///< bytes, a power of two; never less than a page is used
  Range within = whole_memory;
  RangeSet::Prefer prefer = RangeSet::Prefer::low;
};

/// `set` less everything in `removed`.
RangeSet without(RangeSet set, const RangeSet& removed);

/// Free memory and the segments taken from it, in the order they were added. A boot protocol reserves room for each
/// segment first and fills it when all addresses are known.
class Placement {
 public:
  /// `free` as usable() gives it; only whole pages of it are used.
  Placement(const RangeSet& free, std::uint64_t page_size);

  /// Takes whole pages for `size` bytes. Error no_space: names the segment, what it needs and what is left.
  Result<Range> reserve(const std::string& name, std::uint64_t size, const Rules& rules);
  /// Takes [address, address+size) rounded out to whole pages. Error no_space where a byte of it is not free.
  Result<Range> reserve_at(const std::string& name, std::uint64_t address, std::uint64_t size);
  /// True where reserve_at would succeed.
  [[nodiscard]] bool is_free(std::uint64_t address, std::uint64_t size) const;

  /// Adds the segment that fills a reserved range. Precondition: the pieces fit into it.
  void add(const std::string& name, const Range& where, std::vector<Piece> pieces);

  /// Other bytes in place of those that a segment has at this address. Precondition: they lie inside one of its pieces
  /// that is inline or of a source.
  void overlay(std::uint64_t address, Bytes bytes);

  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] std::uint64_t page_size() const { return page_size_; }

 private:
  RangeSet free_;
  std::uint64_t page_size_;
  std::vector<Segment> segments_;
};

/// What a plan is asked for, as errors say it: "plan arm64 crash kernel boot/vmlinuz".
std::string asked_of(const LoadRequest& request);

/// Every reservation for crash kernels in /proc/iomem, the low one included.
RangeSet crash_ranges(const MemoryMap& memory);

/// The reservation that KEXEC_ON_CRASH segments must lie in. With crashkernel=…,high the kernel makes two with the same
/// name: crashk_low_res below 4 GiB for DMA, and crashk_res, the only one that its check of segments knows
/// (sanity_check_segment_list, kernel/kexec_core.c). crashk_low_res exists only where crashk_res lies above it
/// (reserve_crashkernel, arch/x86/kernel/setup.c, arch/arm64/mm/init.c), so the highest is the one.
std::optional<Range> crash_reservation(const MemoryMap& memory);

/// The same, as a set to place in. Error no_space: none, with the parameter that makes one.
Result<RangeSet> crash_memory(const LoadRequest& request);

/// Command line as its segment holds it: NUL-terminated. Error invalid_argument: longer than `limit`, or a NUL inside.
Result<Bytes> cmdline_bytes(const LoadRequest& request, const std::string& cmdline, std::uint64_t limit);

/// A command line without the words KEY=VALUE of these keys, which a loader before this one has put there; what is left
/// is joined by single blanks.
std::string without_words(std::string_view cmdline, std::initializer_list<std::string_view> keys);

/// An ELF kernel's parts, moved as one by a common distance; parts that share a page become one segment.
struct PlacedParts {
  Range where;          ///< from the first part's page to the last part's end
  std::uint64_t moved;  ///< physical address in memory minus that in the file, modulo 2^64
};

/// From the lowest to the highest byte of all parts, rounded out to pages; nothing where there are no parts or they
/// reach past 2^64.
std::optional<Range> extent_of(const std::vector<LoadPart>& parts, std::uint64_t page_size);
/// Adds the parts' segments "kernel", "kernel.1", … Precondition: `placed.where` was reserved. Error corrupt: two parts
/// share a byte.
Status add_parts(Placement& placement, const LoadRequest& request, const PlacedParts& placed);

/// extent_of an ELF kernel's parts. Errors: unsupported where the kernel is none, with `hint`; corrupt where its parts
/// have no extent.
Result<Range> elf_extent(const LoadRequest& request, std::uint64_t page_size, const std::string& hint = {});

/// An ELF kernel's entry as an address of the parts' address space: e_entry where it lies in a part's physical range,
/// else through the part whose virtual range holds it. Error corrupt where it is in neither.
Result<std::uint64_t> elf_entry(const LoadRequest& request);

/// The rules that the kernel checks about sizes (kernel/kexec_core.c, sanity_check_segment_list): together at most half
/// of RAM. Error no_space.
Status check_sizes(const LoadRequest& request, const Plan& plan);

}  // namespace kexlab
