// SPDX-License-Identifier: Apache-2.0
// Cases on a scripted guest: everything that can happen to one, and the outcome and the reason that come of it.
#include "harness/engine/case_runner.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <regex>

#include "harness/engine/testing_guest.h"

namespace kexlab::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing_guest::Agent;
using testing_guest::Lab;
using vm::Ended;
using vm::FakeWire;
using wire::Message;

constexpr const char* self = R"(name: t/self
about: A kernel starts itself.
steps:
  - load: {kernel: self}
  - state: {loaded: true}
  - switch: reboot
  - check: {release: self, generation: 1, cmdline: true, initrd: true}
  - state: {loaded: false}
)";
constexpr const char* next = R"(name: t/next
about: Another kernel.
steps:
  - load: {kernel: next}
  - switch: reboot
  - check: {release: next}
)";
constexpr const char* witness = R"(name: t/witness
about: Segments arrive.
load: {segments: [{at: 0x51000000, size: 4 pages, data: 100}, {size: 1 page}], witness: true}
then: land on witness
)";
constexpr const char* overlap = R"(name: t/overlap
about: Segments overlap.
load: {segments: [{at: ram + 16 MiB, size: 2 pages}, {at: ram + 16 MiB + 1 page, size: 1 page}]}
expect: EINVAL
)";
constexpr const char* by_model = R"(name: t/model
about: What the model says.
steps:
  - load: {segments: [{at: ram + 16 MiB + 1, size: 1 page}], witness: true}
    expect: model
  - switch: reboot
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

/// Deals with requests of one operation only.
Agent::Instead on(std::string op, std::function<void(Agent&, const Message&, FakeWire&)> act) {
  return [op = std::move(op), act = std::move(act)](Agent& agent, const Message& request, FakeWire& wire) {
    if (request.op == op) act(agent, request, wire);
    return request.op == op;
  };
}
Agent::Instead answering(std::string op, std::int64_t error, std::string why = {}) {
  return on(std::move(op), [=](Agent& agent, const Message& request, FakeWire& wire) {
    agent.answer_errno(wire, request, error, why);
  });
}
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
void memory_goes(Agent& agent, std::string before, std::string after) {
  agent.files["/proc/meminfo"] = std::move(before);
  agent.instead = on("load", [=](Agent& a, const Message& request, FakeWire& wire) {
    a.files["/proc/meminfo"] = after;
    Message fine;
    a.answer(wire, request, fine.set("value", 0));
  });
}
Agent::Instead ending(std::string op, Ended::Why why) {
  return on(std::move(op), [=](Agent&, const Message&, FakeWire& wire) { wire.end(why, "status 7"); });
}
Agent::Instead deaf_to(std::string op) {
  return on(std::move(op), [](Agent&, const Message&, FakeWire&) {});
}
/// The planned kernel comes up, but something of it is changed before it says so.
template <class Change>
std::function<void(Agent&, const Plan&, FakeWire&)> up_with(Change change) {
  return [=](Agent& agent, const Plan& plan, FakeWire& wire) {
    FakeWire unheard;
    agent.boot(plan, unheard);
    change(agent);
    agent.hello(wire);
  };
}
std::function<void(Agent&, const Plan&, FakeWire&)> ended_by(Ended::Why why) {
  return [=](Agent&, const Plan&, FakeWire& wire) {
    wire.console("Booting\nlast words\n");
    wire.end(why);
  };
}
/// The witness's own report, the `first` happenings of it, then `tail`.
std::function<void(Agent&, const Plan&, FakeWire&)> report_with(std::size_t first, std::string from, std::string to) {
  return [=](Agent& agent, const Plan& plan, FakeWire& wire) {
    FakeWire heard;
    agent.report(plan, heard);
    for (std::size_t i = 0; i < std::min(first, heard.happenings.size()); ++i) {
      auto happening = heard.happenings[i];
      if (auto* output = std::get_if<vm::Output>(&happening); output != nullptr && !from.empty()) {
        std::vector<wire::Frame> frames;
        wire::Decoder().feed(output->bytes, frames, nullptr);
        std::string record(as_text(frames.at(0).payload));
        record = std::regex_replace(record, std::regex(from), to, std::regex_constants::format_first_only);
        output->bytes = wire::encode_frame('W', as_bytes(record));
      }
      wire.happenings.push_back(happening);
    }
  };
}
constexpr std::size_t everything = 100;
constexpr std::size_t records_of_witness = 7;  // begin, regs, seg of two segments and of its own, end; then power off

class CaseRunnerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { lab_ = new Lab; }
  static void TearDownTestSuite() { delete std::exchange(lab_, nullptr); }

  CaseResult play(const char* yaml, const Agent& agent, vm::Diagnosis diagnosis = {"running", "PC=\x1b[2J", 0x1000}) {
    auto played = lab_->play(yaml, agent, std::move(diagnosis));
    dirty_ = played.dirty;
    return std::move(played.result);
  }

  static inline Lab* lab_ = nullptr;
  bool dirty_ = false;
};

struct Story {
  const char* name;
  const char* yaml;
  void (*change)(Agent& agent);
  Outcome outcome;
  std::vector<const char*> reasons;  ///< parts of the reason
  const char* where = "";
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

class Stories : public CaseRunnerTest, public testing::WithParamInterface<Story> {};

// Invariants of every outcome: only what passed has no reason, place and console; a case ends with the step that
// decided.
TEST_P(Stories, has_the_outcome_and_says_why) {
  const Story& story = GetParam();
  Agent agent = lab_->agent();
  if (story.change != nullptr) story.change(agent);
  const auto result = play(story.yaml, agent);
  EXPECT_STREQ(to_string(result.outcome), to_string(story.outcome)) << result.reason;
  for (const char* reason : story.reasons) EXPECT_THAT(result.reason, HasSubstr(reason));
  const bool passed = story.outcome == Outcome::passed;
  EXPECT_EQ(result.reason.empty(), passed) << result.reason;
  EXPECT_EQ(result.where.empty(), passed);
  if (*story.where != '\0') {
    EXPECT_EQ(result.where, story.where);
  }
  EXPECT_EQ(result.console_tail.empty(), passed);
  ASSERT_FALSE(result.steps.empty());
  for (std::size_t i = 0; i + 1 < result.steps.size(); ++i) EXPECT_TRUE(result.steps[i].good) << result.steps[i].what;
  EXPECT_EQ(result.steps.back().good, passed);
  EXPECT_FALSE(result.steps.back().what.empty());
  EXPECT_EQ(result.target, "arm64");
  EXPECT_EQ(result.kernel, "self-kernel");
}

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
    // Memory.
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
    // Nothing comes up.
    {"reset_after_the_switch",
     self,
     [](Agent& a) { a.entered = ended_by(Ended::Why::reset); },
     Outcome::failed,
     {"nothing came up after the switch: the guest was reset", "last console line: \"last words\""}},
    {"a_panic_after_the_switch",
     self,
     [](Agent& a) { a.entered = ended_by(Ended::Why::panicked); },
     Outcome::failed,
     {"the guest reported a panic"}},
    {"powered_off_after_the_switch",
     self,
     [](Agent& a) { a.entered = ended_by(Ended::Why::powered_off); },
     Outcome::failed,
     {"the guest powered off"}},
    {"silent_after_the_switch",
     self,
     [](Agent& a) { a.entered = [](Agent&, const Plan&, FakeWire&) {}; },
     Outcome::timeout,
     {"nothing came up within", "the program counter 0x1000 is outside every loaded segment",
      "its console said nothing after the switch"}},
    {"the_switch_returned",
     self,
     [](Agent& a) { a.instead = answering("reboot", EBUSY); },
     Outcome::failed,
     {"the switch did not happen: the call returned EBUSY"}},
    {"the_switch_to_a_witness_returned",
     witness,
     [](Agent& a) { a.instead = answering("reboot", EBUSY); },
     Outcome::failed,
     {"the switch did not happen: the call returned EBUSY"}},
    {"reboot_did_not_return",
     returning,
     [](Agent& a) { a.instead = ending("reboot", Ended::Why::reset); },
     Outcome::failed,
     {"was to return EINVAL", "did not return", "reset"}},
    {"reboot_hangs", returning, [](Agent& a) { a.instead = deaf_to("reboot"); }, Outcome::failed, {"did not return"}},
    // The witness.
    {"a_segment_arrived_damaged",
     witness,
     [](Agent& a) {
       a.entered = report_with(everything, "index=0 digest=ok found=0x[0-9a-f]+", "index=0 digest=ok found=0x1");
     },
     Outcome::failed,
     {"what arrived is not what was loaded", "segment 1"}},
    {"the_tail_is_not_zero",
     witness,
     [](Agent& a) { a.entered = report_with(everything, "zero=ok", "zero=bad at=0x51000070"); },
     Outcome::failed,
     {"what arrived is not what was loaded"}},
    {"a_register_is_wrong",
     witness,
     [](Agent& a) { a.entered = report_with(everything, "x1=0x0", "x1=0x7"); },
     Outcome::failed,
     {"x1"}},
    {"a_witness_of_another_load",
     witness,
     [](Agent& a) { a.entered = report_with(everything, "nonce=", "nonce=0"); },
     Outcome::failed,
     {"nothing came up after the switch"}},
    {"the_witness_stops_in_the_middle",
     witness,
     [](Agent& a) { a.entered = report_with(4, "", ""); },
     Outcome::failed,
     {"the witness fell silent in the middle"}},
    {"the_witness_stays_silent",
     witness,
     [](Agent& a) { a.entered = report_with(0, "", ""); },
     Outcome::timeout,
     {"nothing came up within"}},
    {"the_witness_cannot_power_off",
     witness,
     [](Agent& a) { a.entered = report_with(records_of_witness - 1, "", ""); },
     Outcome::error,
     {"could not power the machine off"}},
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

TEST_F(CaseRunnerTest, names_the_segment_that_a_silent_guest_hangs_in) {
  Agent agent = lab_->agent();
  agent.entered = [](Agent&, const Plan&, FakeWire&) {};
  // The witness lies where the target's row says, so its place is known.
  const auto pc = lab_->bench.target->witness_address + 0x40;
  const auto result = play(witness, agent, {"running", "PC=\x1b[2J\n", pc});
  EXPECT_EQ(result.outcome, Outcome::timeout);
  EXPECT_THAT(result.reason, HasSubstr("in segment 'witness' at offset 0x40"));
  EXPECT_EQ(result.diagnosis, "PC=\\x1b[2J\n");
}

TEST_F(CaseRunnerTest, a_program_counter_up_high_is_a_kernels_own) {
  Agent agent = lab_->agent();
  agent.entered = [](Agent&, const Plan&, FakeWire&) {};
  const auto result = play(self, agent, {"running", "", 0xffff800008010000});
  EXPECT_THAT(result.reason, HasSubstr("kernel's virtual address space"));
}

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

// An agent that was taken over, or whose channel carries noise: every such guest gives an outcome.
struct Hostile {
  const char* name;
  const char* yaml;
  void (*change)(Agent& agent);
  Outcome outcome;
};
void PrintTo(const Hostile& one, std::ostream* out) { *out << one.name; }

constexpr const char* two_reads = R"(name: t/reads
about: A file is read after a write, so that facts are read too.
steps:
  - write: {path: /sys/kernel/x, data: "1"}
  - load: {segments: [{at: ram, size: 1 page}]}
)";

