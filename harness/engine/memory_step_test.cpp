// SPDX-License-Identifier: Apache-2.0
// The step that looks at memory: what a kernel loses, gets back, and was given.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "harness/engine/case_runner_story.h"

namespace kexlab::engine {
namespace {

constexpr const char* counting = R"(name: t/counting
about: No memory is lost.
steps:
  - memory: {note: true}
  - load: {segments: [{size: 1 page}]}
  - memory: {lost: 1 MiB}
)";
constexpr const char* growing = R"(name: t/growing
about: Memory comes back.
steps:
  - memory: {note: true}
  - load: {segments: [{size: 1 page}]}
  - memory: {grown: 156 MiB}
)";
constexpr const char* same_memory = R"(name: t/same
about: The next kernel has the same memory.
steps:
  - memory: {note: true}
  - load: {kernel: self}
  - switch: reboot
  - memory: {same: true}
)";
constexpr const char* fitting = R"(name: t/fitting
about: The memory is what the guest was given.
guest: {memory: 512 MiB}
steps:
  - memory: {fits: true}
)";
constexpr const char* reserving = R"(name: t/reserving
about: The reservation is what was asked for.
guest: {memory: 512 MiB, crashkernel: 64 MiB}
steps:
  - memory: {fits: true}
)";

constexpr const char* reserved_memory = R"(name: t/reserved
about: The crash kernel's memory is what was reserved for it.
guest: {crashkernel: default}
steps:
  - load: {kernel: self, crash: true}
  - switch: crash
  - memory: {reserved: true}
)";

/// Memory in KiB, before the first load and after it.
std::string meminfo(unsigned total, unsigned free) {
  return fmt::format("MemTotal:       {} kB\nMemFree:        {} kB\n", total, free);
}
/// The first line of System RAM becomes two, the second `gap` bytes behind the first.
void split_ram(Agent& agent, std::uint64_t gap) {
  std::string& text = agent.files["/proc/iomem"];
  const auto line = text.rfind('\n', text.find(" : System RAM")) + 1;
  std::uint64_t start = 0, end = 0;
  ASSERT_EQ(std::sscanf(text.c_str() + line, "%lx-%lx", &start, &end), 2);
  text = text.substr(0, line) +
         fmt::format("{:08x}-{:08x} : System RAM\n{:08x}", start, start + 0xfff, start + 0x1000 + gap) +
         text.substr(text.find('-', line));
}
/// /proc/zoneinfo with so many free pages in the list of the one CPU.
std::string cpu_list(unsigned pages) { return fmt::format("  pagesets\n    cpu: 0\n   count: {}\n", pages); }
void memory_goes(Agent& agent, std::string before, std::string after, std::string lists = cpu_list(0)) {
  agent.files["/proc/meminfo"] = std::move(before);
  agent.instead = on("load", [=](Agent& a, const Message& request, FakeWire& wire) {
    a.files["/proc/meminfo"] = after;
    a.files["/proc/zoneinfo"] = lists;
    Message fine;
    a.answer(wire, request, fine.set("value", 0));
  });
}

class MemorySteps : public Stories {};

TEST_P(MemorySteps, have_the_outcome_and_say_why) { has_the_outcome_and_says_why(); }

