// SPDX-License-Identifier: Apache-2.0
// Scenarios as users write them: what they expand into, and what is told where one is wrong.
#include "harness/scenario/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "harness/scenario/words.h"
#include "harness/targets/target.h"

namespace kexlab::scenario {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* adjacent = R"(name: layout/adjacent-and-overlapping
about: Segments that touch are accepted; segments that share a byte are refused.
targets: all
tags: [layout]
matrix:
  gap: [0, -1 page, +1 page]
load:
  segments:
    - {at: ram + 64 MiB, size: 4 pages, fill: pattern 1}
    - {at: previous end + $gap, size: 4 pages, fill: pattern 2}
expect: model
then: land on witness
)";

std::vector<Case> cases_of(const std::string& text) {
  auto scenarios = parse_scenarios(text, "s.yaml");
  if (!scenarios) {
    ADD_FAILURE() << scenarios.error().str();
    return {};
  }
  auto cases = expand(scenarios->at(0));
  if (!cases) {
    ADD_FAILURE() << cases.error().str();
    return {};
  }
  return *cases;
}

/// The steps of a scenario that consists of `steps:` alone.
std::vector<Step> steps_of(const std::string& steps, const std::string& keys = "") {
  auto cases = cases_of("name: a\nabout: b\n" + keys + "steps:\n" + steps);
  return cases.empty() ? std::vector<Step>() : cases[0].steps;
}

template <class Action>
const Action& action(const std::vector<Step>& steps, std::size_t index) {
  static const Action none{};
  if (index < steps.size() && std::holds_alternative<Action>(steps[index].action))
    return std::get<Action>(steps[index].action);
  ADD_FAILURE() << "step " << index << " of " << steps.size() << " is another action";
  return none;
}

TEST(Scenario, TheExampleExpandsIntoItsMatrix) {
  const auto cases = cases_of(adjacent);
  ASSERT_EQ(cases.size(), 3u);
  EXPECT_EQ(cases[0].id, "layout/adjacent-and-overlapping[gap=0]");
  EXPECT_EQ(cases[1].id, "layout/adjacent-and-overlapping[gap=-1 page]");
  EXPECT_EQ(cases[2].id, "layout/adjacent-and-overlapping[gap=+1 page]");
  EXPECT_THAT(cases[1].parameters, ElementsAre(Pair("gap", "-1 page")));
  EXPECT_THAT(cases[1].tags, ElementsAre("layout"));
  EXPECT_THAT(cases[1].targets, IsEmpty());
  EXPECT_THAT(cases[1].features, ElementsAre("witness"));
}

TEST(Scenario, TheShortFormBecomesALoadAndASwitch) {
  const auto cases = cases_of(adjacent);
  ASSERT_EQ(cases.size(), 3u);
  const auto& steps = cases[1].steps;
  ASSERT_EQ(steps.size(), 2u);
  const auto& load = action<LoadStep>(steps, 0);
  EXPECT_TRUE(load.witness);
  EXPECT_EQ(load.expect.kind, Expectation::Kind::model);
  ASSERT_EQ(load.segments.size(), 2u);
  EXPECT_EQ(load.segments[0].at->text, "ram + 64 MiB");
  EXPECT_EQ(load.segments[1].at->text, "previous end + -1 page");
  EXPECT_EQ(load.segments[1].pattern, 2u);
  const auto& change = action<SwitchStep>(steps, 1);
  EXPECT_EQ(change.land, SwitchStep::Land::witness);
  EXPECT_TRUE(change.if_loaded) << "a refused load has nothing to enter";
  EXPECT_EQ(steps[0].where.line, 7);
  EXPECT_EQ(steps[1].where.line, 12);
}

