// SPDX-License-Identifier: Apache-2.0
// Range algebra. Ends are exclusive and fit in 64 bits, so the last byte of the address space is never part of a range.
#include "kexlab/range.h"

#include <algorithm>
#include <limits>

#include "kexlab/text.h"

namespace kexlab {
namespace {

std::string size_text(std::uint64_t bytes) {
  static constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  unsigned unit = 0;
  // Only whole units: a rounded size in a message about addresses would mislead.
  while (unit + 1 < std::size(units) && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + " " + units[unit];
}

}  // namespace

std::optional<Range> Range::sized(std::uint64_t start, std::uint64_t size) {
  if (size > std::numeric_limits<std::uint64_t>::max() - start) return std::nullopt;
  return Range{start, start + size};
}

Range Range::intersect(const Range& other) const {
  const std::uint64_t from = std::max(start, other.start);
  return {from, std::max(from, std::min(end, other.end))};
}

std::string Range::str() const {
  if (empty()) return hex(start) + " (empty)";
  return hex(start) + "-" + hex(end - 1) + " (" + size_text(size()) + ")";
}

std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) { return value & ~(alignment - 1); }

std::optional<std::uint64_t> align_up(std::uint64_t value, std::uint64_t alignment) {
  const std::uint64_t mask = alignment - 1;
  if (value > std::numeric_limits<std::uint64_t>::max() - mask) {
    // Adding would wrap; the value may still be aligned as it stands.
    return (value & mask) == 0 ? std::optional(value) : std::nullopt;
  }
  return (value + mask) & ~mask;
}

RangeSet::RangeSet(const std::vector<Range>& ranges) {
  for (const Range& range : ranges) add(range);
}

void RangeSet::add(const Range& range) {
  if (range.start >= range.end) return;
  Range merged = range;
  // Neighbours that only touch are merged too, so equal sets have equal lists.
  const auto first = std::partition_point(ranges_.begin(), ranges_.end(),
                                          [&](const Range& other) { return other.end < merged.start; });
  auto last = first;
  for (; last != ranges_.end() && last->start <= merged.end; ++last) {
    merged.start = std::min(merged.start, last->start);
    merged.end = std::max(merged.end, last->end);
  }
  ranges_.insert(ranges_.erase(first, last), merged);
}

void RangeSet::remove(const Range& range) {
  if (range.start >= range.end) return;
  std::vector<Range> left;
  left.reserve(ranges_.size() + 1);
  for (const Range& own : ranges_) {
    if (!own.overlaps(range)) {
      left.push_back(own);
      continue;
    }
    if (own.start < range.start) left.push_back({own.start, range.start});
    if (range.end < own.end) left.push_back({range.end, own.end});
  }
  ranges_ = std::move(left);
}

bool RangeSet::contains(const Range& range) const {
  if (range.empty()) return true;
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& own) { return own.contains(range); });
}

bool RangeSet::overlaps(const Range& range) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& own) { return own.overlaps(range); });
}

RangeSet RangeSet::intersect(const Range& range) const {
  RangeSet result;
  for (const Range& own : ranges_) {
    if (own.overlaps(range)) result.ranges_.push_back(own.intersect(range));
  }
  return result;
}

std::uint64_t RangeSet::total() const {
  std::uint64_t sum = 0;
  for (const Range& range : ranges_) sum += range.size();
  return sum;
}

namespace {

std::optional<Range> lowest_fit(const Range& hole, std::uint64_t size, std::uint64_t alignment) {
  const auto start = align_up(hole.start, alignment);
  if (!start || *start > hole.end || hole.end - *start < size) return std::nullopt;
  return Range{*start, *start + size};
}

std::optional<Range> highest_fit(const Range& hole, std::uint64_t size, std::uint64_t alignment) {
  if (hole.size() < size) return std::nullopt;
  const std::uint64_t start = align_down(hole.end - size, alignment);
  if (start < hole.start) return std::nullopt;
  return Range{start, start + size};
}

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

std::optional<Range> RangeSet::find(std::uint64_t size, std::uint64_t alignment, const Range& within,
                                    Prefer prefer) const {
  if (size == 0 || !power_of_two(alignment)) return std::nullopt;
  const std::vector<Range> holes = intersect(within).ranges_;
  if (prefer == Prefer::low) {
    for (const Range& hole : holes) {
      if (auto found = lowest_fit(hole, size, alignment)) return found;
    }
  } else {
    for (auto hole = holes.rbegin(); hole != holes.rend(); ++hole) {
      if (auto found = highest_fit(*hole, size, alignment)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace kexlab
