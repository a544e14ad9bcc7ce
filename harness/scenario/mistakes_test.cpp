// SPDX-License-Identifier: Apache-2.0
// Every mistake that a scenario can have: where it is told, and in which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/scenario/scenario.h"

namespace kexlab::scenario {
namespace {

using testing::HasSubstr;

struct Mistake {
  const char* name;
  std::string text;
  const char* where;
  const char* told;
};
void PrintTo(const Mistake& row, std::ostream* out) { *out << row.name; }
class ScenarioMistake : public testing::TestWithParam<Mistake> {};
TEST_P(ScenarioMistake, IsToldAtItsPlace) {
  const auto scenarios = parse_scenarios(GetParam().text, "s.yaml");
  ASSERT_FALSE(scenarios);
  EXPECT_EQ(scenarios.error().asked, std::string("s.yaml:") + GetParam().where) << scenarios.error().str();
  EXPECT_THAT(scenarios.error().str(), HasSubstr(GetParam().told));
}

/// A mistake in line 3 of a scenario that is right otherwise.
Mistake key(const char* name, const char* line, const char* where, const char* told) {
  return {name, std::string("name: a\nabout: b\n") + line + "\nsteps: [unload]\n", where, told};
}
/// A mistake in the steps, which start in line 4.
Mistake steps(const char* name, const char* text, const char* where, const char* told, const char* guest = "") {
  return {name, std::string("name: a\nabout: b\nsteps:\n") + text + "\n" + guest, where, told};
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ScenarioMistake,
    testing::Values(
        key("unknown_key", "tragets: all", "3:1", "did you mean `targets`?"),
        key("unknown_target", "targets: [arm46]", "3:11", "unknown target `arm46` (did you mean `arm64`?)"),
        key("no_target", "targets: []", "3:10", "`targets` is empty"),
        key("unit_of_memory", "guest: {memory: 512 MB}", "3:17", "unknown unit `MB` (did you mean `MiB`?)"),
        key("no_unit", "guest: {memory: 512}", "3:17", "for example `512 MiB`"),
        key("no_memory", "guest: {memory: 0 MiB}", "3:17", "is not from 1 MiB"),
        key("cpus", "guest: {cpus: 0}", "3:15", "from 1 to 64"),
        key("crashkernel", "guest: {crashkernel: defualt}", "3:22", "a number and its unit"),
        key("deadline", "deadline: 60 ms", "3:11", "unknown unit `ms`"),
        key("deadline_too_long", "deadline: 61 min", "3:11", "is not from 1 s to 60 min"),
        key("version", "since: six", "3:8", "a kernel version is expected here, not `six`"),
        key("config_prefix", "needs: CONFIG_SMP", "3:8", "write `SMP`"),
        key("feature", "features: crahs", "3:11", "did you mean `crash`?"),
        key("expect_beside_steps", "expect: ok", "3:1", "`expect` beside `steps`"),
        key("unused_parameter", "matrix: {gap: [0]}", "3:10", "parameter `gap` is used nowhere"),
        key("parameter_without_values", "matrix: {gap: []}", "3:15", "has no values"),
        key("parameter_twice", "matrix: {gap: [0, 0]}", "3:15", "the value `0` twice"),
        key("parameter_name", "matrix: {a-b: [0]}", "3:10", "no name of a parameter"),
        key("unknown_parameter", "tags: $gpa", "3:7", "unknown parameter `$gpa`"),
        key("lone_dollar", "tags: a$", "3:7", "write `$$` for a dollar"),
        Mistake{"nearest_parameter", "name: a\nabout: $gpa\nmatrix: {gap: 0}\nsteps: [unload]\n", "2:8",
                "did you mean `gap`?"},
        Mistake{"mistake_in_one_case", "name: a\nabout: b\nmatrix: {e: [EPERM, EPREM]}\nload: {nr: 0}\nexpect: $e\n",
                "5:9", "in the case [e=EPREM] (did you mean `EPERM`?)"},
        Mistake{"no_name", "about: b\nsteps: [unload]\n", "1:1", "scenario has no `name`"},
        Mistake{"bad_name", "name: a b\nabout: b\nsteps: [unload]\n", "1:7", "no name of a scenario"},
        Mistake{"no_steps", "name: a\nabout: b\n", "1:1", "neither `steps` nor `load`"},
        Mistake{"empty_steps", "name: a\nabout: b\nsteps: []\n", "3:8", "`steps` is empty"},
        Mistake{"two_of_a_name", "name: a\nabout: b\nsteps: [unload]\n---\nname: a\nabout: b\nsteps: [unload]\n", "5:1",
                "the first is at s.yaml:1:1"},
        Mistake{"empty_file", "# nothing\n", "1:1", "holds no scenario"},
        Mistake{
            "too_many_cases",
            "name: a\nabout: $a$b$c$d\nmatrix: {a: [1,2,3,4,5,6,7,8], b: [1,2,3,4,5,6,7,8], c: [1,2,3,4,5,6,7,8], d: "
            "[1,2,3,4,5,6,7,8,9]}\nsteps: [unload]\n",
            "1:1", "more than 4096 cases"},
        Mistake{"lands_after_refusal", "name: a\nabout: b\nload: {nr: 0}\nexpect: EPERM\nthen: land on witness\n",
                "5:1", "a refused load lands nowhere"},
        Mistake{"then", "name: a\nabout: b\nload: {kernel: self}\nthen: land on kernle\n", "4:7",
                "did you mean `land on kernel`?"},
        Mistake{"witness_of_a_kernel", "name: a\nabout: b\nload: {kernel: self}\nthen: land on witness\n", "4:1",
                "a kernel was loaded"}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Steps, ScenarioMistake,
    testing::Values(
        steps("unknown_action", "  - laod: {kernel: self}", "4:5", "did you mean `load`?"),
        steps("no_action", "  - expect: ok", "4:5", "a step without an action"),
        steps("two_actions", "  - load: {kernel: self}\n    unload: {}", "5:5", "a second action `unload`"),
        steps("a_witness_that_comes_back",
              "  - load: {flags: PRESERVE_CONTEXT, nr: 1, witness: true}\n  - switch: {how: reboot, land: witness}",
              "5:5", "write `land: back`"),
        steps("a_witness_that_does_not", "  - load: {nr: 1, witness: true}\n  - switch: {how: reboot, land: back}",
              "5:5", "write `land: witness`"),
        steps("a_kernel_does_not_come_back",
              "  - load: {kernel: self, flags: PRESERVE_CONTEXT}\n  - switch: {how: reboot, land: back}", "5:5",
              "write `land: kernel`"),
        steps("errno", "  - load: {kernel: self}\n    expect: EINVLA", "5:13", "did you mean `EINVAL`?"),
        steps("no_outcome", "  - load: {kernel: self}\n    expect: whatever you like", "5:13", "known: ok, model"),
        steps("value", "  - load: {kernel: self}\n    expect: value 0", "5:13", "from 1 to 4096"),
        steps("expect_of_no_call", "  - hold\n  - release:\n    expect: ok", "6:13", "no call"),
        steps("model_of_another_call", "  - reboot: {}\n    expect: model", "4:5", "the model does not know"),
        steps("never_kept", "  - read: {path: /x, same_as: before}", "4:5", "add `keep: before`"),
        steps("file", "  - file_load: {kernel: slef}", "4:25", "did you mean `self`?"),
        steps("file_open", "  - file_load: {kernel: {open: raed}}", "4:32", "did you mean `read`?"),
        steps("edit", "  - file_load: {kernel: {edit: 0x1fe 00}}", "4:32", "for example `0x1fe = 00 00`"),
        steps("edit_digits", "  - file_load: {kernel: {edit: 0x1fe = 0}}", "4:32", "for example `0x1fe = 00 00`"),
        steps("no_copy", "  - file_load: {kernel: {from: pipe, size: 4}}", "4:25", "nothing to copy"),
        steps("zeros", "  - file_load: {kernel: zeros}", "4:25", "`zeros` without `size`"),
        steps("guarded_cmdline", "  - file_load: {cmdline_at: guarded}", "4:29", "use `hold`"),
        steps("expression", "  - load: {segments: [{at: rma + 4, size: 1 page}]}", "4:28", "did you mean `ram`?"),
        steps("unit", "  - load: {segments: [{size: 1 pgae}]}", "4:30", "did you mean `page`?"),
        steps("no_size", "  - load: {segments: [{at: ram}]}", "4:23", "segment has no `size`"),
        steps("segment_key", "  - load: {segments: [{sise: 1}]}", "4:24", "did you mean `size`?"),
        steps("segment_names", "  - load: {segments: [{name: x, size: 1}, {name: x, size: 1}]}", "4:11",
              "two segments are named `x`"),
        steps("gap", "  - load: {segments: [{size: 1, gap: 1}]}", "4:23", "`gap` without `repeat`"),
        steps("segment_repeat", "  - load: {segments: [{size: 1, repeat: 65}]}", "4:41", "from 1 to 64"),
        steps("fill", "  - load: {segments: [{size: 1, fill: zeros}]}", "4:39", "for example `pattern 1`"),
        steps("buf", "  - load: {segments: [{size: 1, buf: nul}]}", "4:38", "did you mean `null`?"),
        steps("flag", "  - load: {nr: 0, flags: ON_CRAHS}", "4:26", "did you mean `ON_CRASH`?"),
        steps("arch", "  - load: {nr: 0, arch: X86-64}", "4:25", "did you mean `X86_64`?"),
        steps("arch_number", "  - load: {nr: 0, arch: 0x100000000}", "4:25", "a number from 0 to"),
        steps("capability", "  - load: {nr: 0, as: {drop: [sys_bot]}}", "4:31", "did you mean `sys_boot`?"),
        steps("kernel_word", "  - load: {kernel: nxet}", "4:20", "did you mean `next`?"),
        steps("kernel_and_segments", "  - load: {kernel: self, segments: []}", "4:11", "`segments` beside `kernel`"),
        steps("initrd_without_kernel", "  - load: {nr: 0, initrd: true}", "4:11", "`initrd` without `kernel`"),
        steps("nothing_to_load", "  - load: {crash: true}", "4:11", "neither `kernel` nor `segments`"),
        steps("switch_without_load", "  - switch: reboot", "4:5", "no normal image is loaded here"),
        steps("switch_after_unload", "  - load: {kernel: self}\n  - unload\n  - switch: reboot", "6:5",
              "nothing to enter"),
        steps("switch_after_refusal", "  - load: {kernel: self}\n    expect: EPERM\n  - switch: reboot", "6:5",
              "nothing to enter"),
        steps("switch_twice", "  - load: {kernel: self}\n  - switch: reboot\n  - switch: reboot", "6:5",
              "nothing to enter"),
        steps("crash_without_crash_image", "  - load: {kernel: self}\n  - switch: crash", "5:5", "no crash image",
              "guest: {crashkernel: default}\n"),
        steps("crash_without_reservation", "  - load: {kernel: self, crash: true}\n  - switch: crash", "5:5",
              "crashkernel: default"),
        steps("switch_into_nothing_known", "  - load: {segments: [{size: 1 page}]}\n  - switch: reboot", "5:5",
              "add `witness: true`"),
        steps("witness_expected_of_a_kernel", "  - load: {kernel: self}\n  - switch: {how: reboot, land: witness}",
              "5:5", "write `land: kernel`"),
        steps("kernel_expected_of_the_witness", "  - load: {witness: true}\n  - switch: {how: reboot, land: kernel}",
              "5:5", "write `land: witness`"),
        steps("step_behind_the_witness", "  - load: {witness: true}\n  - switch: reboot\n  - unload", "6:5",
              "behind a landing on the witness"),
        steps("switch_on_no_cpu", "  - load: {kernel: self}\n  - switch: {how: reboot, cpu: 1}", "5:5",
              "`cpu: 1` in a guest of 1 CPUs"),
        steps("switch_word", "  - load: {kernel: self}\n  - switch: rebot", "5:13", "did you mean `reboot`?"),
        steps("switch_while_held", "  - load: {kernel: self}\n  - hold\n  - switch: reboot", "6:5", "lock is held"),
        steps("hold_twice", "  - hold\n  - hold", "5:5", "held already"),
        steps("release_of_nothing", "  - release", "4:5", "nobody holds"),
        steps("held_at_the_end", "  - hold", "4:5", "leaves the kexec lock held"),
        steps("vmcore_takes_nothing", "  - vmcore: {x: 1}", "4:13", "`vmcore` takes nothing"),
        steps("vmcore_without_crash", "  - vmcore", "4:5", "outside a crash kernel"),
        steps("empty_check", "  - check: {}", "4:5", "looks at nothing"),
        steps("empty_memory", "  - memory: {}", "4:5", "looks at nothing"),
        steps("memory_reserved_for_no_crash", "  - memory: {reserved: true}", "4:5", "outside a crash kernel"),
        steps("memory_before_it_is_noted", "  - memory: {lost: 1 MiB}", "4:5", "nothing was"),
        steps("memory_behind_a_switch", "  - load: {kernel: self}\n  - switch: reboot\n  - memory: {fits: true}", "6:5",
              "only the first kernel"),
        steps("empty_state", "  - state: {}", "4:5", "looks at nothing"),
        steps("generation", "  - check: {generation: 1}", "4:5", "0 switches stand before it"),
        steps("cmdline_of_the_first_kernel", "  - check: {cmdline: true}", "4:5", "before any switch"),
        steps("relative_path", "  - read: {path: etc/x}", "4:18", "an absolute path"),
        steps("repeat_without_steps", "  - repeat: {times: 2}", "4:13", "has no `steps`"),
        steps("repeat_too_often", "  - repeat: {times: 65, steps: [unload]}", "4:21", "from 1 to 64"),
        steps("too_many_steps", "  - repeat: {times: 64, steps: [{repeat: {times: 64, steps: [unload]}}]}", "4:62",
              "more than 1024 steps"),
        steps("steps_no_list", "  load: {kernel: self}", "4:3", "must be a list")),
    [](const auto& row) { return row.param.name; });

TEST(Scenario, TextThatParametersBlowUpIsRefused) {
  std::string text = "name: a\nabout: \"";
  for (int i = 0; i < 300; ++i) text += "$v";
  text += "\"\nmatrix: {v: [" + std::string(256, 'x') + "]}\nsteps: [unload]\n";
  const auto scenarios = parse_scenarios(text, "s.yaml");
  ASSERT_FALSE(scenarios);
  EXPECT_THAT(scenarios.error().broke, HasSubstr("more than 65536 characters"));
}

TEST(Scenario, CasesTooLargeTogetherAreRefused) {
  std::string text = "name: a\nabout: $a $b\nmatrix: {a: [";
  for (int i = 0; i < 60; ++i) text += std::to_string(i) + ",";
  text += "], b: [";
  for (int i = 0; i < 60; ++i) text += std::to_string(i) + ",";
  text += "]}\nsteps: [{repeat: {times: 64, steps: [load: {segments: {size: 1, repeat: 64}}]}}]\n";
  const auto scenarios = parse_scenarios(text, "s.yaml");
  ASSERT_FALSE(scenarios);
  EXPECT_THAT(scenarios.error().broke, HasSubstr("too large together"));
}

}  // namespace
}  // namespace kexlab::scenario