TEST(Scenario, EveryKeyOfAScenarioIsRead) {
  const auto scenarios = parse_scenarios(R"(name: a/b
about: Something holds.
targets: [arm64]
tags: slow
needs: [CRASH_DUMP, PROC_VMCORE]
features: [snapshot]
since: 6.6
until: "7.0"
guest: {memory: 2 GiB, cpus: 2, cmdline: nokaslr quiet, crashkernel: 256 MiB, level: vhe, firmware: uefi}
deadline: 5 min
steps:
  - unload
)",
                                         "s.yaml");
  ASSERT_TRUE(scenarios) << scenarios.error().str();
  const Scenario& it = scenarios->at(0);
  EXPECT_EQ(it.name, "a/b");
  EXPECT_EQ(it.about, "Something holds.");
  EXPECT_THAT(it.targets, ElementsAre("arm64"));
  EXPECT_THAT(it.tags, ElementsAre("slow"));
  EXPECT_THAT(it.needs, ElementsAre("CRASH_DUMP", "PROC_VMCORE"));
  EXPECT_THAT(it.features, ElementsAre("snapshot"));
  EXPECT_EQ(it.since, "6.6");
  EXPECT_EQ(it.until, "7.0");
  EXPECT_EQ(it.guest, (GuestShape{2048, 2, "nokaslr quiet", "vhe", "uefi", 256}));
  EXPECT_EQ(it.deadline, std::chrono::seconds(300));
  EXPECT_EQ(it.where.str(), "s.yaml:1:1");
}

TEST(Scenario, EveryKeyOfALoadIsRead) {
  const auto steps = steps_of(R"(
  - load:
      segments:
        - {name: low, at: 0x1000, size: 2 pages, data: 100, fill: pattern 7, buf: half}
      witness: false
      crash: true
      order: reverse
      entry: previous start
      flags: [PRESERVE_CONTEXT, 0x40]
      arch: 386
      nr: 17
      array: null
      abi: compat
      as: {uid: 1000, drop: [sys_boot], userns: true, pidns: true}
      times: 3
    expect: EINVAL
)");
  const auto& load = action<LoadStep>(steps, 0);
  ASSERT_EQ(load.segments.size(), 1u);
  EXPECT_EQ(load.segments[0].name, "low");
  EXPECT_EQ(load.segments[0].data->text, "100");
  EXPECT_EQ(load.segments[0].pattern, 7u);
  EXPECT_EQ(load.segments[0].buf.kind, Pointer::half);
  EXPECT_TRUE(load.crash);
  EXPECT_THAT(load.order, ElementsAre("reverse"));
  EXPECT_EQ(load.entry->text, "previous start");
  EXPECT_EQ(load.extra_flags, 0x42u);
  EXPECT_EQ(load.arch, 3u << 16);
  EXPECT_EQ(load.nr_segments, 17u);
  EXPECT_EQ(load.array.kind, Pointer::null);
  EXPECT_EQ(load.abi, "compat");
  EXPECT_EQ(load.as.uid, 1000u);
  EXPECT_THAT(load.as.drop, ElementsAre("sys_boot"));
  EXPECT_TRUE(load.as.user_namespace);
  EXPECT_TRUE(load.as.pid_namespace);
  EXPECT_EQ(load.repeat, 3u);
  EXPECT_EQ(load.expect.error, 22);
  EXPECT_EQ(load.expect.text, "EINVAL");
}

