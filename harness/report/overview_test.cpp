// SPDX-License-Identifier: Apache-2.0
// What works on each target, from results to table.
#include "harness/report/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace kexlab::report {
namespace {

using engine::CaseResult;
using engine::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;

CaseResult result(std::string id, std::string target, Outcome outcome, bool restored = false) {
  CaseResult out{.id = std::move(id), .target = std::move(target), .kernel = "small", .outcome = outcome};
  if (restored) out.figures["restore_s"] = 0.5;
  return out;
}

Stored a_run() {
  Stored stored;
  stored.started.id = "one";
  stored.started.kernels = {{"big/small", "Debian package small 1"}};
  stored.results = {result("contract/a", "big", Outcome::passed),    result("contract/b", "big", Outcome::failed),
                    result("contract/c", "big", Outcome::skipped),   result("layout/a", "big", Outcome::passed, true),
                    result("contract/a", "little", Outcome::failed), result("jump/a", "big", Outcome::skipped)};
  return stored;
}

std::vector<Target> targets() {
  Target big{.name = "big", .machine = "virt", .cpu = "max", .page_size = 65536};
  Target little{.name = "little", .machine = "virt", .cpu = "max"};
  little.limitations = {{"crash", "it has no crash kernels", "Kconfig"}};
  return {big, little, Target{.name = "none", .machine = "virt", .cpu = "max"}};
}

std::vector<std::string> row(const std::string& table, std::string_view target) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<std::string> out{std::istream_iterator<std::string>(words), {}};
    if (!out.empty() && out.front() == target) return out;
  }
  return {};
}

TEST(Overview, CountsByTargetAndFolder) {
  const auto all = overview_of(a_run());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].target, "big");
  EXPECT_EQ(all[0].origin, "Debian package small 1");
  EXPECT_EQ(all[0].run, "one");
  EXPECT_EQ(all[0].folders.at("contract").passed, 1u);
  EXPECT_EQ(all[0].folders.at("contract").failed, 1u);
  EXPECT_EQ(all[0].folders.at("contract").skipped, 1u);
  EXPECT_EQ(all[0].restored, 1u);
  EXPECT_EQ(all[1].restored, 0u);
}

// "-" is not tried, "no" is known not to be, a number is what was seen.
TEST(Overview, TableTellsWhatWasNotTriedFromWhatCannotBe) {
  const auto table =
      overview_table(targets(), {{"ia", "it has no emulator", "QEMU"}}, overview_of(a_run()), TableForm::text);
  EXPECT_THAT(row(table, "big"),
              ElementsAre("big", "virt", "max", "64K", "small", "yes", "1/2", "1/1", "-", "-", "-", "yes", "-"));
  EXPECT_THAT(row(table, "little"),
              ElementsAre("little", "virt", "max", "4K", "small", "no", "0/1", "-", "-", "no", "-", "-", "-"));
  EXPECT_THAT(row(table, "none"),
              ElementsAre("none", "virt", "max", "4K", "-", "-", "-", "-", "-", "-", "-", "-", "-"));
  EXPECT_THAT(table, HasSubstr("little cannot `crash`: it has no crash kernels (Kconfig)"));
  EXPECT_THAT(table, HasSubstr("ia: it has no emulator (QEMU)"));
}

TEST(Overview, MarkdownIsTheSameTable) {
  const auto table =
      overview_table(targets(), {{"ia", "it has no emulator", "QEMU"}}, overview_of(a_run()), TableForm::markdown);
  EXPECT_THAT(table, HasSubstr("| big | virt | max | 64K | small | yes | 1/2 | 1/1 | - | - | - | yes | - |\n"));
  EXPECT_THAT(table, HasSubstr("- little cannot `crash`"));
}

TEST(Overview, LastRunOfATargetCounts) {
  Stored later = a_run();
  later.started.id = "two";
  later.results = {result("contract/a", "little", Outcome::passed)};
  const auto merged = merge_overviews({overview_of(a_run()), overview_of(later)});
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].run, "one");
  EXPECT_EQ(merged[1].run, "two");
  EXPECT_EQ(merged[1].folders.at("contract").passed, 1u);
}

TEST(Overview, MeasurementsAndCasesOfAKernelShareARow) {
  Overview measured{.target = "big", .kernel = "small"};
  measured.counted = 7;
  measured.repeated = 6;
  for (const auto& order : {std::vector{overview_of(a_run()), std::vector{measured}},
                            std::vector{std::vector{measured}, overview_of(a_run())}}) {
    const auto merged = merge_overviews(order);
    ASSERT_EQ(merged.size(), 2u);
    EXPECT_EQ(merged[0].folders.at("contract").passed, 1u);
    EXPECT_THAT(row(overview_table(targets(), {}, merged, TableForm::text), "big").back(), "6/7");
  }
}

TEST(Overview, IsReadBackAsItWasWritten) {
  const auto file = std::filesystem::path(testing::TempDir()) / "overview.json";
  auto all = overview_of(a_run());
  all[0].counted = 3;
  std::ofstream(file) << overview_json(all);
  const auto read = read_overview(file);
  ASSERT_TRUE(read) << read.error().str();
  EXPECT_EQ(overview_json(*read), overview_json(all));
  std::ofstream(file) << "[{}]";
  const auto broken = read_overview(file);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Errc::corrupt);
  EXPECT_THAT(broken.error().str(), HasSubstr("overview.json"));
  std::filesystem::remove(file);
}

// To mend it: kexlab list --targets --format markdown --results results/overview.json
TEST(Overview, ReadmeShowsWhatRowsAndKeptResultsGive) {
  const std::filesystem::path top = KEXLAB_SOURCE_DIR;
  const auto kept = read_overview(top / "results/overview.json");
  ASSERT_TRUE(kept) << kept.error().str();
  std::stringstream readme;
  readme << std::ifstream(top / "README.md").rdbuf();
  const auto table = overview_table(all_targets(), unemulated_targets(), merge_overviews({*kept}), TableForm::markdown);
  for (std::string line; const char c : table) {
    if (c != '\n') line += c;
    if (c != '\n') continue;
    EXPECT_NE(readme.str().find(line + "\n"), std::string::npos) << "not in README.md: " << line;
    line.clear();
  }
}

}  // namespace
}  // namespace kexlab::report
