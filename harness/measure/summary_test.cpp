// SPDX-License-Identifier: Apache-2.0
// Samples become medians; what failed is told; another program's file is refused.
#include "harness/measure/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kexlab::measure {
namespace {

using testing::HasSubstr;

std::string series(const std::string& clock, const std::string& time) {
  return R"({"name":"bench/switch/load/x86_64/)" + clock +
         R"(/iterations:1/repeats:3/manual_time","run_type":"iteration","real_time":)" + time + "}";
}

TEST(Summary, SamplesBecomeAMedianWithItsRange) {
  const auto table = summarize(R"({"benchmarks":[)" + series("wall", "3.0") + "," + series("wall", "1.0") + "," +
                               series("wall", "2.5") + "]}");
  ASSERT_TRUE(table) << table.error().str();
  EXPECT_THAT(*table, HasSubstr("bench/switch/load"));
  EXPECT_THAT(*table, HasSubstr("2.50 ms (1.00..3.00, n=3)"));
}

TEST(Summary, EqualInstructionCountsHaveNoRange) {
  const auto table =
      summarize(R"({"benchmarks":[)" + series("instructions", "25.7") + "," + series("instructions", "25.7") + "]}");
  ASSERT_TRUE(table) << table.error().str();
  EXPECT_THAT(*table, HasSubstr("25.70 M\n"));
}

TEST(Summary, InstructionCountsThatDifferShowIt) {
  const auto table =
      summarize(R"({"benchmarks":[)" + series("instructions", "25.0") + "," + series("instructions", "26.0") + "]}");
  ASSERT_TRUE(table) << table.error().str();
  EXPECT_THAT(*table, HasSubstr("(+-0.5000)"));
}

TEST(Summary, ASeriesThatFailedIsTold) {
  const auto table = summarize(
      R"({"benchmarks":[{"name":"bench/a/load/arm64/wall/iterations:1","run_type":"iteration","error_occurred":true,"error_message":"no guest"}]})");
  ASSERT_TRUE(table) << table.error().str();
  EXPECT_THAT(*table, HasSubstr("no figure for bench/a/load on arm64: no guest"));
}

TEST(Summary, AnotherProgramsFileIsRefused) {
  EXPECT_FALSE(summarize("no json"));
  EXPECT_FALSE(summarize(R"({"benchmarks":[{"name":"BM_sort","run_type":"iteration"}]})"));
}

}  // namespace
}  // namespace kexlab::measure