TEST(Scenario, EveryActionIsRead) {
  const auto steps = steps_of(R"(
  - hold
  - load: {kernel: next, initrd: false, cmdline: maxcpus=1, digest: fast}
    expect: EBUSY
  - release:
  - unload: {crash: true, flags: 0x100, as: {uid: 1}}
    expect: EPERM
  - state: {loaded: false, crash_loaded: false, load_disabled: false, crash_size: 160 MiB}
  - read: {path: /proc/cmdline, equals: a, contains: b}
  - write: {path: /x, data: 1}
    expect: ENOENT
  - reboot: {cmd: 0x45584543, magic1: 1, magic2: 2, as: {drop: sys_boot}}
    expect: EPERM
  - file_load:
      kernel: {size: 1 page, edit: [0x1fe = 00 0a, 1=ff], open: busy}
      initrd: none
      cmdline_len: 3
      cmdline_at: half
      flags: [ON_CRASH, DEBUG]
    expect: model
  - switch: {how: crash, land: kernel}
  - vmcore
  - check: {release: self, cmdline: true, initrd: true, generation: 1}
)",
                              "guest: {crashkernel: default}\n");
  ASSERT_EQ(steps.size(), 12u);
  EXPECT_TRUE(std::holds_alternative<HoldStep>(steps[0].action));
  const auto& load = action<LoadStep>(steps, 1);
  EXPECT_EQ(load.kernel, "next");
  EXPECT_FALSE(load.initrd);
  EXPECT_TRUE(load.digest);
  EXPECT_EQ(load.expect.error, 16);
  EXPECT_TRUE(std::holds_alternative<ReleaseStep>(steps[2].action));
  EXPECT_EQ(action<UnloadStep>(steps, 3).extra_flags, 0x100u);
  EXPECT_EQ(action<StateStep>(steps, 4).loaded, false);
  EXPECT_EQ(action<ReadStep>(steps, 5).contains, "b");
  EXPECT_EQ(action<WriteStep>(steps, 6).data, "1");
  EXPECT_EQ(action<RebootStep>(steps, 7).magic2, 2u);
  const auto& file_load = action<FileLoadStep>(steps, 8);
  EXPECT_EQ(file_load.flags, 0xau);
  EXPECT_EQ(file_load.kernel.from, "self");
  EXPECT_EQ(file_load.kernel.open, "busy");
  ASSERT_EQ(file_load.kernel.edits.size(), 2u);
  EXPECT_EQ(file_load.kernel.edits[0].at, 0x1feu);
  EXPECT_EQ(file_load.kernel.edits[0].bytes, (Bytes{std::byte{0}, std::byte{10}}));
  EXPECT_EQ(file_load.initrd.from, "none");
  EXPECT_EQ(file_load.cmdline_len, 3u);
  EXPECT_EQ(file_load.cmdline_at, Pointer::half);
  EXPECT_EQ(action<SwitchStep>(steps, 9).how, SwitchStep::How::crash);
  EXPECT_TRUE(action<SwitchStep>(steps, 9).if_loaded);
  EXPECT_TRUE(std::holds_alternative<VmcoreStep>(steps[10].action));
  EXPECT_EQ(action<CheckStep>(steps, 11).generation, 1u);
}

TEST(Scenario, RepeatedStepsAreWrittenOut) {
  const auto steps = steps_of(
      "  - repeat:\n      times: 3\n      steps:\n        - load: {kernel: self}\n        - switch: reboot\n"
      "  - check: {generation: 3}\n");
  ASSERT_EQ(steps.size(), 7u);
  EXPECT_EQ(action<SwitchStep>(steps, 5).land, SwitchStep::Land::kernel);
}

TEST(Scenario, RepeatedSegmentsLieBehindEachOther) {
  const auto steps =
      steps_of("  - load: {witness: true, segments: [{at: ram, size: 1 page, repeat: 16, gap: 2 pages}]}\n");
  const auto& load = action<LoadStep>(steps, 0);
  ASSERT_EQ(load.segments.size(), 16u);
  EXPECT_EQ(load.segments[0].at->text, "ram");
  auto lookup = [](std::string_view base) -> std::optional<std::uint64_t> {
    return base == "page" ? 0x1000 : 0x100000;
  };
  for (std::size_t i = 1; i < 16; ++i) {
    EXPECT_EQ(*evaluate(*load.segments[i].at, lookup), 0x102000u) << i;
    EXPECT_EQ(load.segments[i].pattern, i + 1) << "every segment has bytes of its own";
  }
  EXPECT_EQ(load.segments[15].name, "segment 16");
}