const Story stories[] = {
    {"memory_that_is_the_same_in_more_pieces",
     same_memory,
     [](Agent& a) {
       a.files["/proc/meminfo"] = meminfo(500000, 400000);
       a.entered = up_with([](Agent& n) { split_ram(n, 0); });
     },
     Outcome::passed,
     {}},
    {"memory_that_lacks_a_page",
     same_memory,
     [](Agent& a) {
       a.files["/proc/meminfo"] = meminfo(500000, 400000);
       a.entered = up_with([](Agent& n) { split_ram(n, 4096); });
     },
     Outcome::failed,
     {"System RAM is", "and was"}},
    {"memory_that_stays",
     counting,
     [](Agent& a) { memory_goes(a, meminfo(500000, 400000), meminfo(500000, 400000 - 1024)); },
     Outcome::passed,
     {}},
    {"memory_that_is_lost",
     counting,
     [](Agent& a) { memory_goes(a, meminfo(500000, 400000), meminfo(500000, 400000 - 1025)); },
     Outcome::failed,
     {"free memory fell by 1.0 MiB", "the kernel loses memory"},
     "case.yaml:6"},
    {"memory_that_waits_in_a_cpus_list",
     counting,
     [](Agent& a) { memory_goes(a, meminfo(500000, 400000), meminfo(500000, 400000 - 2048), cpu_list(256)); },
     Outcome::passed,
     {}},
    {"cpus_lists_that_are_not_told",
     counting,
     [](Agent& a) {
       a.files["/proc/meminfo"] = meminfo(500000, 400000);
       a.files["/proc/zoneinfo"] = "Node 0, zone DMA\n";
     },
     Outcome::error,
     {"/proc/zoneinfo", "no counts of the CPUs' lists"}},
    {"memory_that_comes_back",
     growing,
     [](Agent& a) { memory_goes(a, meminfo(500000, 400000), meminfo(500000 + 156 * 1024, 400000)); },
     Outcome::passed,
     {}},
    {"memory_that_does_not_come_back",
     growing,
     [](Agent& a) { memory_goes(a, meminfo(500000, 400000), meminfo(500000, 400000)); },
     Outcome::failed,
     {"memory grew by 0.0 MiB since it was noted, expected 156.0 MiB"}},
    {"memory_that_is_not_told", counting, nullptr, Outcome::error, {"no MemFree line"}},
    {"memory_as_given",
     fitting,
     [](Agent& a) { a.files["/proc/meminfo"] = meminfo(480000, 400000); },
     Outcome::passed,
     {}},
    {"more_memory_than_there_is",
     fitting,
     [](Agent& a) { a.files["/proc/meminfo"] = meminfo(530000, 400000); },
     Outcome::failed,
     {"not what the guest was given", "MemTotal is 517.6 MiB"}},
    {"half_of_the_memory",
     fitting,
     [](Agent& a) { a.files["/proc/meminfo"] = meminfo(240000, 200000); },
     Outcome::failed,
     {"MemTotal is 234.4 MiB"}},
    {"no_reservation",
     reserving,
     [](Agent& a) { a.files["/proc/meminfo"] = meminfo(440000, 400000); },
     Outcome::failed,
     {"Crash kernel of /proc/iomem is 0.0 MiB, expected 64.0 MiB to 64.0 MiB"}},
};

INSTANTIATE_TEST_SUITE_P(outcomes, MemorySteps, testing::ValuesIn(stories),
                         [](const auto& row) { return row.param.name; });

/// What a crash kernel tells of its memory, of which 0x50000000 to 0x58000000 was reserved, and what is said of it.
struct CrashMemory {
  const char* name;
  const char* iomem;
  const char* reason;  ///< empty: it is as it should be
};
void PrintTo(const CrashMemory& one, std::ostream* out) { *out << one.name; }

class CrashMemorySteps : public CaseRunnerTest, public testing::WithParamInterface<CrashMemory> {};

TEST_P(CrashMemorySteps, hold_it_against_the_reservation) {
  auto& entries = lab_->facts.machine.memory.entries;
  entries.push_back({{0x50000000, 0x58000000}, 1, "Crash kernel"});
  Agent agent = lab_->agent();
  agent.entered = up_with([](Agent& next) { next.files["/proc/iomem"] = GetParam().iomem; });
  const auto result = play(reserved_memory, agent);
  entries.pop_back();
  const bool fine = *GetParam().reason == '\0';
  EXPECT_STREQ(to_string(result.outcome), fine ? "passed" : "failed") << result.reason;
  EXPECT_THAT(result.reason, testing::HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    memory, CrashMemorySteps,
    testing::Values(CrashMemory{"all_of_it", "50000000-57ffffff : System RAM\n", ""},
                    CrashMemory{"and_the_lowest", "00001000-0009ffff : System RAM\n50000000-57ffffff : System RAM\n",
                                ""},
                    CrashMemory{"less_the_headers_of_the_dump", "50000000-57dfffff : System RAM\n", ""},
                    CrashMemory{"half_of_it", "50000000-53ffffff : System RAM\n",
                                "64.0 MiB of the reservation 0x50000000-0x57ffffff (128 MiB) is no System RAM"},
                    CrashMemory{"a_page_more", "50000000-58000fff : System RAM\n",
                                "0x58000000-0x58000fff (4 KiB) was not reserved and is its System RAM"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace kexlab::engine
