// SPDX-License-Identifier: Apache-2.0
// The embedded table holds what the rest relies on, and mistakes in a table are told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "harness/targets/target.h"

namespace kexlab {
namespace {

using testing::HasSubstr;

TEST(Targets, TheEmbeddedTableIsRight) {
  const auto status = targets_status();
  ASSERT_TRUE(status) << status.error().str();
  EXPECT_THAT(target_names(), testing::IsSupersetOf({"x86_64", "arm64"}));
}

class EveryTarget : public testing::TestWithParam<Target> {};

TEST_P(EveryTarget, KeepsTheInvariants) {
  const Target& row = GetParam();
  EXPECT_TRUE(std::has_single_bit(row.page_size));
  EXPECT_EQ(row.witness_address % row.page_size, 0u);
  EXPECT_NE(row.witness_address, 0u);
  EXPECT_LT(row.crashkernel_mib, row.crash_memory_mib);
  EXPECT_THAT(row.qemu, testing::StartsWith("qemu-system-"));
  EXPECT_THAT(row.channel.device, testing::AnyOf(testing::StartsWith("/dev/"), testing::StartsWith("virtio:")));
  EXPECT_NE(row.channel.device, "/dev/" + row.console) << "the channel must not be the console";
  for (const auto& word : row.cmdline) EXPECT_FALSE(word.reason.empty()) << word.value;
  for (const auto& limitation : row.limitations) EXPECT_FALSE(limitation.source.empty()) << limitation.feature;
}
INSTANTIATE_TEST_SUITE_P(Table, EveryTarget, testing::ValuesIn(all_targets()),
                         [](const auto& row) { return row.param.name; });

TEST(Targets, X8664IsReadAsWritten) {
  const Target* row = find_target("x86_64");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->triplet, "x86_64-linux-gnu");
  EXPECT_EQ(row->debian_arch, "amd64");
  EXPECT_EQ(row->machine, "q35");
  EXPECT_EQ(row->witness_address, 0x4000000u);
  EXPECT_EQ(row->channel.device, "/dev/ttyS1");
  EXPECT_EQ(row->limit("no such feature"), nullptr);
}

TEST(Targets, AnUnknownNameIsToldWithTheNearest) {
  EXPECT_EQ(find_target("x86-64"), nullptr);
  const auto row = require_target("x86-64");
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().code, Errc::not_found);
  EXPECT_THAT(row.error().hint, HasSubstr("`x86_64`"));
  EXPECT_EQ(*require_target("arm64"), find_target("arm64"));
}

constexpr std::string_view sane =
    "- name: a\n  triplet: t\n  debian_arch: d\n  qemu: qemu-system-a\n  qemu_package: p\n  machine: m\n  cpu: c\n"
    "  console: ttyS0\n  channel: {device: /dev/x, qemu: [\"{chardev}\"]}\n  witness_address: 0x1000\n";

