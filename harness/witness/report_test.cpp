// SPDX-License-Identifier: Apache-2.0
// The report: what a good witness tells, what a bad one may not make us believe.
#include "harness/witness/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kexlab::witness {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Records = std::vector<std::string>;

WitnessTable table() {
  return {.nonce = "00112233445566778899aabbccddeeff",
          .base = 0x4000000,
          .entries = {{0x5000000, 0x4000, 0x10000, 0xf282570e279eadf2}, {0x6000000, 3, 0x1000, 1, "initrd", true}}};
}

Records good() {
  return {"begin version=1 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x4000000 count=3",
          "regs rax=0x0 rsp=0x1fd7ff8",
          "regs cr0=0x80000033",
          "seg index=0 digest=ok found=0xf282570e279eadf2 zero=ok",
          "seg index=1 skip",
          "seg index=2 digest=ok found=0x69da29735c1e9f12 zero=ok",
          "end count=3 bad=0"};
}

WitnessReport report_of(const Records& records) {
  WitnessReport report(table());
  for (const auto& record : records) (void)report.take(as_bytes(record));
  return report;
}

Records replaced(std::size_t index, std::string record) {
  auto records = good();
  records.at(index) = std::move(record);
  return records;
}

TEST(WitnessReport, GoodAndComplete) {
  const auto report = report_of(good());
  EXPECT_TRUE(report.complete());
  EXPECT_TRUE(report.ended());
  EXPECT_THAT(report.problems(), IsEmpty());
  EXPECT_EQ(report.target(), "x86_64");
  EXPECT_EQ(report.base(), 0x4000000u);
  EXPECT_EQ(report.registers().at("rsp"), 0x1fd7ff8u);
  EXPECT_EQ(report.registers().size(), 3u);
  EXPECT_TRUE(report.findings().at(1).skipped);
}

TEST(WitnessReport, PutsACounterOfTwoWordsTogether) {
  const auto report = report_of(replaced(1, "regs tsc=0x89abcdef tsc_high=0x1 wide=0x123456789abcdef0"));
  EXPECT_EQ(report.counter("tsc"), 0x189abcdefu);
  EXPECT_EQ(report.counter("wide"), 0x123456789abcdef0u);
  EXPECT_EQ(report.counter("other"), std::nullopt);
}

WitnessReport report_of_round(unsigned round, const std::string& rest) {
  auto expected = table();
  expected.round = round;
  WitnessReport report(expected);
  auto records = good();
  records[0] += rest;
  for (const auto& record : records) (void)report.take(as_bytes(record));
  return report;
}

TEST(WitnessReport, OneThatComesBackCountsItsEntries) {
  EXPECT_THAT(report_of_round(1, " round=1 entry=start").problems(), IsEmpty());
  EXPECT_THAT(report_of_round(3, " round=3 entry=again").problems(), IsEmpty());
}

TEST(WitnessReport, MemoryThatWasNotKeptShowsInTheCount) {
  EXPECT_THAT(report_of_round(2, " round=1 entry=again").problems(),
              ElementsAre(HasSubstr("counts its entry number 1, expected 2")));
  EXPECT_THAT(report_of_round(1, "").problems(), ElementsAre(HasSubstr("counts its entry number 0, expected 1")));
}

TEST(WitnessReport, ItsNextEntryIsWhereItAskedFor) {
  EXPECT_THAT(report_of_round(2, " round=2 entry=start").problems(), ElementsAre(HasSubstr("not where it asked for")));
  EXPECT_THAT(report_of_round(1, " round=1 entry=again").problems(),
              ElementsAre(HasSubstr("that only a return names")));
}

TEST(WitnessReport, WhereAKernelKnowsOneEntryOnlyItIsTheSameInEveryRound) {
  EXPECT_THAT(report_of_round(1, " round=1 entry=fixed").problems(), IsEmpty());
  EXPECT_THAT(report_of_round(2, " round=2 entry=fixed").problems(), IsEmpty());
}

