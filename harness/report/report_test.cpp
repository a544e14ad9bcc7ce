// SPDX-License-Identifier: Apache-2.0
// Reporters: what they store can be read again, also where it was cut; what they print is what the formats say.
#include "harness/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <pugixml.hpp>

#include "harness/engine/run.h"
#include "harness/report/json.h"
#include "harness/report/testing_events.h"

namespace kexlab::report {
namespace {

using engine::CaseFinished;
using engine::CaseResult;
using engine::Event;
using engine::Outcome;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing_events::failed_case;
using testing_events::one_of_each_kind;
using testing_events::one_of_each_outcome;
using testing_events::passed_case;

namespace fs = std::filesystem;

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ReportTest : public testing::Test {
 protected:
  ReportTest() {
    std::string name = (fs::temp_directory_path() / "kexlab-report-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ / "results.jsonl";
  }
  ~ReportTest() override { fs::remove_all(folder_); }

  void store(const std::vector<Event>& events, bool append = false) {
    auto sink = make_json_lines(file_, append, [this](const Error& error) { troubles_.push_back(error); });
    ASSERT_TRUE(sink) << sink.error().str();
    for (const auto& event : events) (*sink)->on(event);
  }
  void add_text(std::string_view text) { std::ofstream(file_, std::ios::app | std::ios::binary) << text; }

  /// What a reporter prints for some events.
  template <class Make>
  std::string printed(const std::vector<Event>& events, Make make) {
    const fs::path out = folder_ / "out";
    std::FILE* stream = std::fopen(out.c_str(), "w");
    {
      auto sink = make(stream);
      for (const auto& event : events) sink->on(event);
    }
    std::fclose(stream);
    return contents(out);
  }

  fs::path folder_, file_;
  std::vector<Error> troubles_;
};

std::vector<std::string> ids(const Stored& stored) {
  std::vector<std::string> all;
  for (const auto& one : stored.results) all.push_back(one.id);
  return all;
}

Event end(bool interrupted = false) {
  engine::RunFinished finished;
  finished.interrupted = interrupted;
  return finished;
}

// JSON lines.

TEST_F(ReportTest, what_is_stored_comes_back_in_every_member) {
  store(one_of_each_kind());
  const auto stored = read_results(file_);
  ASSERT_TRUE(stored) << stored.error().str();
  EXPECT_EQ(stored->started.id, "20260101T000000Z-abcd");
  EXPECT_EQ(stored->started.kernels.at("arm64/k"), "made up sha256:0");
  EXPECT_EQ(stored->started.host.at("cores"), "2");
  EXPECT_EQ(stored->started.cases, 5U);
  EXPECT_THAT(stored->started.wanted, ElementsAre("reboot/*", "tag:smoke"));
  EXPECT_THAT(stored->started.targets, ElementsAre("arm64"));
  EXPECT_EQ(stored->started.kernel, "path/to/Image");
  EXPECT_EQ(stored->started.next, "debian-6.12");
  EXPECT_TRUE(stored->finished);
  ASSERT_THAT(stored->results, SizeIs(1));
  // to_json has every member, so equal JSON is an equal result.
  EXPECT_EQ(to_json(CaseFinished{stored->results[0]}), to_json(CaseFinished{failed_case()}));
  const auto& result = stored->results[0];
  const auto want = failed_case();
  EXPECT_EQ(result.parameters, want.parameters);
  EXPECT_EQ(result.outcome, want.outcome);
  EXPECT_EQ(result.figures, want.figures);
  EXPECT_EQ(result.console_tail, want.console_tail);
  EXPECT_EQ(result.diagnosis, want.diagnosis);
  EXPECT_EQ(result.rule, want.rule);
  ASSERT_THAT(result.steps, SizeIs(2));
  EXPECT_FALSE(result.steps[1].good);
  EXPECT_EQ(result.steps[1].expected, "ok");
}

TEST_F(ReportTest, progress_is_not_stored) {
  store({engine::Progressed{"fetching", 0.5}, CaseFinished{passed_case("a")}});
  EXPECT_EQ(contents(file_).find("progress"), std::string::npos);
  const std::string text = contents(file_);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(ReportTest, the_last_result_of_a_key_counts_and_keeps_its_place) {
  auto again = passed_case("a");
  again.outcome = Outcome::failed;
  store({CaseFinished{passed_case("a")}, CaseFinished{passed_case("b")}, CaseFinished{again}});
  const auto stored = read_results(file_);
  EXPECT_THAT(ids(*stored), ElementsAre("a", "b"));
  EXPECT_EQ(stored->results[0].outcome, Outcome::failed);
  EXPECT_FALSE(stored->finished);
}

TEST_F(ReportTest, a_finished_run_that_was_begun_again_is_not_finished) {
  store({testing_events::started(), end(), testing_events::started()});
  EXPECT_FALSE(read_results(file_)->finished);
}

TEST_F(ReportTest, an_interrupted_end_is_not_finished) {
  store({CaseFinished{passed_case("a")}, end(true)});
  EXPECT_FALSE(read_results(file_)->finished);
}

TEST_F(ReportTest, a_last_line_cut_at_any_byte_loses_only_itself) {
  store({CaseFinished{passed_case("a")}});
  const std::string first = contents(file_);
  const std::string second = to_json(CaseFinished{passed_case("b")}) + "\n";
  for (std::size_t size = 0; size < second.size() - 1; ++size) {
    std::ofstream(file_, std::ios::binary) << first << second.substr(0, size);
    const auto stored = read_results(file_);
    ASSERT_TRUE(stored) << size << ": " << stored.error().str();
    ASSERT_THAT(ids(*stored), ElementsAre("a")) << size;
  }
}

TEST_F(ReportTest, a_resumed_run_goes_on_behind_half_a_line) {
  store({CaseFinished{passed_case("a")}});
  add_text(to_json(CaseFinished{passed_case("b")}).substr(0, 40));
  store({CaseFinished{passed_case("c")}, end()}, true);
  const auto stored = read_results(file_);
  ASSERT_TRUE(stored) << stored.error().str();
  EXPECT_THAT(ids(*stored), ElementsAre("a", "c"));
  EXPECT_TRUE(stored->finished);
}

TEST_F(ReportTest, appending_keeps_and_starting_cuts) {
  store({CaseFinished{passed_case("a")}});
  store({CaseFinished{passed_case("b")}}, true);
  EXPECT_THAT(ids(*read_results(file_)), ElementsAre("a", "b"));
  store({CaseFinished{passed_case("c")}});
  EXPECT_THAT(ids(*read_results(file_)), ElementsAre("c"));
}

struct Corrupt {
  const char* name;
  std::string line;
  const char* says;
};

TEST_F(ReportTest, a_corrupt_line_is_told_with_its_number) {
  auto without_reason = to_json_value(CaseFinished{passed_case("b")});
  without_reason.erase("reason");
  auto unknown_outcome = to_json_value(CaseFinished{passed_case("b")});
  unknown_outcome["outcome"] = "fine";
  auto wrong_type = to_json_value(CaseFinished{passed_case("b")});
  wrong_type["seconds"] = "long";
  const Corrupt rows[] = {{"noise", "noise}", "is no JSON object"},
                          {"list", "[{\"type\": \"case\"}, {}]}", "is no JSON object"},
                          {"a_key_is_missing", without_reason.dump(), "reason"},
                          {"an_outcome_that_is_none", unknown_outcome.dump(), "unknown outcome \"fine\""},
                          {"another_type", wrong_type.dump(), "type"},
                          {"a_type_that_is_no_text", "{\"type\": 7}", "type"},
                          {"a_run_without_id", "{\"type\": \"run\"}", "id"},
                          {"interrupted_is_no_truth_value", "{\"type\": \"end\", \"interrupted\": 3}", "type"}};
  for (const auto& row : rows) {
    store({CaseFinished{passed_case("a")}});
    add_text(row.line + "\n" + to_json(CaseFinished{passed_case("c")}) + "\n");
    const auto stored = read_results(file_);
    ASSERT_FALSE(stored) << row.name;
    EXPECT_EQ(stored.error().code, Errc::corrupt) << row.name;
    EXPECT_THAT(stored.error().str(), AllOf(HasSubstr("results.jsonl:2"), HasSubstr(row.says))) << row.name;
  }
}

TEST_F(ReportTest, a_missing_file_is_told) { EXPECT_EQ(read_results(folder_ / "none").error().code, Errc::not_found); }

TEST_F(ReportTest, a_full_disk_is_told_once) {
  auto sink = make_json_lines("/dev/full", true, [this](const Error& error) { troubles_.push_back(error); });
  ASSERT_TRUE(sink) << sink.error().str();
  for (int i = 0; i < 5; ++i) (*sink)->on(CaseFinished{passed_case("a")});
  ASSERT_THAT(troubles_, SizeIs(1));
  EXPECT_EQ(troubles_[0].code, Errc::no_space);
  EXPECT_THAT(troubles_[0].str(), HasSubstr("/dev/full"));
}

TEST_F(ReportTest, a_folder_that_cannot_be_written_is_an_error) {
  const auto sink = make_json_lines(folder_ / "no/such/folder.jsonl", false, [](const Error&) {});
  ASSERT_FALSE(sink);
  EXPECT_THAT(sink.error().str(), HasSubstr("--results"));
}

TEST_F(ReportTest, bytes_that_are_no_utf8_are_replaced) {
  auto result = passed_case("a");
  result.about = "caf\xe9 \xff";
  store({CaseFinished{result}});
  const auto stored = read_results(file_);
  ASSERT_TRUE(stored) << stored.error().str();
  EXPECT_EQ(stored->results[0].about, "caf\xef\xbf\xbd \xef\xbf\xbd");
}

// Files that belong to results.

CaseResult case_with_attachments() {
  auto result = failed_case();
  result.attachments = {{"calls.yaml", "name: one\n"}, {"more.txt", ""}};
  return result;
}

TEST_F(ReportTest, attachments_are_stored_under_the_name_of_their_case) {
  const auto result = case_with_attachments();
  auto sink = make_attachments(folder_ / "found", [this](const Error& error) { troubles_.push_back(error); });
  sink->on(CaseFinished{passed_case("a")});
  EXPECT_FALSE(fs::exists(folder_ / "found")) << "nothing was found";
  sink->on(CaseFinished{result});
  EXPECT_THAT(troubles_, IsEmpty());
  for (const auto& attachment : result.attachments) {
    const auto file = engine::attachment_file(folder_ / "found", result, attachment);
    EXPECT_EQ(file.parent_path(), folder_ / "found") << "an id is no path";
    EXPECT_TRUE(fs::exists(file)) << file;
    EXPECT_EQ(contents(file), attachment.text);
  }
}

TEST_F(ReportTest, attachments_that_cannot_be_written_are_told) {
  auto sink = make_attachments("/proc/no", [this](const Error& error) { troubles_.push_back(error); });
  sink->on(CaseFinished{case_with_attachments()});
  EXPECT_THAT(troubles_, SizeIs(2));
}

// JUnit XML.

TEST_F(ReportTest, junit_counts_and_keeps_the_evidence) {
  const fs::path file = folder_ / "junit.xml";
  auto sink = make_junit(file, [this](const Error& error) { troubles_.push_back(error); });
  for (const auto& event : one_of_each_outcome()) sink->on(event);
  pugi::xml_document document;
  const auto parsed = document.load_file(file.c_str());
  ASSERT_TRUE(parsed) << parsed.description();
  const auto suite = document.child("testsuites").child("testsuite");
  EXPECT_STREQ(suite.attribute("name").value(), "arm64/k");
  EXPECT_EQ(suite.attribute("tests").as_int(), 5);
  EXPECT_EQ(suite.attribute("failures").as_int(), 2);  // failed and timeout
  EXPECT_EQ(suite.attribute("errors").as_int(), 1);
  EXPECT_EQ(suite.attribute("skipped").as_int(), 1);
  EXPECT_STREQ(suite.attribute("timestamp").value(), "2026-01-01T00:00:00Z");
  auto child = [&](const char* id) { return suite.find_child_by_attribute("testcase", "name", id).first_child(); };
  EXPECT_FALSE(child("t/passed"));
  EXPECT_STREQ(child("t/failed[a=#1]").name(), "failure");
  EXPECT_STREQ(child("t/failed[a=#1]").attribute("type").value(), "failed");
  EXPECT_STREQ(child("t/timeout").name(), "failure");
  EXPECT_STREQ(child("t/timeout").attribute("type").value(), "timeout");
  EXPECT_STREQ(child("t/error").name(), "error");
  EXPECT_STREQ(child("t/skipped").name(), "skipped");
  EXPECT_STREQ(child("t/skipped").attribute("message").value(), "no #witness here");
  EXPECT_THAT(child("t/failed[a=#1]").text().get(),
              AllOf(HasSubstr("BAD  switch: EBUSY (expected ok)"), HasSubstr("last <words> & ]]> more"),
                    HasSubstr("again: kexlab run")));
}

// XML 1.0 has no way at all to write most control characters; a file with one in it cannot be read.
TEST_F(ReportTest, junit_with_control_characters_is_still_xml) {
  const fs::path file = folder_ / "junit.xml";
  auto sink = make_junit(file, [](const Error&) {});
  auto result = failed_case();
  result.reason = std::string("bell\x07 nul\0 escape\x1b[31m", 22);
  result.console_tail = "\x01\x08\x0b\x0c\x1f tab\t\nlatin\xe9\xff\xc3\xa9\xed\xa0\x80\xef\xbf\xbf\n";
  result.id = "t/\x02";
  sink->on(CaseFinished{result});
  sink->on(end());
  const std::string text = contents(file);
  for (const char c : text)
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') << static_cast<int>(c);
  for (const char* bad :
       {"&#x1b;", "&#27;", "&#7;", "&#07;", "&#02;", "&#2;", "\xe9\xff", "\xed\xa0\x80", "\xef\xbf\xbf"})
    EXPECT_THAT(text, Not(HasSubstr(bad)));
  EXPECT_THAT(text, HasSubstr("latin"));
  EXPECT_THAT(text, HasSubstr("\xc3\xa9"));
  pugi::xml_document document;
  EXPECT_TRUE(document.load_file(file.c_str()));
}

TEST_F(ReportTest, junit_that_cannot_be_written_is_told) {
  auto sink = make_junit(folder_ / "no/folder.xml", [this](const Error& error) { troubles_.push_back(error); });
  sink->on(end());
  ASSERT_THAT(troubles_, SizeIs(1));
  EXPECT_THAT(troubles_[0].str(), HasSubstr("folder.xml"));
}

TEST_F(ReportTest, junit_on_a_full_disk_is_told) {
  auto sink = make_junit("/dev/full", [this](const Error& error) { troubles_.push_back(error); });
  for (const auto& event : one_of_each_outcome()) sink->on(event);
  EXPECT_THAT(troubles_, SizeIs(1));
}

// KTAP.

TEST_F(ReportTest, ktap_is_exact) {
  const auto text = printed(one_of_each_outcome(), [](std::FILE* out) { return make_ktap(out); });
  EXPECT_EQ(text, R"(KTAP version 1
1..5
# a notice
# of two lines
ok 1 - t/passed@arm64/k
# failed: the kernel answered EBUSY, expected ok
# last <words> & ]]> more
# second line
# again: kexlab run 't/failed[a=#1]' --target arm64
not ok 2 - t/failed[a=_1]@arm64/k
# error: the host could not
# again: kexlab run t/error
not ok 3 - t/error@arm64/k
# timeout: nothing came
# again: kexlab run t/timeout
not ok 4 - t/timeout@arm64/k # TIMEOUT
ok 5 - t/skipped@arm64/k # SKIP no #witness here
# Totals: pass:1 fail:2 xfail:0 xpass:0 skip:1 error:1
)");
}

TEST_F(ReportTest, ktap_results_are_one_line_each) {
  const auto text =
      printed({CaseFinished{testing_events::bad_case("a\nnot ok 7", Outcome::skipped, "two\nnot ok 9 lines")}},
              [](std::FILE* out) { return make_ktap(out); });
  EXPECT_EQ(text, "ok 1 - a not ok 7@arm64/k # SKIP two not ok 9 lines\n");
}

TEST_F(ReportTest, ktap_says_that_a_run_was_interrupted) {
  const auto text = printed({end(true)}, [](std::FILE* out) { return make_ktap(out); });
  EXPECT_THAT(text, HasSubstr("Bail out! the run was interrupted\n"));
}

// The terminal.

TEST_F(ReportTest, a_log_has_no_escape_bytes_and_a_terminal_has) {
  auto events = one_of_each_outcome();
  events.insert(events.begin() + 1, engine::CaseStarted{"t/passed", "arm64", "k"});
  events.insert(events.begin() + 2, engine::Progressed{"fetching", 0.5});
  for (const bool verbose : {false, true}) {
    const auto plain =
        printed(events, [&](std::FILE* out) { return make_terminal(out, {.living = false, .verbose = verbose}); });
    EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
    EXPECT_THAT(plain, Not(HasSubstr("\r")));
    EXPECT_THAT(plain, AllOf(HasSubstr("failed  arm64        t/failed[a=#1]"), HasSubstr("at case.yaml:7"),
                             HasSubstr("again: kexlab run"), HasSubstr("| second line")));
    EXPECT_EQ(plain.find("guest  ") != std::string::npos, verbose);
  }
  const auto living = printed(events, [](std::FILE* out) { return make_terminal(out, {.living = true}); });
  EXPECT_THAT(living, HasSubstr("\x1b[31m"));
  EXPECT_THAT(living, HasSubstr("\r\x1b[2Kfetching  50%"));
}

TEST_F(ReportTest, the_living_line_fits_the_terminal) {
  const auto text = printed({engine::Progressed{std::string(500, 'x'), -1}},
                            [](std::FILE* out) { return make_terminal(out, {.living = true, .width = 40}); });
  EXPECT_EQ(std::count(text.begin(), text.end(), 'x'), 39);
}

TEST_F(ReportTest, an_interrupted_run_says_how_to_go_on) {
  engine::RunFinished finished;
  finished.interrupted = true;
  finished.results = "kexlab-results/one";
  const auto text = printed({finished}, [](std::FILE* out) { return make_terminal(out, {}); });
  EXPECT_THAT(text, AllOf(HasSubstr("INTERRUPTED"), HasSubstr("kexlab run --resume kexlab-results/one")));
}

TEST(Table, has_a_row_for_each_kernel_and_the_reasons_of_skips) {
  std::vector<CaseResult> results;
  for (const auto& event : one_of_each_outcome()) {
    if (const auto* one = std::get_if<CaseFinished>(&event)) results.push_back(one->result);
  }
  auto other = passed_case("t/passed");
  other.kernel = "other";
  for (const double ns : {1e6, 5e6, 3e6}) {
    other.figures["load_ns"] = ns;
    results.push_back(other);
  }
  const std::string text = table(results);
  EXPECT_THAT(text, testing::ContainsRegex("arm64 k +1 +1 +1 +1 +1 +2\\.00 ms +- +0\\.50 s\n"));
  EXPECT_THAT(text, testing::ContainsRegex("arm64 other +3 +0 +0 +0 +0 +3\\.00 ms +- +-\n"));
  EXPECT_THAT(text, HasSubstr("skipped   1 on arm64: no #witness here\n"));
}

}  // namespace
}  // namespace kexlab::report
