// SPDX-License-Identifier: Apache-2.0
// Zero runs there and back, and packed data that nobody packed.
#include "harness/wire/zero_runs.h"

#include <gtest/gtest.h>

#include <string>

namespace kexlab::wire {
namespace {

std::string zeros(std::size_t count) { return std::string(count, '\0'); }
std::string letters(std::size_t count) { return std::string(count, 'x'); }

struct Row {
  const char* name;
  std::string data;
  std::size_t packed_size;
};

class Data : public testing::TestWithParam<Row> {};

TEST_P(Data, ComesBackAndIsAsSmallAsExpected) {
  const auto& row = GetParam();
  const Bytes packed = pack_zero_runs(as_bytes(row.data));
  EXPECT_EQ(packed.size(), row.packed_size);
  EXPECT_LE(packed.size(), row.data.size() + zero_runs_overhead);
  EXPECT_EQ(unpack_zero_runs(packed, row.data.size()), to_bytes(as_bytes(row.data)));
  if (!row.data.empty()) {
    EXPECT_EQ(unpack_zero_runs(packed, row.data.size() - 1), std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, Data,
                         testing::Values(Row{"empty", "", 0}, Row{"one_byte", "x", 3},
                                         Row{"short_run_stays", letters(3) + zeros(8), 13},
                                         Row{"long_run_goes", letters(3) + zeros(9), 5},
                                         Row{"zeros_only", zeros(1 << 20), 4},
                                         Row{"zeros_first", zeros(100) + letters(5), 2 + 7},
                                         Row{"runs_between", letters(5) + zeros(100) + letters(5), 7 + 7},
                                         Row{"one_in_nine", (zeros(9) + "x").append(zeros(9)) + "x", 2 + 3 + 3},
                                         Row{"large_literal", letters(1 << 20), (1 << 20) + 4}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ZeroRuns, LookAsDocumented) {
  const std::string data = letters(3) + zeros(200) + letters(1);
  EXPECT_EQ(as_text(pack_zero_runs(as_bytes(data))), std::string_view("\3xxx\xc8\1\1x\0", 9));
}

struct Bad {
  const char* name;
  std::string packed;
};

class Malformed : public testing::TestWithParam<Bad> {};

TEST_P(Malformed, GivesNothing) { EXPECT_EQ(unpack_zero_runs(as_bytes(GetParam().packed), 1 << 20), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(Wire, Malformed,
                         testing::Values(Bad{"no_zero_count", std::string("\1x", 2)},
                                         Bad{"literals_cut", std::string("\5xx\0", 4)}, Bad{"count_unfinished", "\x80"},
                                         Bad{"count_too_long", std::string("\x80\x80\x80\x80\1", 5)},
                                         Bad{"too_many_zeros", std::string("\0\xff\xff\xff\x7f", 5)},
                                         Bad{"many_groups", std::string("\0\xff\xff\x3f\0\xff\xff\x3f", 8)}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace kexlab::wire
