// SPDX-License-Identifier: Apache-2.0
// Whatever a guest writes, what is kept of it is small and safe to print.
#include "harness/engine/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/engine/errno_text.h"
#include "harness/engine/event.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Printed {
  const char* name;
  std::string bytes;
  const char* text;
};

class Printable : public testing::TestWithParam<Printed> {};

TEST_P(Printable, leaves_nothing_that_a_terminal_would_obey) {
  const std::string out = printable(GetParam().bytes);
  EXPECT_EQ(out, GetParam().text);
  EXPECT_TRUE(std::all_of(out.begin(), out.end(), [](char c) {
    return c == '\n' || c == '\t' || (c >= ' ' && c <= '~');
  })) << out;
}

INSTANTIATE_TEST_SUITE_P(bytes, Printable,
                         testing::Values(Printed{"text", "a\tb\nc", "a\tb\nc"},                            //
                                         Printed{"returns", "a\r\nb", "a\nb"},                             //
                                         Printed{"colour", "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},  //
                                         Printed{"title", "\x1b]0;x\x07", "\\x1b]0;x\\x07"},               //
                                         Printed{"eight_bit_csi",
                                                 "\x9b"
                                                 "2J",
                                                 "\\x9b2J"},                                 //
                                         Printed{"utf8", "\xc3\xa9", "\\xc3\\xa9"},          //
                                         Printed{"nul", std::string("a\0b", 3), "a\\x00b"},  //
                                         Printed{"del", "\x7f", "\\x7f"}),
                         [](const auto& row) { return row.param.name; });

TEST(ConsoleTail, keeps_the_last_60_lines_and_counts_the_rest) {
  ConsoleTail tail;
  for (int i = 0; i < 1000; ++i) tail.feed("line " + std::to_string(i) + "\n");
  const std::string text = tail.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 60);
  EXPECT_TRUE(text.starts_with("line 940\n")) << text;
  EXPECT_TRUE(text.ends_with("line 999\n")) << text;
  EXPECT_EQ(tail.bytes_seen(), 10U * 7 + 90 * 8 + 900 * 9);
}

TEST(ConsoleTail, a_line_without_end_is_cut) {
  ConsoleTail tail;
  for (int i = 0; i < 1000; ++i) tail.feed(std::string(4096, 'x'));
  EXPECT_LE(tail.str().size(), 310U);
  tail.feed("\nnext\n");
  EXPECT_EQ(tail.str(), std::string(300, 'x') + " ...\nnext\n");
  EXPECT_EQ(tail.bytes_seen(), 4096000U + 6);
}

TEST(ConsoleTail, noise_without_newlines_and_lines_of_escapes_stay_bounded) {
  ConsoleTail tail;
  for (int i = 0; i < 200; ++i) tail.feed(std::string(1000, '\x1b') + "\n");
  EXPECT_LE(tail.str().size(), 60U * (300 * 4 + 5));
  EXPECT_THAT(tail.str(), Not(HasSubstr("\x1b")));
}

TEST(ConsoleTail, marks_stand_between_kernels_and_empty_lines_are_left_out) {
  ConsoleTail tail;
  tail.feed("one\n\r\n   \nhalf");
  tail.mark("-- kexec --");
  tail.feed("two");
  EXPECT_EQ(tail.str(), "one\nhalf\n-- kexec --\ntwo\n");
  EXPECT_TRUE(tail.said("two"));
  EXPECT_TRUE(tail.said("hal"));
  tail.clear();
  EXPECT_EQ(tail.str(), "");
  EXPECT_FALSE(tail.said("two"));
}

TEST(ErrnoName, names_and_numbers) {
  EXPECT_EQ(errno_name(22), "EINVAL");
  EXPECT_EQ(errno_name(99999), "errno 99999");
}

TEST(Outcome, names_come_back) {
  for (const auto outcome : {Outcome::passed, Outcome::failed, Outcome::error, Outcome::timeout, Outcome::skipped}) {
    EXPECT_EQ(outcome_from(to_string(outcome)), outcome);
  }
  EXPECT_EQ(outcome_from("fine"), std::nullopt);
}

TEST(ConsoleTail, KeepsTheFirstComplaintOfAKernelHoweverMuchFollows) {
  ConsoleTail tail;
  tail.feed("[ 1.0] all is well\n");
  EXPECT_EQ(tail.complaint(), "");
  tail.feed("[ 1.1] WARN");
  tail.feed("ING: CPU: 0 PID: 1 at kernel/kexec_core.c:1\x1b\n[ 1.2] BUG: another\n");
  for (int i = 0; i < 1000; ++i) tail.feed("noise\n");
  EXPECT_EQ(tail.complaint(), "[ 1.1] WARNING: CPU: 0 PID: 1 at kernel/kexec_core.c:1\\x1b");
  tail.forget_complaint();
  tail.feed("Kernel panic - not syncing: sysrq triggered crash\n");
  EXPECT_EQ(tail.complaint(), "") << "a crash on purpose";
  tail.feed("[ 60.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]\n");
  EXPECT_EQ(tail.complaint(), "") << "a host without time for its guest";
  tail.feed("[    0.84] WARNING: nvram corruption detected: 0-length partition\n");
  EXPECT_EQ(tail.complaint(), "") << "firmware that laid out nothing";
}

}  // namespace
}  // namespace kexlab::engine
