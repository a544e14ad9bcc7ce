// SPDX-License-Identifier: Apache-2.0
// A series repeats when all of its samples are equal, to the last instruction.
#include "harness/measure/repeats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kexlab::measure {
namespace {

std::string sample(const std::string& what, const std::string& clock, const std::string& rest) {
  return R"({"name":"bench/)" + what + "/x86_64/" + clock + R"(/iterations:1/repeats:2","run_type":"iteration",)" +
         rest + "}";
}
std::string file(const std::string& samples) {
  return R"({"context":{"x86_64":"debian-6.1 (Debian package), QEMU 7.2, tcg"},"benchmarks":[)" + samples + "]}";
}

TEST(Repeats, OnlyEqualInstructionCountsRepeat) {
  const auto told = repeats_of(file(
      sample("same", "instructions", R"("real_time":25.7)") + "," +
      sample("same", "instructions", R"("real_time":25.7)") + "," +
      sample("off-by-one", "instructions", R"("real_time":25.700000)") + "," +
      sample("off-by-one", "instructions", R"("real_time":25.700001)") + "," +
      sample("once", "instructions", R"("real_time":1.0)") + "," +
      sample("failed", "instructions", R"("error_occurred":true,"error_message":"no guest","real_time":0.0)") + "," +
      sample("failed", "instructions", R"("error_occurred":true,"error_message":"no guest","real_time":0.0)") + "," +
      sample("same", "wall", R"("real_time":3.0)") + "," + sample("same", "wall", R"("real_time":4.0)")));
  ASSERT_TRUE(told) << told.error().str();
  ASSERT_EQ(told->size(), 1u);
  EXPECT_EQ(told->front().target, "x86_64");
  EXPECT_EQ(told->front().kernel, "debian-6.1");
  EXPECT_EQ(told->front().counted, 4u);
  EXPECT_EQ(told->front().repeated, 1u);
}

TEST(Repeats, WallClockAloneTellsNothing) {
  const auto told = repeats_of(file(sample("same", "wall", R"("real_time":3.0)")));
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->empty());
}

TEST(Repeats, AnotherProgramsFileIsRefused) { EXPECT_FALSE(repeats_of("[]")); }

}  // namespace
}  // namespace kexlab::measure