TEST(Scenario, SegmentsWithoutAPlaceGetOne) {
  const auto normal = steps_of("  - load: {segments: [{size: 1 page}, {size: 1 page}]}\n");
  EXPECT_EQ(action<LoadStep>(normal, 0).segments.at(0).at->text, "ram");
  EXPECT_EQ(action<LoadStep>(normal, 0).segments.at(1).at->text, "previous end");
  const auto crash = steps_of("  - load: {crash: true, segments: {size: 1 page}}\n");
  EXPECT_EQ(action<LoadStep>(crash, 0).segments.at(0).at->text, "crash start");
}

TEST(Scenario, ASwitchLandsOnWhatWasLoaded) {
  const auto steps = steps_of("  - load: {witness: true, segments: {size: 1 page}}\n  - switch: reboot\n");
  EXPECT_EQ(action<SwitchStep>(steps, 1).land, SwitchStep::Land::witness);
}

TEST(Scenario, AWitnessThatComesBackLeavesEverythingAsItWas) {
  const auto cases = cases_of(R"(name: a
about: b
steps:
  - load: {flags: PRESERVE_CONTEXT, witness: true, segments: {size: 1 page}}
  - switch: reboot
  - switch: {how: reboot, land: back}
  - check: {generation: 0}
)");
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(action<SwitchStep>(cases[0].steps, 1).land, SwitchStep::Land::back);
  EXPECT_THAT(cases[0].features, testing::UnorderedElementsAre("witness", "jump"));
}

TEST(Scenario, ACrashAndALookAtItsDumpAreFeaturesOfTheirOwn) {
  const auto cases = cases_of(R"(name: a
about: b
guest: {crashkernel: default}
steps:
  - load: {kernel: self, crash: true}
  - switch: crash
  - vmcore:
)");
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_THAT(cases[0].features, testing::UnorderedElementsAre("kernel", "crash", "vmcore"));
}

TEST(Scenario, ParametersStandInAnyValue) {
  const auto cases = cases_of(R"(name: a
about: With $crash and ${flags}, $$5.
matrix: {crash: [true, false], flags: [ON_CRASH, none], buf: [null, unmapped]}
guest: {crashkernel: default}
load: {crash: $crash, flags: "$flags|0x40", segments: [{size: 1 page, buf: $buf}]}
expect: EINVAL
)");
  ASSERT_EQ(cases.size(), 8u);
  EXPECT_EQ(cases[1].id, "a[crash=true,flags=ON_CRASH,buf=unmapped]");
  EXPECT_EQ(cases[1].about, "With true and ON_CRASH, $5.");
  EXPECT_EQ(action<LoadStep>(cases[0].steps, 0).segments[0].buf.kind, Pointer::null);
  EXPECT_EQ(action<LoadStep>(cases[1].steps, 0).extra_flags, 0x41u);
  EXPECT_EQ(action<LoadStep>(cases[2].steps, 0).extra_flags, 0x40u);
  EXPECT_FALSE(action<LoadStep>(cases[7].steps, 0).crash);
}

TEST(Scenario, SeveralDocumentsAreSeveralScenarios) {
  const std::string text =
      "name: a\nabout: b\nsteps: [unload]\n---\nname: c\nabout: d\nmatrix: {n: [1, 2]}\nsteps: [{load: {nr: $n}}]\n";
  const auto scenarios = parse_scenarios(text, "s.yaml");
  ASSERT_TRUE(scenarios) << scenarios.error().str();
  ASSERT_EQ(scenarios->size(), 2u);
  const auto cases = expand(scenarios->at(1));
  ASSERT_TRUE(cases) << cases.error().str();
  ASSERT_EQ(cases->size(), 2u);
  EXPECT_EQ(cases->at(1).steps.at(0).where.str(), "s.yaml:8:10");
}

