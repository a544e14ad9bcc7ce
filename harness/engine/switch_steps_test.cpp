// SPDX-License-Identifier: Apache-2.0
// Switches on a scripted guest: those that start nothing, and what comes of the witness's report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <regex>

#include "harness/engine/case_runner_story.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;

constexpr const char* from_cpu_1 = R"(name: t/from-cpu-1
about: The second CPU reboots.
guest: {cpus: 2}
steps:
  - load: {kernel: self}
  - switch: {how: reboot, cpu: 1}
)";

/// A guest whose CPU 1 cannot be had.
Agent::Instead without_cpu_1() {
  return [](Agent& agent, const Message& request, FakeWire& wire) {
    if (request.number("cpu") != 1U) return false;
    agent.answer_errno(wire, request, EINVAL, "run on CPU 1");
    return true;
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

class SwitchStories : public Stories {};

TEST_P(SwitchStories, have_the_outcome_and_say_why) { has_the_outcome_and_says_why(); }

const Story stories[] = {
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
    {"the_cpu_of_a_switch_is_told_to_the_guest",
     from_cpu_1,
     [](Agent& a) { a.instead = without_cpu_1(); },
     Outcome::failed,
     {"the switch did not happen: the call returned EINVAL (run on CPU 1)"}},
    {"the_switch_to_a_witness_returned",
     witness,
     [](Agent& a) { a.instead = answering("reboot", EBUSY); },
     Outcome::failed,
     {"the switch did not happen: the call returned EBUSY"}},
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
};

INSTANTIATE_TEST_SUITE_P(outcomes, SwitchStories, testing::ValuesIn(stories),
                         [](const auto& row) { return row.param.name; });

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

}  // namespace
}  // namespace kexlab::engine
