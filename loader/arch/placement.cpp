// SPDX-License-Identifier: Apache-2.0
// Placing segments in memory: what every boot protocol here does the same way. Pure.
#include "loader/arch/placement.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "kexlab/text.h"

namespace kexlab {
namespace {

std::string mib_text(std::uint64_t bytes) {
  return bytes < mib ? std::to_string((bytes + kib - 1) / kib) + " KiB"
                     : std::to_string((bytes + mib - 1) / mib) + " MiB";
}

// Rounds the ends of each range inwards: a page that is only partly free is not free.
RangeSet whole_pages(const RangeSet& set, std::uint64_t page_size) {
  RangeSet result;
  for (const Range& range : set.ranges()) {
    const auto start = align_up(range.start, page_size);
    const std::uint64_t end = align_down(range.end, page_size);
    if (start && *start < end) result.add({*start, end});
  }
  return result;
}

std::uint64_t length_of(const std::vector<Piece>& pieces) {
  return std::accumulate(pieces.begin(), pieces.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Piece& piece) { return sum + piece.length(); });
}

std::uint64_t largest(const RangeSet& set, const Range& within) {
  std::uint64_t most = 0;
  const RangeSet inside = set.intersect(within);
  for (const Range& range : inside.ranges()) most = std::max(most, range.size());
  return most;
}

}  // namespace

RangeSet without(RangeSet set, const RangeSet& removed) {
  for (const Range& range : removed.ranges()) set.remove(range);
  return set;
}

Placement::Placement(const RangeSet& free, std::uint64_t page_size)
    : free_(whole_pages(free, page_size)), page_size_(page_size) {}

Result<Range> Placement::reserve(const std::string& name, std::uint64_t size, const Rules& rules) {
  const auto rounded = align_up(std::max<std::uint64_t>(size, 1), page_size_);
  const std::uint64_t alignment = std::max(rules.alignment, page_size_);
  const auto found = rounded ? free_.find(*rounded, alignment, rules.within, rules.prefer) : std::nullopt;
  if (!found) {
    return fail(Errc::no_space, "place segment " + name,
                mib_text(size) + " aligned to " + hex(alignment) + " inside " + rules.within.str() +
                    ": the largest free block there has " + mib_text(largest(free_, rules.within)),
                "give the machine more memory, or a crash kernel a larger crashkernel=");
  }
  free_.remove(*found);
  return *found;
}

bool Placement::is_free(std::uint64_t address, std::uint64_t size) const {
  const auto range = Range::sized(address, size);
  const auto end = range ? align_up(range->end, page_size_) : std::nullopt;
  return end && free_.contains({align_down(address, page_size_), *end});
}

Result<Range> Placement::reserve_at(const std::string& name, std::uint64_t address, std::uint64_t size) {
  if (!is_free(address, size)) {
    return fail(Errc::no_space, "place segment " + name,
                mib_text(size) + " at " + hex(address) + ": not all of it is free memory",
                "use a relocatable kernel, or free that address");
  }
  const Range range{align_down(address, page_size_), *align_up(address + size, page_size_)};
  free_.remove(range);
  return range;
}

void Placement::add(const std::string& name, const Range& where, std::vector<Piece> pieces) {
  Segment segment;
  segment.name = name;
  segment.bufsz = length_of(pieces);
  segment.pieces = std::move(pieces);
  segment.mem = where.start;
  segment.memsz = where.size();
  assert(segment.bufsz <= segment.memsz);
  segments_.push_back(std::move(segment));
}

namespace {

// The first `size` bytes of a piece, and what is behind them.
std::pair<Piece, Piece> split(const Piece& piece, std::uint64_t size) {
  assert(piece.kind != Piece::Kind::pattern && size <= piece.length());
  if (piece.kind == Piece::Kind::source) {
    return {Piece::of_source(piece.source, piece.offset, size),
            Piece::of_source(piece.source, piece.offset + size, piece.size - size)};
  }
  const auto middle = piece.bytes.begin() + static_cast<std::ptrdiff_t>(size);
  return {Piece::of(Bytes(piece.bytes.begin(), middle)), Piece::of(Bytes(middle, piece.bytes.end()))};
}

}  // namespace

void Placement::overlay(std::uint64_t address, Bytes bytes) {
  const auto segment = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& each) {
    return address >= each.mem && address - each.mem < each.bufsz;
  });
  assert(segment != segments_.end());
  std::uint64_t inside = address - segment->mem;
  auto piece = segment->pieces.begin();
  for (; inside >= piece->length(); ++piece) inside -= piece->length();
  auto [before, rest] = split(*piece, inside);
  auto [replaced, behind] = split(rest, bytes.size());
  std::vector<Piece> parts;
  for (Piece& part : std::vector<Piece>{before, Piece::of(std::move(bytes)), behind}) {
    if (part.length() != 0) parts.push_back(std::move(part));
  }
  piece = segment->pieces.erase(piece);
  segment->pieces.insert(piece, parts.begin(), parts.end());
}

std::string asked_of(const LoadRequest& request) {
  return "plan " + request.machine->arch + (request.crash ? " crash kernel " : " kernel ") + request.kernel_source;
}

RangeSet crash_ranges(const MemoryMap& memory) { return RangeSet(memory.named("Crash kernel")); }

std::optional<Range> crash_reservation(const MemoryMap& memory) {
  const RangeSet all = crash_ranges(memory);
  if (all.ranges().empty()) return std::nullopt;
  return all.ranges().back();
}