TEST(WitnessReport, RoundsAreNumbersAndEntriesHaveNames) {
  for (const char* rest : {" round=x entry=start", " round=1 entry=end", " round=1", " entry=start"}) {
    const auto report = report_of_round(1, rest);
    EXPECT_EQ(report.progress(), WitnessReport::Progress::silent) << rest;
  }
}

struct Broken {
  const char* name;
  Records records;
  std::vector<const char*> problems;  // a part of each sentence, in order
};

Records first(std::size_t count) {
  auto records = good();
  records.resize(count);
  return records;
}

const Broken broken[] = {
    {"silence", {}, {"the witness said nothing"}},
    {"silent after begin", first(1), {"silent after 0 of 3 segments, at segment 0 (0x5000000-0x500ffff)"}},
    {"silent before the skipped one", first(4), {"silent after 1 of 3 segments, at segment 1 \"initrd\""}},
    {"silent before the end", first(6), {"silent after 3 of 3 segments"}},
    {"contents",
     replaced(3, "seg index=0 digest=bad found=0x7 zero=ok"),
     {"segment 0 (0x5000000-0x500ffff): contents differ (digest 0x7 expected 0xf282570e279eadf2)"}},
    {"contents, though the witness says ok",
     replaced(3, "seg index=0 digest=ok found=0x7 zero=ok"),
     {"contents differ"}},
    {"tail",
     replaced(3, "seg index=0 digest=ok found=0xf282570e279eadf2 zero=bad at=0x5004000"),
     {"segment 0 (0x5000000-0x500ffff): byte 0x5004000 behind the buffer is not zero"}},
    {"contents and tail",
     replaced(3, "seg index=0 digest=bad found=0x7 zero=bad at=0x5004000"),
     {"contents differ", "byte 0x5004000"}},
    {"unreachable", replaced(3, "seg index=0 unreachable"), {"cannot reach"}},
    {"skipped for no reason", replaced(3, "seg index=0 skip"), {"skipped, though it was to be looked at"}},
    {"not skipped", replaced(4, "seg index=1 digest=ok found=0x1 zero=ok"), {"looked at, though it was to be skipped"}},
    {"own code", replaced(5, "seg index=2 digest=bad found=0x69da29735c1e9f12 zero=ok"), {"its code or table differs"}},
    {"elsewhere",
     replaced(0, "begin version=1 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x3000 count=3"),
     {"runs at 0x3000, it was to be at 0x4000000"}},
    {"fault",
     {good()[0], good()[1], good()[3], "fault seg=1 cause=0xe pc=0x400132e address=0x7ff0"},
     {"faulted while it looked at segment 1 \"initrd\" (0x6000000-0x6000fff) (cause 0xe, address 0x7ff0, pc "
      "0x400132e)"}},
    {"fault before a word", {"fault seg=none cause=0xd pc=0x1 address=0x0"}, {"faulted (cause 0xd"}},
    {"a record lost",
     {good()[0], good()[1], good()[3], good()[5], good()[6]},
     {"silent after 1 of 3", "2 records were refused, the first for: a record of segment 2 where that of 1 was due"}},
    {"a record twice", {good()[0], good()[3], good()[3], good()[4], good()[5], good()[6]}, {"1 records were refused"}},
    {"a register twice", replaced(2, "regs rax=0x1"), {"repeats a register"}},
    {"entered twice",
     {good()[0], good()[1], good()[3], good()[4], good()[5], good()[6], good()[0]},
     {"'begin version=1"}},
    {"nothing after a fault",
     {good()[0], "fault seg=none cause=0x1 pc=0x0 address=0x0", good()[3]},
     {"faulted", "'seg index=0"}},
};

TEST(WitnessReport, EveryThingThatIsWrongIsAProblem) {
  for (const auto& one : broken) {
    const auto problems = report_of(one.records).problems();
    ASSERT_EQ(problems.size(), one.problems.size()) << one.name << ": " << testing::PrintToString(problems);
    for (std::size_t i = 0; i < problems.size(); ++i) EXPECT_THAT(problems[i], HasSubstr(one.problems[i])) << one.name;
  }
}

