// SPDX-License-Identifier: Apache-2.0
// Which buffer begins with what a kernel demands.
#include <gtest/gtest.h>

#include "kexlab/arch.h"

namespace kexlab {
namespace {

const Bytes demanded(8, std::byte{0xab});

Segment of_pattern(std::uint64_t size) {
  return {.name = "s", .pieces = {Piece::of_pattern(1, size)}, .bufsz = size, .mem = 0x1000, .memsz = 0x1000};
}

TEST(Demand, IsMetByTheFirstBufferThatIsLargeEnough) {
  Plan plan{.segments = {of_pattern(7), of_pattern(8), of_pattern(9)}};
  ASSERT_TRUE(meet_demand(plan, demanded));
  EXPECT_EQ(plan.segments[0], of_pattern(7));
  EXPECT_EQ(segment_bytes(plan.segments[1], nullptr, nullptr).value_or(Bytes{}), demanded);
  EXPECT_EQ(plan.segments[1].bufsz, 8u);
  EXPECT_EQ(plan.segments[2], of_pattern(9));
}

TEST(Demand, IsFoundWhereItWasMet) {
  Plan plan{.segments = {of_pattern(7), of_pattern(8)}};
  EXPECT_EQ(find_demanded(plan, demanded), nullptr);
  ASSERT_TRUE(meet_demand(plan, demanded));
  EXPECT_EQ(find_demanded(plan, demanded), &plan.segments[1]);
}

Segment beginning_with(std::initializer_list<unsigned> values) {
  Bytes bytes;
  for (const auto value : values) bytes.push_back(std::byte(value));
  Segment segment = of_pattern(8);
  segment.pieces.insert(segment.pieces.begin(), Piece::of(std::move(bytes)));
  return segment;
}

TEST(LastTree, IsTheLastSegmentThatBeginsWithTheMagicNumber) {
  Plan plan{.segments = {of_pattern(8), beginning_with({0xed, 0xfe, 0x0d, 0xd0}), beginning_with({0xd0, 0x0d, 0xfe}),
                         Segment{}}};
  EXPECT_EQ(find_last_tree(plan), nullptr);
  plan.segments[0] = plan.segments[2] = beginning_with({0xd0, 0x0d, 0xfe, 0xed});
  EXPECT_EQ(find_last_tree(plan), &plan.segments[2]);
  plan.segments[2] = of_pattern(8);
  EXPECT_EQ(find_last_tree(plan), &plan.segments[0]);
}

TEST(Demand, LeavesTheOtherContentsAndTheSizeOfTheBuffer) {
  Plan plan{.segments = {of_pattern(100)}};
  ASSERT_TRUE(meet_demand(plan, demanded));
  EXPECT_EQ(pieces_length(plan.segments[0]).value_or(0), 100u);
}

TEST(Demand, IsNotMetByBuffersThatAreMistakes) {
  Plan plan{.segments = {of_pattern(100)}};
  plan.segments[0].buf = Pointer::unmapped;
  const Plan before = plan;
  EXPECT_FALSE(meet_demand(plan, demanded));
  EXPECT_EQ(plan, before);
  EXPECT_TRUE(meet_demand(plan, {})) << "nothing is demanded";
  EXPECT_EQ(plan, before);
}

TEST(Demand, HasASegmentOfItsOwnInTheHighestPagesThatHoldIt) {
  RangeSet free;
  free.add({0x10000, 0x14000});
  free.add({0x20800, 0x21800});
  const auto own = demanded_segment(free, demanded, 0x1000);
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->mem, 0x13000u) << "no whole page lies in the higher block";
  EXPECT_EQ(own->memsz, 0x1000u);
  EXPECT_EQ(own->bufsz, demanded.size());
  EXPECT_EQ(segment_bytes(*own, nullptr, nullptr).value_or(Bytes{}), demanded);
}

TEST(Demand, HasNoSegmentWhereNoPageIsFree) {
  RangeSet free;
  free.add({0x20800, 0x21800});
  EXPECT_FALSE(demanded_segment(free, demanded, 0x1000).has_value());
}

}  // namespace
}  // namespace kexlab
