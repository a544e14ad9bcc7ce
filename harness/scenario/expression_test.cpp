// SPDX-License-Identifier: Apache-2.0
// Addresses and sizes: what each text is worth on a small machine, and what is told where one is wrong.
#include "harness/scenario/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace kexlab::scenario {
namespace {

using testing::HasSubstr;

std::optional<std::uint64_t> small_machine(std::string_view base) {
  static const std::map<std::string, std::uint64_t, std::less<>> values{
      {"page", 0x1000},           {"ram", 0x100000},
      {"ram end", 0x2000000},     {"ram size", 0x1fff000 + 0x1000 * 5},
      {"previous end", 0x123000}, {"previous start", 0x120000},
      {"witness", 0x4000000}};
  auto found = values.find(base);
  if (found == values.end()) return std::nullopt;
  return found->second;
}

struct Worth {
  const char* name;
  const char* text;
  std::uint64_t value;
};
void PrintTo(const Worth& row, std::ostream* out) { *out << row.name; }
class ExpressionWorth : public testing::TestWithParam<Worth> {};
TEST_P(ExpressionWorth, IsItsSum) {
  const auto expression = parse_expression(GetParam().text);
  ASSERT_TRUE(expression) << expression.error().str();
  EXPECT_EQ(expression->text, GetParam().text);
  const auto value = evaluate(*expression, small_machine);
  ASSERT_TRUE(value) << value.error().str();
  EXPECT_EQ(*value, GetParam().value);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, ExpressionWorth,
    testing::Values(
        Worth{"zero", "0", 0}, Worth{"hex", "0x1000", 0x1000}, Worth{"decimal", "4096", 4096},
        Worth{"unit", "4 KiB", 4096}, Worth{"unit_without_space", "4KiB", 4096}, Worth{"bytes", "7 B", 7},
        Worth{"gib", "2 GiB", std::uint64_t{2} << 30}, Worth{"page", "page", 4096}, Worth{"pages", "3 pages", 0x3000},
        Worth{"one_page", "1 page", 0x1000}, Worth{"base_and_offset", "ram + 64 MiB", 0x4100000},
        Worth{"two_words", "previous end + 1 page", 0x124000},
        Worth{"many_spaces", "  previous   end  -  1 page ", 0x122000},
        Worth{"plus_minus", "previous end + -1 page", 0x122000}, Worth{"minus_minus", "ram - -1 page", 0x101000},
        Worth{"plus_plus", "ram + +1 page", 0x101000}, Worth{"tight", "ram+1page", 0x101000},
        Worth{"leading_minus", "-1 page", 0xfffffffffffff000}, Worth{"leading_plus", "+1 page", 0x1000},
        Worth{"wraps", "0 - 1 page", 0xfffffffffffff000}, Worth{"largest", "0xffffffffffffffff", 0xffffffffffffffff},
        Worth{"difference", "ram end - ram", 0x1f00000},
        Worth{"plus_then_minus", "previous end + 2 pages - 1", 0x124fff},
        // (0x1fff + 5) pages are 0x2004; half of them 0x1002, no rounding; "ram size - 1 page" cannot be halved.
        Worth{"half", "half of ram size", 0x1002000}, Worth{"half_and_a_page", "half of ram size + 1 page", 0x1003000}),
    [](const auto& row) { return row.param.name; });

TEST(Expression, HalfRoundsDownToAPageAsTheKernelDoes) {
  const auto half = parse_expression("half of ram size");
  ASSERT_TRUE(half);
  auto five_pages = [](std::string_view base) -> std::optional<std::uint64_t> {
    return base == "page" ? 4096 : 5 * 4096;
  };
  EXPECT_EQ(*evaluate(*half, five_pages), 2u * 4096);
}

TEST(Expression, ABaseTheMachineLacksIsTold) {
  const auto value = evaluate(*parse_expression("crash start + 1 page"), small_machine);
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Errc::not_found);
  EXPECT_THAT(value.error().broke, HasSubstr("no `crash start`"));
  EXPECT_THAT(value.error().hint, HasSubstr("crashkernel"));
}

TEST(Expression, EveryBaseNameParses) {
  for (const std::string& name : base_names()) {
    const auto expression = parse_expression(name);
    ASSERT_TRUE(expression) << name;
    EXPECT_EQ(expression->terms.at(0).base, name);
  }
}

struct Mistake {
  const char* name;
  const char* text;
  const char* asked;
  const char* told;
};
void PrintTo(const Mistake& row, std::ostream* out) { *out << row.name; }
class ExpressionMistake : public testing::TestWithParam<Mistake> {};
TEST_P(ExpressionMistake, IsToldWithItsPlace) {
  const auto expression = parse_expression(GetParam().text);
  ASSERT_FALSE(expression);
  EXPECT_THAT(expression.error().asked, HasSubstr(GetParam().asked));
  EXPECT_THAT(expression.error().broke + " " + expression.error().hint, HasSubstr(GetParam().told));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, ExpressionMistake,
    testing::Values(Mistake{"empty", "", "character 1", "not the end"},
                    Mistake{"only_sign", "ram +", "character 6", "not the end"},
                    Mistake{"unit", "4 MB", "character 2", "did you mean `MiB`?"},
                    Mistake{"unit_case", "4 mib", "", "did you mean `MiB`?"},
                    Mistake{"base", "rma + 4", "character 1", "did you mean `ram`?"},
                    Mistake{"second_base", "ram + previos end", "character 7", "did you mean `previous end`?"},
                    Mistake{"no_operator", "ram 4 KiB", "character 5", "`+` or `-` is expected before `4 KiB`"},
                    Mistake{"three_signs", "ram + - - 4", "character 9", "expected before `- 4`"},
                    Mistake{"multiply", "2 * 4", "character 3", "`+` or `-`"},
                    Mistake{"fraction", "1.5 MiB", "character 2", "smaller unit"},
                    Mistake{"past_64_bits", "0x10000000000000000", "", "64 bits"},
                    Mistake{"unit_past_64_bits", "17179869184 GiB", "", "64 bits"},
                    Mistake{"bare_hex", "0x", "", "digits"},
                    Mistake{"half_of_nothing", "half of", "", "unknown name `half of`"},
                    Mistake{"counted_base", "2 ram", "", "unknown unit `ram`"},
                    Mistake{"too_many_terms", "1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1", "", "more than 16 terms"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace kexlab::scenario
