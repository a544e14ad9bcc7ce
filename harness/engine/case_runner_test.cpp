// SPDX-License-Identifier: Apache-2.0
// Cases on a scripted guest: what can happen to one up to a switch and in the kernel behind it, and the outcome
// and the reason that come of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "harness/engine/case_runner_story.h"

namespace kexlab::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* next = R"(name: t/next
about: Another kernel.
steps:
  - load: {kernel: next}
  - switch: reboot
  - check: {release: next}
)";
constexpr const char* by_model = R"(name: t/model
about: What the model says.
steps:
  - load: {segments: [{at: ram + 16 MiB + 1, size: 1 page}], witness: true}
    expect: model
  - switch: reboot
)";
constexpr const char* loads_by_model = R"(name: t/state-by-model
about: What the model says of the state behind a call.
steps:
  - load: {segments: [{at: ram + 16 MiB, size: 1 page}]}
    expect: model
  - unload:
    expect: model
)";
constexpr const char* repeated = R"(name: t/repeated
about: The same call three times, each of which takes from a limit.
steps:
  - load: {segments: [{at: ram + 16 MiB, size: 1 page}], times: 3}
    expect: model
)";
constexpr const char* returning = R"(name: t/returning
about: reboot(2) returns.
steps:
  - reboot:
    expect: EINVAL
)";
constexpr const char* held = R"(name: t/held
about: The lock is held.
steps:
  - hold:
  - load: {segments: [{size: 1 page}]}
    expect: EBUSY
  - release:
)";
constexpr const char* reading = R"(name: t/reading
about: A file.
steps:
  - read: {path: /sys/kernel/x, contains: good}
)";
constexpr const char* reading_all = R"(name: t/reading-all
about: A whole file.
steps:
  - read: {path: /sys/kernel/x, equals: "0"}
)";
constexpr const char* writing = R"(name: t/writing
about: A file is written.
steps:
  - write: {path: /sys/kernel/x, data: "1"}
    expect: EINVAL
)";

/// A kernel that answers a call as it should, and then shows another state than that call leaves.
Agent::Instead showing_after(const char* op, Message state) {
  return [=, called = false](Agent& agent, const Message& request, FakeWire& wire) mutable {
    called |= request.op == op;
    if (request.op != "state" || !called) return false;
    agent.answer(wire, request, state);
    return true;
  };
}
Message loaded_is(int loaded) {
  Message state;
  return state.set("loaded", loaded).set("crash_loaded", 0).set("load_disabled", 0);
}
/// A kernel that has limits (since 6.3): 7 loads, of which `left` are left behind the next request.
void with_limit(Agent& agent, int left) {
  agent.release = "6.12.1-test";
  agent.instead = [=, called = false](Agent& a, const Message& request, FakeWire& wire) mutable {
    called |= request.op == "load";
    if (request.op != "state") return false;
    a.answer(wire, request, loaded_is(called ? 1 : 0).set("load_limit_reboot", called ? left : 7));
    return true;
  };
}

TEST_P(Stories, have_the_outcome_and_say_why) { has_the_outcome_and_says_why(); }