// Each of these stands where the good record with its index would be right.
const std::pair<std::size_t, std::string> refused[] = {
    {0, ""},
    {0, "begin"},
    {0, "seg index=0 skip"},
    {0, "begin version=2 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x4000000 count=3"},
    {0, "begin version=1 nonce=00112233445566778899aabbccddeefe target=x86_64 base=0x4000000 count=3"},
    {0, "begin version=1 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x4000000 count=2"},
    {0, "begin version=1 nonce=00112233445566778899aabbccddeeff target=\"x\" base=0x4000000 count=3"},
    {0, "begin version=1 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x4000000 count=3 "},
    {0, "begin version=1 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x4000000 count=3 more"},
    {0, "begin  version=1 nonce=00112233445566778899aabbccddeeff target=x86_64 base=0x4000000 count=3"},
    {1, "regs rax"},
    {1, "regs rax="},
    {1, "regs rax=0x"},
    {1, "regs rax=5"},
    {1, "regs rax=0x12345678123456781"},
    {1, "regs rax=0x-1"},
    {1, "regs =0x1"},
    {1, "regs RAX=0x1"},
    {1, "regs a_name_that_is_too_long=0x1"},
    {1, "regs rax=0x1 rax=0x1"},
    {3, "seg"},
    {3, "seg index=0"},
    {3, "seg index=1 skip"},
    {3, "seg index=-1 skip"},
    {3, "seg index=99999999999 skip"},
    {3, "seg index=0 skip skip"},
    {3, "seg index=0 digest=ok"},
    {3, "seg index=0 digest=ok found=0x1"},
    {3, "seg index=0 digest=maybe found=0x1 zero=ok"},
    {3, "seg index=0 digest=ok found=0x1 zero=bad"},
    {3, "seg index=0 digest=ok found=0x1 zero=ok at=0x1"},
    {3, std::string("seg index=0 \x1b[2Jskip")},
    {3, "seg index=0 " + std::string(600, 'a')},
    {6, "end"},
    {6, "end count=2 bad=0"},
    {6, "end count=3 bad=x"},
    {6, "fault seg=x cause=0x1 pc=0x1 address=0x1"},
};

TEST(WitnessReport, RefusesWhatIsNotInTheGrammar) {
  for (const auto& [index, record] : refused) {
    auto report = report_of(first(index));
    const auto registers = report.registers();
    const auto findings = report.findings().size();
    const auto progress = report.progress();
    const auto status = report.take(as_bytes(record));
    ASSERT_FALSE(status) << record;
    EXPECT_EQ(status.error().code, Errc::protocol) << record;
    EXPECT_EQ(report.refused(), 1u) << record;
    EXPECT_EQ(report.registers(), registers) << record;
    EXPECT_EQ(report.findings().size(), findings) << record;
    EXPECT_EQ(report.progress(), progress) << record;
    EXPECT_TRUE(report.take(as_bytes(good()[index]))) << "the right record after: " << record;
  }
}

TEST(WitnessReport, RefusesARecordThatIsTooLongHoweverGood) {
  auto report = report_of(first(1));
  std::string record = "regs";
  for (int i = 100; record.size() <= 512; ++i) record += " register" + std::to_string(i) + "=0x1111111111111111";
  EXPECT_FALSE(report.take(as_bytes(record)));
  EXPECT_TRUE(report.take(as_bytes(record.substr(0, record.rfind(' ')))));
}

TEST(WitnessReport, TakesNoEndOfRegisters) {
  auto report = report_of(first(1));
  for (int i = 0; i < 1000; ++i) (void)report.take(as_bytes("regs r" + std::to_string(i) + "=0x1"));
  EXPECT_EQ(report.registers().size(), 256u);
  EXPECT_EQ(report.refused(), 1000u - 256u);
}

}  // namespace
}  // namespace kexlab::witness