TEST(Matches, SelectsByIdNameAndTag) {
  Case item;
  item.id = "layout/adjacent[gap=-1 page]";
  item.scenario = "layout/adjacent";
  item.tags = {"layout", "fast"};
  for (const char* yes : {"layout/adjacent", "layout/*", "*adjacent*", "layout/adjacent[gap=-1 page]",
                          "layout/adjacent[gap=*]", "*", "layout/?djacent", "tag:fast"}) {
    EXPECT_TRUE(matches(item, yes)) << yes;
  }
  for (const char* no : {"layout", "adjacent", "layout/adjacent[gap=0]", "?", "", "tag:fas", "tag:*", "reboot/*"}) {
    EXPECT_FALSE(matches(item, no)) << no;
  }
}

class ScenarioFiles : public testing::Test {
 protected:
  ScenarioFiles() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "sub");
  }
  ~ScenarioFiles() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("kexlab_") + testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ScenarioFiles, AreReadFromFoldersAndSortedByName) {
  write("z.yaml", "name: a\nabout: b\nsteps: [unload]\n");
  write("sub/a.yaml", "name: c\nabout: b\nsteps: [unload]\n---\nname: b\nabout: b\nsteps: [unload]\n");
  write("notes.txt", "not: a scenario");
  const auto scenarios = read_scenarios({folder_.string(), (folder_ / "z.yaml").string()});
  ASSERT_TRUE(scenarios) << scenarios.error().str();
  std::vector<std::string> names;
  for (const Scenario& it : *scenarios) names.push_back(it.name);
  EXPECT_THAT(names, ElementsAre("a", "b", "c"));
}

TEST_F(ScenarioFiles, ThatNameAScenarioTwiceAreTold) {
  const auto first = write("1.yaml", "name: a\nabout: b\nsteps: [unload]\n");
  write("2.yaml", "name: a\nabout: b\nsteps: [unload]\n");
  const auto scenarios = read_scenarios({folder_.string()});
  ASSERT_FALSE(scenarios);
  EXPECT_THAT(scenarios.error().asked, HasSubstr("2.yaml:1:1"));
  EXPECT_THAT(scenarios.error().hint, HasSubstr(first + ":1:1"));
}

TEST_F(ScenarioFiles, ThatAreNotThereAreTold) {
  const auto scenarios = read_scenarios({(folder_ / "none.yaml").string()});
  ASSERT_FALSE(scenarios);
  EXPECT_EQ(scenarios.error().code, Errc::not_found);
}

TEST(Words, EveryLimitationOfATargetNamesAFeature) {
  for (const Target& target : all_targets()) {
    for (const Limitation& limitation : target.limitations) {
      EXPECT_THAT(feature_names(), testing::Contains(limitation.feature)) << target.name;
    }
  }
}

TEST(Words, EveryPointerHasAWord) {
  for (const auto& [name, value] : pointer_words())
    EXPECT_EQ(read_pointer(yaml::Node::scalar({}, name))->kind, value) << name;
  EXPECT_EQ(pointer_words().size(), static_cast<std::size_t>(Pointer::address)) << "an address is written as a number";
}

TEST(Words, APointerMayBeAnAddress) {
  const auto pointer = read_pointer(yaml::Node::scalar({}, "0xfffffffffffff000"));
  ASSERT_TRUE(pointer);
  EXPECT_EQ(pointer->kind, Pointer::address);
  EXPECT_EQ(pointer->address, 0xfffffffffffff000u);
  EXPECT_FALSE(read_pointer(yaml::Node::scalar({}, "0x10000000000000000")));
}

TEST(Words, ArchitecturesAreShifted) {
  EXPECT_EQ(*read_arch(yaml::Node::scalar({}, "X86_64")), 62u << 16);
  EXPECT_EQ(*read_arch(yaml::Node::scalar({}, "default")), 0u);
  EXPECT_EQ(*read_arch(yaml::Node::scalar({}, "0x30000")), 0x30000u);
  EXPECT_EQ(*read_arch(yaml::Node::scalar({}, "own")), std::nullopt);
}

}  // namespace
}  // namespace kexlab::scenario