const Story stories[] = {
    // A kernel that does as it should.
    {"a_kernel_comes_up", self, nullptr, Outcome::passed, {}},
    {"another_kernel_comes_up",
     next,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.release = "6.12.1-other"; }); },
     Outcome::passed,
     {}},
    {"a_witness_finds_everything", witness, nullptr, Outcome::passed, {}},
    {"a_refusal_that_was_expected",
     overlap,
     [](Agent& a) { a.instead = answering("load", EINVAL); },
     Outcome::passed,
     {}},
    {"a_refusal_that_the_model_foretold_ends_the_case",
     by_model,
     [](Agent& a) { a.instead = answering("load", EADDRNOTAVAIL); },
     Outcome::passed,
     {}},
    {"reboot_returns_as_expected", returning, nullptr, Outcome::passed, {}},
    {"a_lock_is_held", held, [](Agent& a) { a.instead = answering("load", EBUSY); }, Outcome::passed, {}},
    {"a_file_holds_what_it_should",
     reading,
     [](Agent& a) { a.files["/sys/kernel/x"] = "a good one\n"; },
     Outcome::passed,
     {}},
    {"a_file_is_what_it_should_be_but_for_its_last_newline",
     reading_all,
     [](Agent& a) { a.files["/sys/kernel/x"] = "0\n"; },
     Outcome::passed,
     {}},
    {"a_file_has_a_line_too_many",
     reading_all,
     [](Agent& a) { a.files["/sys/kernel/x"] = "0\n\n"; },
     Outcome::failed,
     {"expected \"0\""}},
    {"a_write_is_refused_as_expected",
     writing,
     [](Agent& a) { a.instead = answering("write", EINVAL); },
     Outcome::passed,
     {}},
    // The kernel answers otherwise.
    {"another_errno",
     self,
     [](Agent& a) { a.instead = answering("load", EBUSY); },
     Outcome::failed,
     {"the kernel answered EBUSY, expected ok"},
     "case.yaml:4"},
    {"accepted_what_must_be_refused",
     overlap,
     nullptr,
     Outcome::failed,
     {"answered ok, expected EINVAL", "rule 'overlap'", "sanity_check_segment_list"}},
    {"refused_by_another_errno",
     overlap,
     [](Agent& a) { a.instead = answering("load", EFAULT); },
     Outcome::failed,
     {"EFAULT, expected EINVAL"}},
    {"a_success_with_a_value",
     overlap,
     [](Agent& a) {
       a.instead = on("load", [](Agent& agent, const Message& request, FakeWire& wire) {
         Message fields;
         agent.answer(wire, request, fields.set("value", 16));
       });
     },
     Outcome::failed,
     {"answered value 16, expected EINVAL"}},
    {"the_model_says_otherwise", by_model, nullptr, Outcome::failed, {"answered ok, expected EADDRNOTAVAIL", "rule '"}},
    {"a_load_and_an_unload_leave_what_the_model_says", loads_by_model, nullptr, Outcome::passed, {}},
    {"a_load_leaves_nothing_behind",
     loads_by_model,
     [](Agent& a) { a.instead = showing_after("load", loaded_is(0)); },
     Outcome::failed,
     {"load (1 segments", "after the call loaded is 0, expected 1", "rule 'accepted'"},
     "case.yaml:4"},
    {"an_unload_leaves_the_image",
     loads_by_model,
     [](Agent& a) {
       a.instead = [unloads = 0](Agent& agent, const Message& request, FakeWire& wire) mutable {
         unloads += request.op == "load" ? 1 : 0;
         if (request.op != "state" || unloads < 2) return false;
         agent.answer(wire, request, loaded_is(1));
         return true;
       };
     },
     Outcome::failed,
     {"unload: after the call loaded is 1, expected 0"},
     "case.yaml:6"},
    {"a_refused_load_leaves_an_image",
     by_model,
     [](Agent& a) {
       a.instead = [called = false](Agent& agent, const Message& request, FakeWire& wire) mutable {
         if (request.op != "load" && request.op != "state") return false;
         called |= request.op == "load";
         if (request.op == "load") agent.answer_errno(wire, request, EADDRNOTAVAIL);
         if (request.op == "state") agent.answer(wire, request, loaded_is(called ? 1 : 0));
         return true;
       };
     },
     Outcome::failed,
     {"after the call loaded is 1, expected 0 — rule 'alignment'"}},
    {"every_repetition_takes_from_the_limit", repeated, [](Agent& a) { with_limit(a, 4); }, Outcome::passed, {}},
    {"repetitions_that_take_from_the_limit_once",
     repeated,
     [](Agent& a) { with_limit(a, 6); },
     Outcome::failed,
     {"load_limit_reboot is 6, expected 4"}},
    {"an_errno_without_a_name",
     self,
     [](Agent& a) { a.instead = answering("load", 4000); },
     Outcome::failed,
     {"errno 4000"}},
    // State and files.
    {"the_state_is_wrong",
     self,
     [](Agent& a) {
       a.instead = on("state", [](Agent& agent, const Message& r, FakeWire& w) {
         Message m;
         agent.answer(w, r, m.set("loaded", 0));
       });
     },
     Outcome::failed,
     {"state is not what", "loaded is 0, expected 1"},
     "case.yaml:5"},
    {"the_state_is_not_told",
     self,
     [](Agent& a) {
       a.instead = on("state", [](Agent& agent, const Message& r, FakeWire& w) { agent.answer(w, r, {}); });
     },
     Outcome::failed,
     {"loaded is absent, expected 1"}},
    {"a_file_holds_something_else",
     reading,
     [](Agent& a) { a.files["/sys/kernel/x"] = "bad\x1b[2J"; },
     Outcome::failed,
     {"does not contain \"good\"", "bad\\x1b[2J"}},
    {"a_file_is_missing", reading, nullptr, Outcome::failed, {"reading /sys/kernel/x gave ENOENT"}},
    {"a_write_is_accepted", writing, nullptr, Outcome::failed, {"answered ok, expected EINVAL"}},
    // What comes up is not what was loaded.
    {"the_wrong_nonce",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.nonce = std::string(32, 'f'); }); },
     Outcome::failed,
     {"not the one that was loaded", "nonce 'ffffffffffffffffffffffffffffffff'"},
     "case.yaml:6"},
    {"the_firmware_booted_the_first_kernel_again",
     self,
     [](Agent& a) { a.entered = [](Agent& n, const Plan&, FakeWire& w) { n.hello(w); }; },
     Outcome::failed,
     {"not the one that was loaded: generation 0"}},
    {"the_wrong_generation",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.generation = 2; }); },
     Outcome::failed,
     {"generation 2", "expected 1"}},
    {"a_nonce_of_escape_sequences",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.nonce = "\x1b[31m"; }); },
     Outcome::failed,
     {"nonce '\\x1b[31m'"}},
    {"the_wrong_release",
     next,
     nullptr,
     Outcome::failed,
     {"release 6.1.0-test runs, expected 6.12.1-other"},
     "case.yaml:6"},
    {"the_command_line_changed",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.cmdline += " "; }); },
     Outcome::failed,
     {"command line did not arrive"},
     "case.yaml:7"},
    {"a_file_of_the_initrd_changed",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.manifest.at("kexlab/ballast")[0] ^= 1; }); },
     Outcome::failed,
     {"initrd did not arrive intact: kexlab/ballast has SHA-256"}},
    {"a_file_of_the_initrd_is_missing",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.manifest.erase("payload/self"); }); },
     Outcome::failed,
     {"not arrive whole: payload/self is missing"}},
    {"something_stays_loaded",
     self,
     [](Agent& a) { a.entered = up_with([](Agent& n) { n.normal = Plan{}; }); },
     Outcome::failed,
     {"loaded is 1, expected 0"}},
    {"reboot_did_not_return",
     returning,
     [](Agent& a) { a.instead = ending("reboot", Ended::Why::reset); },
     Outcome::failed,
     {"was to return EINVAL", "did not return", "reset"}},
    {"reboot_hangs", returning, [](Agent& a) { a.instead = deaf_to("reboot"); }, Outcome::failed, {"did not return"}},
    // The harness's side, and guests that stop.
    {"the_vm_dies_at_the_switch",
     self,
     [](Agent& a) { a.entered = ended_by(Ended::Why::vm_died); },
     Outcome::error,
     {"the virtual machine's process ended"}},
    {"the_vm_dies_at_a_call",
     self,
     [](Agent& a) { a.instead = ending("load", Ended::Why::vm_died); },
     Outcome::error,
     {"ended while it was to answer", "status 7"}},
    {"the_guest_resets_at_a_call",
     self,
     [](Agent& a) { a.instead = ending("load", Ended::Why::reset); },
     Outcome::failed,
     {"ended while it was to answer"}},
    {"the_agent_stops_answering",
     self,
     [](Agent& a) { a.instead = deaf_to("load"); },
     Outcome::timeout,
     {"the guest stopped answering"}},
    {"the_agent_refuses",
     self,
     [](Agent& a) { a.instead = answering("load", -1, "no \x1b[0m"); },
     Outcome::error,
     {"no \\x1b[0m"}},
    {"the_lock_cannot_be_held",
     held,
     [](Agent& a) { a.instead = answering("hold", EPERM); },
     Outcome::error,
     {"could not hold the kexec lock: EPERM"}},
};