Message read_answer(std::string_view data) {
  Message fields;
  return fields.set("data", data).set("eof", 0);
}
template <class Make>
Agent::Instead reads(Make make) {
  return on("read",
            [=](Agent& agent, const Message& request, FakeWire& wire) { agent.answer(wire, request, make(request)); });
}

const Hostile hostiles[] = {
    {"garbage_before_every_answer", self,
     [](Agent& a) {
       a.instead = [](Agent&, const Message&, FakeWire& wire) {
         wire.channel(std::string("\0\xff@KM:0010:!!!!:00000000\n@KM:ffff:\n@K@K@Km:0004:AAAA:deadbeef\n", 62));
         wire.channel(wire::encode_frame('M', as_bytes("no message at all")) + wire::encode_frame('m', {}));
         return false;
       };
     },
     Outcome::passed},
    {"answers_with_other_numbers", self,
     [](Agent& a) {
       a.instead = on("load", [](Agent& agent, const Message& request, FakeWire& wire) {
         for (const std::uint32_t other : {0U, 1U, request.sequence + 1, 0xffffffffU}) {
           Message fake = request;
           fake.sequence = other == request.sequence ? 77 : other;
           Message fields;
           agent.answer(wire, fake, fields.set("value", 0));
         }
       });
     },
     Outcome::timeout},
    {"an_older_answer_again_before_the_right_one", self,
     [](Agent& a) {
       a.instead = [](Agent& agent, const Message& request, FakeWire& wire) {
         Message old = request;
         --old.sequence;
         agent.answer_errno(wire, old, EINVAL);
         return false;
       };
     },
     Outcome::passed},
    {"more_messages_than_anyone_asked_for", self,
     [](Agent& a) {
       a.instead = on("load", [](Agent&, const Message&, FakeWire& wire) {
         for (std::uint32_t i = 100; i < 5000; ++i)
           wire.channel(wire::encode_message(Message{.op = "noise", .sequence = i}));
       });
     },
     Outcome::timeout},
    {"reads_larger_than_asked", two_reads,
     [](Agent& a) {
       a.instead =
           reads([](const Message& r) { return read_answer(std::string(r.number("max").value_or(0) + 1, 'x')); });
     },
     Outcome::error},
    {"zeros_beyond_any_message", two_reads,
     [](Agent& a) {
       a.instead = on("read", [](Agent&, const Message&, FakeWire& wire) {
         // Groups of no literal bytes and 2^28 - 1 zeros each (zero_runs.h), with a right id and checksum.
         Bytes piece;
         for (int i = 0; i < 300; ++i) {
           for (const int byte : {0x00, 0xff, 0xff, 0xff, 0x7f}) piece.push_back(static_cast<std::byte>(byte));
         }
         Bytes payload(8);
         write_int(payload, 0, wire::crc32(piece), std::endian::little);
         payload.insert(payload.end(), piece.begin(), piece.end());
         for (int i = 0; i < 100; ++i) wire.channel(wire::encode_frame('M', payload));
       });
     },
     Outcome::timeout},
    {"a_file_that_never_ends", two_reads,
     [](Agent& a) {
       a.instead = reads([](const Message& r) { return read_answer(std::string(r.number("max").value_or(0), 'x')); });
     },
     Outcome::error},
    {"a_file_of_nothing", two_reads,
     [](Agent& a) { a.instead = reads([](const Message&) { return read_answer(""); }); }, Outcome::error},
    {"numbers_where_bytes_should_be", two_reads,
     [](Agent& a) {
       a.instead = reads([](const Message&) {
         Message m;
         return m.set("data", 7);
       });
     },
     Outcome::error},
    {"an_iomem_of_noise", two_reads, [](Agent& a) { a.files["/proc/iomem"] = std::string(5000, '\xff'); },
     Outcome::error},
    {"a_device_tree_of_noise", self,
     [](Agent& a) {
       a.files["/sys/firmware/fdt"] = std::string(3000, '\xd0');
       a.instead = nullptr;
     },
     Outcome::passed},  // the facts of a first kernel come from the stage
    {"errno_beyond_reason", self, [](Agent& a) { a.instead = answering("load", INT64_MAX); }, Outcome::failed},
    {"an_answer_without_fields", overlap,
     [](Agent& a) {
       a.instead = on("load", [](Agent&, const Message& r, FakeWire& w) {
         w.channel(wire::encode_message(Message{.op = "load", .sequence = r.sequence}));
       });
     },
     Outcome::failed},
    {"a_manifest_of_noise", self,
     [](Agent& a) {
       a.instead = on("manifest", [](Agent& agent, const Message& r, FakeWire& w) {
         Message m;
         agent.answer(w, r, m.set("data", std::string(400000, '\xff')));
       });
     },
     Outcome::failed},
    {"hello_without_fields", self,
     [](Agent& a) {
       a.entered = [](Agent&, const Plan&, FakeWire& w) { w.channel(wire::encode_message(Message{.op = "hello"})); };
     },
     Outcome::failed},
    {"witness_records_of_noise", witness,
     [](Agent& a) {
       a.entered = [](Agent&, const Plan&, FakeWire& wire) {
         for (int i = 0; i < 1000; ++i)
           wire.console(wire::encode_frame('W', as_bytes("begin version=\xff nonce=\x1b[2J")));
       };
     },
     Outcome::timeout},
    {"a_witness_nobody_planned", self,
     [](Agent& a) {
       a.entered = [](Agent&, const Plan&, FakeWire& w) {
         w.console(wire::encode_frame('W', as_bytes("end count=0 bad=0")));
       };
     },
     Outcome::timeout},
};

class Hostiles : public CaseRunnerTest, public testing::WithParamInterface<Hostile> {};

TEST_P(Hostiles, gives_an_outcome) {
  Agent agent = lab_->agent();
  GetParam().change(agent);
  const auto result = play(GetParam().yaml, agent);
  EXPECT_STREQ(to_string(result.outcome), to_string(GetParam().outcome)) << result.reason;
  for (const auto& text : {result.reason, result.console_tail, result.diagnosis}) {
    EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) {
      return (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
    })) << text;
  }
  EXPECT_LE(result.reason.size(), 4000U);
}

INSTANTIATE_TEST_SUITE_P(agents, Hostiles, testing::ValuesIn(hostiles), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace kexlab::engine