TEST(Targets, ASmallRowGetsDefaults) {
  const auto rows = parse_targets(sane, "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  EXPECT_EQ(rows->at(0).page_size, 4096u);
  EXPECT_EQ(rows->at(0).limit("snapshot"), nullptr);
}

TEST(Targets, WhatIsTakenFromAnotherSuiteIsReadAsWritten) {
  const auto rows = parse_targets(
      std::string(sane) + "  qemu_suite: trixie\n  firmware_package: f\n  compiler_suite: forky\n", "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  EXPECT_EQ(rows->at(0).qemu_suite, "trixie");
  EXPECT_EQ(rows->at(0).firmware_package, "f");
  EXPECT_EQ(rows->at(0).compiler_suite, "forky");
  const auto own = parse_targets(sane, "t.yaml");
  ASSERT_TRUE(own) << own.error().str();
  EXPECT_EQ(own->at(0).qemu_suite + own->at(0).firmware_package + own->at(0).compiler_suite, "");
}

TEST(Targets, ALevelIsFoundByItsName) {
  const auto rows = parse_targets(std::string(sane) +
                                      "  levels: [{name: one, machine: a=on}, {name: two, machine: b=on, cpu: c,"
                                      " limitations: [{feature: snapshot, cause: c, source: s}]}]\n",
                                  "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  ASSERT_NE(rows->at(0).find_level("two"), nullptr);
  EXPECT_EQ(rows->at(0).find_level("two")->machine + rows->at(0).find_level("two")->cpu, "b=onc");
  EXPECT_NE(rows->at(0).find_level("two")->limit("snapshot"), nullptr);
  EXPECT_EQ(rows->at(0).find_level("one")->limit("snapshot"), nullptr);
  EXPECT_EQ(rows->at(0).limit("snapshot"), nullptr) << "at the usual level it can";
  EXPECT_EQ(rows->at(0).find_level("three"), nullptr);
}

TEST(Targets, FirmwareIsFoundByItsName) {
  const auto rows =
      parse_targets(std::string(sane) + "  firmware: [{name: uefi, package: ovmf, qemu: ../ovmf/a.fd}]\n", "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  ASSERT_NE(rows->at(0).find_firmware("uefi"), nullptr);
  EXPECT_EQ(rows->at(0).find_firmware("uefi")->package, "ovmf");
  EXPECT_EQ(rows->at(0).find_firmware("uefi")->qemu, "../ovmf/a.fd");
  EXPECT_EQ(rows->at(0).find_firmware("bios"), nullptr);
}

TEST(Targets, ALimitationIsFoundByItsFeature) {
  const auto rows =
      parse_targets(std::string(sane) + "  limitations: [{feature: snapshot, cause: none, source: QEMU}]\n", "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  ASSERT_NE(rows->at(0).limit("snapshot"), nullptr);
  EXPECT_EQ(rows->at(0).limit("snapshot")->cause, "none");
}

TEST(Targets, ALimitationMayBeOfSomeKernelsAlone) {
  const auto rows = parse_targets(
      std::string(sane) + "  limitations: [{feature: file_model, cause: c, source: s, config: KEXEC_FILE}]\n",
      "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  EXPECT_EQ(rows->at(0).limitations.at(0).config, "KEXEC_FILE");
}

TEST(Targets, WhatNothingEmulatesIsToldWithItsCause) {
  EXPECT_EQ(find_target("ia64"), nullptr);
  const auto row = require_target("ia64");
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().code, Errc::unsupported);
  EXPECT_THAT(row.error().broke, HasSubstr("Itanium"));
}

TEST(Targets, ARowWithoutAnEmulatorIsNoTarget) {
  const std::string text = std::string(sane) + "- name: b\n  no_emulator: {cause: none was made, source: a book}\n";
  const auto rows = parse_targets(text, "t.yaml");
  ASSERT_TRUE(rows) << rows.error().str();
  EXPECT_EQ(rows->size(), 1u);
  const auto others = parse_unemulated(text, "t.yaml");
  ASSERT_TRUE(others) << others.error().str();
  ASSERT_EQ(others->size(), 1u);
  EXPECT_EQ(others->at(0).name, "b");
  EXPECT_EQ(others->at(0).cause, "none was made");
  const auto both = parse_unemulated("- {name: b, no_emulator: {cause: c, source: s}, machine: virt}", "t.yaml");
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().str(), HasSubstr("machine"));
}

struct Mistake {
  const char* name;
  std::string text;
  const char* where;
  const char* broke;
};
void PrintTo(const Mistake& row, std::ostream* out) { *out << row.name; }
class TargetsMistake : public testing::TestWithParam<Mistake> {};
TEST_P(TargetsMistake, IsTold) {
  const auto rows = parse_targets(GetParam().text, "t.yaml");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().asked, GetParam().where);
  EXPECT_THAT(rows.error().str(), HasSubstr(GetParam().broke));
}
INSTANTIATE_TEST_SUITE_P(
    Rows, TargetsMistake,
    testing::Values(Mistake{"no_list", "name: a\n", "t.yaml:1:1", "list of rows"},
                    Mistake{"no_console", "- name: a\n  consol: b\n", "t.yaml:2:3", "did you mean `console`?"},
                    Mistake{"twice", std::string(sane) + std::string(sane), "t.yaml:11:3", "second time"},
                    Mistake{"page_size", std::string(sane) + "  page_size: 5000\n", "t.yaml:1:3", "no power of two"},
                    Mistake{"memory", std::string(sane) + "  memory_mib: 1\n", "t.yaml:11:15", "from 16 to"},
                    Mistake{"crash", std::string(sane) + "  crashkernel_mib: 768\n", "t.yaml:1:3", "does not fit"},
                    Mistake{"no_reason", std::string(sane) + "  cmdline: [{value: quiet}]\n", "t.yaml:11:13",
                            "has no `reason`"},
                    Mistake{"empty_reason", std::string(sane) + "  cmdline: [{value: quiet, reason: \"\"}]\n",
                            "t.yaml:11:13", "empty reason"}),
    [](const auto& row) { return row.param.name; });

TEST(Targets, AChannelWithoutItsChardevIsTold) {
  std::string text(sane);
  text.replace(text.find("{chardev}"), 9, "chardev");
  const auto rows = parse_targets(text, "t.yaml");
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().broke, HasSubstr("{chardev}"));
}

}  // namespace
}  // namespace kexlab
