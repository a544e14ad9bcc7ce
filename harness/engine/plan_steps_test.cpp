// SPDX-License-Identifier: Apache-2.0
// What a plan made of written segments is given beside them.
#include "harness/engine/case_runner_story.h"

namespace kexlab::engine {
namespace {

TEST_F(CaseRunnerTest, leaves_no_instruction_before_an_entry_inside_the_witness) {
  Agent agent = lab_->agent();
  Bytes code;
  agent.entered = [&](Agent&, const Plan& plan, FakeWire& wire) {
    code = plan.segments.back().pieces.front().bytes;
    wire.end(Ended::Why::powered_off);
  };
  play(R"(name: t/entry
about: The entry is inside the witness.
load: {segments: [{size: 1 page}], witness: true, entry: witness + 8}
then: land on witness
)",
       agent);
  ASSERT_GT(code.size(), 12U);
  EXPECT_THAT(std::span(code).first(8), testing::Each(std::byte{0xff}));
  EXPECT_EQ(code[8], lab_->bench.witness[8]);
  EXPECT_NE(code[8], std::byte{0xff});
}

constexpr const char* crash_load = R"(name: t/crash
about: A crash kernel is loaded where memory was asked for.
guest: {crashkernel: 64 MiB}
steps:
  - load: {kernel: self, crash: true}
)";

TEST_F(CaseRunnerTest, a_kernel_that_reserves_nothing_has_failed) {
  auto& entries = lab_->facts.machine.memory.entries;
  std::erase_if(entries, [](const auto& entry) { return entry.name == "Crash kernel"; });
  Agent agent = lab_->agent();
  const auto result = play(crash_load, agent);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.reason, testing::HasSubstr("asked for a reservation (crashkernel=) and tells of none"));
}

TEST_F(CaseRunnerTest, a_kernel_that_cannot_reserve_is_no_failure) {
  auto& entries = lab_->facts.machine.memory.entries;
  std::erase_if(entries, [](const auto& entry) { return entry.name == "Crash kernel"; });
  lab_->bench.self.config.erase("CONFIG_CRASH_DUMP");
  Agent agent = lab_->agent();
  EXPECT_EQ(play(crash_load, agent).outcome, Outcome::error);
}

}  // namespace
}  // namespace kexlab::engine
