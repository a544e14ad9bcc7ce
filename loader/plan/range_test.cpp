// SPDX-License-Identifier: Apache-2.0
// Ranges and their algebra: examples, the top of the address space, and random operations against a bitmap.
#include "kexlab/range.h"

#include <gtest/gtest.h>

#include <bitset>
#include <limits>
#include <random>

namespace kexlab {
namespace {

constexpr std::uint64_t top = std::numeric_limits<std::uint64_t>::max();
using Prefer = RangeSet::Prefer;

TEST(Range, SizedRefusesToPassTheTop) {
  EXPECT_EQ(Range::sized(0x1000, 0x2000), (Range{0x1000, 0x3000}));
  EXPECT_EQ(Range::sized(top, 0), (Range{top, top}));
  EXPECT_EQ(Range::sized(top - 1, 1), (Range{top - 1, top}));
  EXPECT_EQ(Range::sized(top, 1), std::nullopt);
  EXPECT_EQ(Range::sized(top - 0xfff, 0x1000), std::nullopt);
  EXPECT_EQ(Range::sized(0, top), (Range{0, top}));
  EXPECT_EQ(Range::sized(1, top), std::nullopt);
}

TEST(Range, TouchingRangesDoNotOverlapAndEmptyOnesOverlapNothing) {
  const Range page{0x1000, 0x2000};
  EXPECT_FALSE(page.overlaps({0x2000, 0x3000}));
  EXPECT_FALSE(page.overlaps({0, 0x1000}));
  EXPECT_TRUE(page.overlaps({0x1fff, 0x3000}));
  EXPECT_TRUE(page.overlaps({0, 0x1001}));
  EXPECT_FALSE(page.overlaps({0x1800, 0x1800}));
  EXPECT_TRUE(page.contains(Range{0x1800, 0x1800}));
}

TEST(Range, IntersectionOfDisjointRangesIsEmpty) {
  EXPECT_EQ((Range{0, 10}.intersect({5, 20})), (Range{5, 10}));
  EXPECT_TRUE((Range{0, 10}.intersect({10, 20})).empty());
  EXPECT_TRUE((Range{0, 10}.intersect({15, 20})).empty());
  EXPECT_TRUE((Range{15, 20}.intersect({0, 10})).empty());
}

TEST(Range, ReadsAsIomemWritesIt) {
  EXPECT_EQ((Range{0x1000, 0x3000}.str()), "0x1000-0x2fff (8 KiB)");
  EXPECT_EQ((Range{0x1000, 0x9fc00}.str()), "0x1000-0x9fbff (635 KiB)");
  EXPECT_EQ((Range{0, 3}.str()), "0x0-0x2 (3 bytes)");
  EXPECT_EQ((Range{0, std::uint64_t{1} << 63}.str()), "0x0-0x7fffffffffffffff (8388608 TiB)");
  EXPECT_EQ((Range{0x1000, 0x1000}.str()), "0x1000 (empty)");
}

struct AlignRow {
  const char* name;
  std::uint64_t value, alignment, down;
  std::optional<std::uint64_t> up;
};

TEST(Align, Table) {
  const AlignRow rows[] = {
      {"zero", 0, 4096, 0, 0},
      {"aligned", 8192, 4096, 8192, 8192},
      {"below", 4095, 4096, 0, 4096},
      {"above", 4097, 4096, 4096, 8192},
      {"by one", 4097, 1, 4097, 4097},
      {"last page", top, 4096, top - 4095, std::nullopt},
      {"start of the last page", top - 4095, 4096, top - 4095, top - 4095},
      {"one above it", top - 4094, 4096, top - 4095, std::nullopt},
      {"by half of everything", 1, std::uint64_t{1} << 63, 0, std::uint64_t{1} << 63},
      {"past half of everything", (std::uint64_t{1} << 63) + 1, std::uint64_t{1} << 63, std::uint64_t{1} << 63,
       std::nullopt},
  };
  for (const AlignRow& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(align_down(row.value, row.alignment), row.down);
    EXPECT_EQ(align_up(row.value, row.alignment), row.up);
  }
}

// The invariant of RangeSet: sorted, disjoint, not adjacent, not empty.
void expect_canonical(const RangeSet& set) {
  const auto& ranges = set.ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ASSERT_LT(ranges[i].start, ranges[i].end);
    if (i > 0) {
      ASSERT_LT(ranges[i - 1].end, ranges[i].start);
    }
  }
}

TEST(RangeSet, MergesNeighboursAndSplitsOnRemoval) {
  RangeSet set({{0x3000, 0x4000}, {0x1000, 0x2000}, {0x2000, 0x3000}});
  EXPECT_EQ(set.ranges(), (std::vector<Range>{{0x1000, 0x4000}}));
  set.remove({0x2000, 0x3000});
  EXPECT_EQ(set.ranges(), (std::vector<Range>{{0x1000, 0x2000}, {0x3000, 0x4000}}));
  EXPECT_EQ(set.total(), 0x2000u);
  EXPECT_FALSE(set.contains({0x1000, 0x4000}));
  EXPECT_TRUE(set.overlaps({0x1fff, 0x3000}));
  EXPECT_FALSE(set.overlaps({0x2000, 0x3000}));
}

TEST(RangeSet, IgnoresRangesThatAreEmptyOrTurnedRound) {
  RangeSet set({{0x1000, 0x2000}});
  set.add({0x5000, 0x5000});
  set.add({0x5000, 0x4000});
  set.remove({0x1800, 0x1800});
  set.remove({0x2000, 0x1000});
  EXPECT_EQ(set.ranges(), (std::vector<Range>{{0x1000, 0x2000}}));
}

TEST(RangeSet, ATemporarysRangesOutliveIt) {
  auto make = [] { return RangeSet({{0x1000, 0x2000}, {0x3000, 0x4000}}); };
  std::uint64_t sum = 0;
  for (const Range& range : make().ranges()) sum += range.start;
  EXPECT_EQ(sum, 0x4000u);
}

TEST(RangeSet, ReachesTheTopOfTheAddressSpace) {
  RangeSet set({{top - 0xfff, top}});
  set.add({0, 0x1000});
  EXPECT_EQ(set.ranges().size(), 2u);
  EXPECT_EQ(set.find(0x800, 0x800, {0, top}, Prefer::high), (Range{top - 0xfff, top - 0x7ff}));
  EXPECT_EQ(set.find(0x1000, 1, {0x1000, top}, Prefer::high), std::nullopt) << "the last byte is out of reach";
  EXPECT_EQ(set.find(0x1000, 0x1000, {0x1000, top}, Prefer::low), std::nullopt);
  set.add({0, top});
  EXPECT_EQ(set.ranges(), (std::vector<Range>{{0, top}}));
  EXPECT_EQ(set.total(), top);
}

struct FindRow {
  const char* name;
  std::uint64_t size, alignment;
  Range within;
  std::optional<Range> low, high;
};

TEST(RangeSet, FindTable) {
  const RangeSet free({{0x1000, 0x9f000}, {0x100000, 0x8000000}});
  const Range all{0, top};
  const FindRow rows[] = {
      {"one page", 0x1000, 0x1000, all, Range{0x1000, 0x2000}, Range{0x7fff000, 0x8000000}},
      {"only in the big hole", 0x200000, 0x200000, all, Range{0x200000, 0x400000}, Range{0x7e00000, 0x8000000}},
      {"within low memory", 0x1000, 0x1000, {0, 0x100000}, Range{0x1000, 0x2000}, Range{0x9e000, 0x9f000}},
      {"exactly the hole", 0x9e000, 0x1000, {0, 0x100000}, Range{0x1000, 0x9f000}, Range{0x1000, 0x9f000}},
      {"one page more", 0x9f000, 0x1000, {0, 0x100000}, std::nullopt, std::nullopt},
      {"alignment leaves no room", 0x9e000, 0x2000, {0, 0x100000}, std::nullopt, std::nullopt},
      {"unaligned limits", 0x1000, 0x1000, {0x1001, 0x3fff}, Range{0x2000, 0x3000}, Range{0x2000, 0x3000}},
      {"no bytes", 0, 0x1000, all, std::nullopt, std::nullopt},
      {"alignment of no power of two", 0x1000, 0x1800, all, std::nullopt, std::nullopt},
      {"alignment zero", 0x1000, 0, all, std::nullopt, std::nullopt},
      {"larger than everything", top, 1, all, std::nullopt, std::nullopt},
  };
  for (const FindRow& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(free.find(row.size, row.alignment, row.within, Prefer::low), row.low);
    EXPECT_EQ(free.find(row.size, row.alignment, row.within, Prefer::high), row.high);
  }
}

// The same set kept the naive way: one bit for each of the 256 addresses from `base`.
class Bitmap {
 public:
  static constexpr std::size_t size = 256;
  void set(const Range& range, std::uint64_t base, bool value) {
    for (std::uint64_t at = range.start; at < range.end; ++at) bits_[at - base] = value;
  }
  [[nodiscard]] bool all(const Range& range, std::uint64_t base) const {
    for (std::uint64_t at = range.start; at < range.end; ++at) {
      if (!bits_[at - base]) return false;
    }
    return true;
  }
  [[nodiscard]] bool any(const Range& range, std::uint64_t base) const {
    for (std::uint64_t at = range.start; at < range.end; ++at) {
      if (bits_[at - base]) return true;
    }
    return false;
  }
  [[nodiscard]] std::size_t count() const { return bits_.count(); }
  [[nodiscard]] std::optional<Range> find(std::uint64_t bytes, std::uint64_t alignment, const Range& within,
                                          std::uint64_t base, Prefer prefer) const {
    std::optional<Range> found;
    for (std::uint64_t at = within.start; at + bytes <= within.end && at + bytes > at; ++at) {
      if (at % alignment != 0 || !all({at, at + bytes}, base)) continue;
      found = Range{at, at + bytes};
      if (prefer == Prefer::low) break;
    }
    return found;
  }

