// SPDX-License-Identifier: Apache-2.0
// Half-open ranges of physical addresses and their algebra: the only address arithmetic in the loader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kexlab {

/// [start, end) in bytes. Invariant: start <= end. A range that would pass 2^64 cannot be made (see `sized`).
struct Range {
  std::uint64_t start = 0;
  std::uint64_t end = 0;

  /// [start, start+size), or nothing where start+size passes 2^64-1.
  static std::optional<Range> sized(std::uint64_t start, std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const { return end - start; }
  [[nodiscard]] bool empty() const { return start == end; }
  [[nodiscard]] bool contains(std::uint64_t address) const { return start <= address && address < end; }
  [[nodiscard]] bool contains(const Range& other) const { return start <= other.start && other.end <= end; }
  /// True where both share at least one byte; an empty range overlaps nothing.
  [[nodiscard]] bool overlaps(const Range& other) const {
    return !empty() && !other.empty() && start < other.end && other.start < end;
  }
  [[nodiscard]] Range intersect(const Range& other) const;
  /// "0x1000-0x2fff (8 KiB)": inclusive end as /proc/iomem writes it.
  [[nodiscard]] std::string str() const;
  auto operator<=>(const Range&) const = default;
};

/// Rounds up/down to a power-of-two alignment; up saturates to nothing when it would pass 2^64-1.
[[nodiscard]] std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment);
[[nodiscard]] std::optional<std::uint64_t> align_up(std::uint64_t value, std::uint64_t alignment);

/// A set of addresses as sorted, disjoint, non-adjacent, non-empty ranges (the invariant after every operation).
class RangeSet {
 public:
  RangeSet() = default;
  explicit RangeSet(const std::vector<Range>& ranges);

  void add(const Range& range);
  void remove(const Range& range);
  [[nodiscard]] bool contains(const Range& range) const;  ///< true for an empty range
  [[nodiscard]] bool overlaps(const Range& range) const;
  [[nodiscard]] RangeSet intersect(const Range& range) const;
  [[nodiscard]] std::uint64_t total() const;  ///< bytes covered
  [[nodiscard]] const std::vector<Range>& ranges() const& { return ranges_; }
  /// By value from a temporary, so that `for (auto& range : make_set().ranges())` iterates over something that lives.
  [[nodiscard]] std::vector<Range> ranges() && { return std::move(ranges_); }

  /// Where to look for a hole: `low` prefers the lowest fitting address, `high` the highest.
  enum class Prefer { low, high };
  /// A free block of `size` bytes at a multiple of `alignment` (a power of two) inside `within`; nothing if none fits.
  [[nodiscard]] std::optional<Range> find(std::uint64_t size, std::uint64_t alignment, const Range& within,
                                          Prefer prefer) const;
  bool operator==(const RangeSet&) const = default;

 private:
  std::vector<Range> ranges_;
};

}  // namespace kexlab