INSTANTIATE_TEST_SUITE_P(outcomes, Stories, testing::ValuesIn(stories), [](const auto& row) { return row.param.name; });

TEST_F(CaseRunnerTest, a_kernel_that_complains_has_failed_though_every_step_passed) {
  Agent agent = lab_->agent();
  agent.instead = [](Agent& self_, const Message& request, FakeWire& wire) {
    if (request.op == "load") wire.console("[ 9.0] WARNING: CPU: 0 PID: 1 at kernel/kexec_core.c:900\n");
    (void)self_;
    return false;
  };
  const auto result = play(self, agent);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.reason, AllOf(HasSubstr("every step"), HasSubstr("kexec_core.c:900")));
  EXPECT_FALSE(result.console_tail.empty());
}

TEST_F(CaseRunnerTest, measures_the_load_and_the_switch) {
  const auto result = play(self, lab_->agent());
  EXPECT_EQ(result.figures.at("load_ns"), 250000);
  EXPECT_EQ(result.figures.at("switch_kernel_ns"), 500.0 * static_cast<double>(lab_->bench.target->counter_ns));
  EXPECT_GE(result.figures.at("switch_kernel_s"), 0);
  EXPECT_TRUE(dirty_);
}

TEST_F(CaseRunnerTest, a_refused_load_leaves_the_guest_clean) {
  Agent agent = lab_->agent();
  agent.instead = answering("load", EINVAL);
  EXPECT_EQ(play(overlap, agent).outcome, Outcome::passed);
  EXPECT_FALSE(dirty_);
}