Result<RangeSet> crash_memory(const LoadRequest& request) {
  const auto reservation = crash_reservation(request.machine->memory);
  if (!reservation) {
    return fail(Errc::no_space, asked_of(request), "/proc/iomem has no \"Crash kernel\" range",
                "boot the first kernel with crashkernel=SIZE");
  }
  return RangeSet({*reservation});
}

Result<Bytes> cmdline_bytes(const LoadRequest& request, const std::string& cmdline, std::uint64_t limit) {
  if (cmdline.size() > limit) {
    return fail(
        Errc::invalid_argument, asked_of(request),
        "the command line has " + std::to_string(cmdline.size()) + " bytes, this kernel takes " + std::to_string(limit),
        "shorten it");
  }
  if (cmdline.find('\0') != std::string::npos) {
    return fail(Errc::invalid_argument, asked_of(request), "the command line has a NUL byte inside");
  }
  Bytes bytes = to_bytes(as_bytes(cmdline));
  bytes.push_back(std::byte{0});
  return bytes;
}

std::optional<Range> extent_of(const std::vector<LoadPart>& parts, std::uint64_t page_size) {
  std::optional<Range> extent;
  for (const LoadPart& part : parts) {
    const auto range = Range::sized(part.physical, part.memory_size);
    if (!range) return std::nullopt;
    if (range->empty()) continue;
    extent = extent ? Range{std::min(extent->start, range->start), std::max(extent->end, range->end)} : *range;
  }
  if (!extent) return std::nullopt;
  const auto end = align_up(extent->end, page_size);
  if (!end) return std::nullopt;
  return Range{align_down(extent->start, page_size), *end};
}

namespace {

// A segment in the making: parts that touch the same page belong together.
struct Growing {
  Range where;
  std::vector<Piece> pieces;
  std::uint64_t filled = 0;  // address behind the last byte given

  void append(const LoadRequest& request, const LoadPart& part, std::uint64_t at) {
    if (part.file_size == 0) return;
    if (at > filled) pieces.push_back(Piece::of(Bytes(at - filled)));
    pieces.push_back(Piece::of_source(request.kernel_source, part.file_offset, part.file_size));
    filled = at + part.file_size;
  }
};

}  // namespace

Status add_parts(Placement& placement, const LoadRequest& request, const PlacedParts& placed) {
  std::vector<LoadPart> parts = request.kernel->parts;
  std::erase_if(parts, [](const LoadPart& part) { return part.memory_size == 0; });
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.physical < b.physical; });
  std::vector<Growing> segments;
  std::uint64_t behind = 0;  // the last part, in the file's addresses
  for (const LoadPart& part : parts) {
    if (part.physical < behind) {
      return fail(Errc::corrupt, asked_of(request), "two PT_LOAD overlap at " + hex(part.physical));
    }
    behind = part.physical + part.memory_size;
    const std::uint64_t at = part.physical + placed.moved;
    const std::uint64_t start = align_down(at, placement.page_size());
    const std::uint64_t end = *align_up(at + part.memory_size, placement.page_size());
    if (segments.empty() || segments.back().where.end <= start) segments.push_back({{start, end}, {}, start});
    segments.back().where.end = std::max(segments.back().where.end, end);
    segments.back().append(request, part, at);
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string name = i == 0 ? "kernel" : "kernel." + std::to_string(i);
    placement.add(name, segments[i].where, std::move(segments[i].pieces));
  }
  return {};
}

Result<Range> elf_extent(const LoadRequest& request, std::uint64_t page_size, const std::string& hint) {
  if (request.kernel->format != Format::elf) {
    return fail(Errc::unsupported, asked_of(request),
                std::string("no boot protocol for ") + to_string(request.kernel->format), hint);
  }
  if (const auto extent = extent_of(request.kernel->parts, page_size)) return *extent;
  return fail(Errc::corrupt, asked_of(request), "the ELF file has no PT_LOAD that fits the address space");
}

Result<std::uint64_t> elf_entry(const LoadRequest& request) {
  const std::uint64_t entry = request.kernel->elf->entry;
  for (const LoadPart& part : request.kernel->parts) {
    if (entry >= part.physical && entry - part.physical < part.memory_size) return entry;
  }
  for (const LoadPart& part : request.kernel->parts) {
    const std::uint64_t inside = entry - part.virtual_address;
    if (entry >= part.virtual_address && inside < part.memory_size) return part.physical + inside;
  }
  return fail(Errc::corrupt, asked_of(request), "the ELF entry " + hex(entry) + " lies in no PT_LOAD",
              "use the vmlinux that the kernel's build made");
}

Status check_sizes(const LoadRequest& request, const Plan& plan) {
  std::uint64_t total = 0;
  for (const Segment& segment : plan.segments) total += segment.memsz;
  const std::uint64_t ram = request.machine->memory.ram().total();
  if (total <= ram / 2) return {};
  return fail(
      Errc::no_space, asked_of(request),
      "the segments take " + mib_text(total) + ", the kernel accepts at most half of RAM, which has " + mib_text(ram),
      "give the machine more memory or use a smaller initrd");
}

std::string without_words(std::string_view cmdline, std::initializer_list<std::string_view> keys) {
  std::string kept;
  while (!cmdline.empty()) {
    const std::size_t end = std::min(cmdline.find(' '), cmdline.size());
    const std::string_view word = cmdline.substr(0, end);
    cmdline.remove_prefix(std::min(end + 1, cmdline.size()));
    const bool drop = std::any_of(keys.begin(), keys.end(), [&](std::string_view key) {
      return word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=';
    });
    if (word.empty() || drop) continue;
    kept.append(kept.empty() ? "" : " ").append(word);
  }
  return kept;
}

}  // namespace kexlab