 private:
  std::bitset<size> bits_;
};

class RangeSetAgainstBitmap : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RangeSetAgainstBitmap, RandomOperationsAgree) {
  const std::uint64_t base = GetParam();
  std::mt19937 random(20240611);  // fixed: a failure is the same failure tomorrow
  auto pick = [&](std::uint32_t below) { return static_cast<std::uint64_t>(random() % below); };
  auto pick_range = [&] {
    const std::uint64_t a = base + pick(Bitmap::size + 1), b = base + pick(Bitmap::size + 1);
    return Range{std::min(a, b), std::max(a, b)};
  };
  RangeSet set;
  Bitmap bitmap;
  for (int step = 0; step < 4000; ++step) {
    const Range change = pick_range();
    // Small changes, so that many separate ranges are alive at once.
    const Range small{change.start, std::min(change.end, change.start + 1 + pick(12))};
    const bool add = pick(2) == 0;
    add ? set.add(small) : set.remove(small);
    bitmap.set(small, base, add);
    ASSERT_NO_FATAL_FAILURE(expect_canonical(set));
    ASSERT_EQ(set.total(), bitmap.count());
    const Range query = pick_range();
    ASSERT_EQ(set.contains(query), bitmap.all(query, base)) << query.str();
    ASSERT_EQ(set.overlaps(query), bitmap.any(query, base)) << query.str();
    const RangeSet part = set.intersect(query);
    ASSERT_NO_FATAL_FAILURE(expect_canonical(part));
    ASSERT_TRUE(query.empty() || bitmap.all(query, base) == (part.total() == query.size()));
    const std::uint64_t bytes = 1 + pick(10), alignment = std::uint64_t{1} << pick(4);
    for (const Prefer prefer : {Prefer::low, Prefer::high}) {
      ASSERT_EQ(set.find(bytes, alignment, query, prefer), bitmap.find(bytes, alignment, query, base, prefer))
          << bytes << " by " << alignment << " in " << query.str();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Bases, RangeSetAgainstBitmap,
                         testing::Values(std::uint64_t{0}, std::uint64_t{0xffffff80}, top - Bitmap::size));

}  // namespace
}  // namespace kexlab