TEST_F(CaseRunnerTest, a_call_that_the_kernel_lacks_leaves_the_guest_clean) {
  constexpr auto file_load =
      "name: files\nabout: files\nsteps:\n  - file_load: {kernel: none, initrd: none}\n    expect: ";
  for (const bool lacks : {true, false}) {
    Agent agent = lab_->agent();
    agent.instead = answering("file_load", lacks ? ENOSYS : EBADF);
    const std::string yaml = std::string(file_load) + (lacks ? "ENOSYS" : "EBADF") + "\n";
    EXPECT_EQ(play(yaml.c_str(), agent).outcome, Outcome::passed);
    EXPECT_EQ(dirty_, !lacks);
  }
}

TEST_F(CaseRunnerTest, a_guest_that_floods_its_console_loses_no_verdict) {
  Agent agent = lab_->agent();
  agent.entered = [](Agent& n, const Plan& plan, FakeWire& wire) {
    for (int i = 0; i < 200; ++i) wire.console(std::string(65000, '\x1b') + "@KM:ffff:AAAA\n");
    wire.console("@K");
    n.boot(plan, wire);
    wire.console(std::string(100000, 'x'));
  };
  EXPECT_EQ(play(self, agent).outcome, Outcome::passed);
  agent.entered = [](Agent&, const Plan&, FakeWire& wire) {
    for (int i = 0; i < 200; ++i) wire.console(std::string(65000, '\x1b') + "\n");
    wire.end(Ended::Why::reset);
  };
  const auto result = play(self, agent);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_LE(result.console_tail.size(), 60U * (300 * 4 + 5));
  EXPECT_THAT(result.console_tail + result.reason, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace kexlab::engine
