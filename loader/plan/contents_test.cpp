// SPDX-License-Identifier: Apache-2.0
// The bytes of a segment: the pattern at any offset, and pieces laid end to end.
#include <gtest/gtest.h>

#include <map>

#include "kexlab/plan.h"

namespace kexlab {
namespace {

Bytes pattern(std::uint32_t seed, std::uint64_t offset, std::size_t size) {
  Bytes bytes(size);
  fill_pattern(seed, offset, bytes);
  return bytes;
}

// The first outputs that the reference implementation of splitmix64 gives for these seeds.
TEST(Pattern, IsSplitmix64) {
  struct {
    std::uint32_t seed;
    std::uint64_t words[3];
  } const rows[] = {
      {0, {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f}},
      {1234567, {6457827717110365317u, 3203168211198807973u, 9817491932198370423u}},
  };
  for (const auto& row : rows) {
    const Bytes bytes = pattern(row.seed, 0, 24);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(read_int<std::uint64_t>(bytes, 8 * i, std::endian::little), row.words[i]) << row.seed << " " << i;
    }
  }
}

TEST(Pattern, AnySliceIsASliceOfTheWhole) {
  const Bytes whole = pattern(7, 0, 64);
  for (std::size_t from = 0; from <= whole.size(); ++from) {
    for (std::size_t size = 0; size <= whole.size() - from; ++size) {
      ASSERT_EQ(pattern(7, from, size), to_bytes(ByteView(whole).subspan(from, size))) << from << " " << size;
    }
  }
}

TEST(Pattern, OffsetsPastFourGigabytesDiffer) {
  EXPECT_NE(pattern(1, 0, 16), pattern(1, std::uint64_t{1} << 32, 16));
  EXPECT_EQ(pattern(1, (std::uint64_t{1} << 35) + 3, 5),
            to_bytes(ByteView(pattern(1, std::uint64_t{1} << 35, 8)).subspan(3)));
}

TEST(Pattern, NoBlockRepeatsAndSeedsDiffer) {
  EXPECT_NE(pattern(1, 0, 4096), pattern(1, 4096, 4096));
  EXPECT_NE(pattern(1, 0, 4096), pattern(2, 0, 4096));
}

using Sources = std::map<std::string, std::string>;

Result<ByteView> resolve(void* context, const std::string& name) {
  const auto& sources = *static_cast<const Sources*>(context);
  const auto found = sources.find(name);
  if (found == sources.end()) return fail(Errc::not_found, "find " + name, "no such source");
  return as_bytes(found->second);
}

Result<Bytes> gather(const Segment& segment) {
  Sources sources = {{"kernel", "0123456789"}, {"empty", ""}};
  return segment_bytes(segment, resolve, &sources);
}

TEST(SegmentBytes, LaysPiecesEndToEnd) {
  const Segment segment{"mixed",
                        {Piece::of_source("kernel", 2, 3), Piece::of(to_bytes(as_bytes("<>"))),
                         Piece::of_source("empty", 0, 0), Piece::of_pattern(9, 5), Piece::of_source("kernel", 9, 1)}};
  const auto bytes = gather(segment);
  ASSERT_TRUE(bytes) << bytes.error().str();
  EXPECT_EQ(as_text(*bytes), "234<>" + std::string(as_text(pattern(9, 0, 5))) + "9");
  EXPECT_EQ(pieces_length(segment), bytes->size());
}

struct FailRow {
  const char* name;
  Piece piece;
  Errc code;
};

TEST(SegmentBytes, FailTable) {
  const FailRow rows[] = {
      {"no such source", Piece::of_source("initrd", 0, 1), Errc::not_found},
      {"one byte past the end", Piece::of_source("kernel", 5, 6), Errc::truncated},
      {"starts past the end", Piece::of_source("kernel", 11, 0), Errc::truncated},
      {"offset that wraps", Piece::of_source("kernel", ~std::uint64_t{0}, 2), Errc::truncated},
      {"a size that no memory holds", Piece::of_pattern(1, std::uint64_t{1} << 60), Errc::no_space},
      {"just past the limit", Piece::of_pattern(1, std::uint64_t{PlanLimits::segment_bytes} + 1), Errc::no_space},
  };
  for (const FailRow& row : rows) {
    SCOPED_TRACE(row.name);
    const auto bytes = gather({"s", {row.piece}});
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, row.code) << bytes.error().str();
  }
  // Sums that pass the limit, and sums that would wrap 64 bits.
  const Piece half = Piece::of_pattern(1, PlanLimits::segment_bytes / 2 + 1),
              most = Piece::of_pattern(1, ~std::uint64_t{0});
  EXPECT_EQ(gather({"s", {half, half}}).error().code, Errc::no_space);
  EXPECT_EQ(gather({"s", {most, most}}).error().code, Errc::no_space);
}

}  // namespace
}  // namespace kexlab
