// SPDX-License-Identifier: Apache-2.0
// What is said of a dump on a scripted guest.
#include "harness/engine/case_runner_story.h"
#include "harness/model/contract.h"
#include "harness/targets/target.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;

TEST_F(CaseRunnerTest, a_dump_that_the_kernel_does_not_give_is_its_failure) {
  lab_->facts.machine.memory.entries.push_back({{0x50000000, 0x58000000}, 1, "Crash kernel"});
  Agent agent = lab_->agent();
  agent.instead = [](Agent& guest, const Message& request, FakeWire& wire) {
    if (request.op != "read" || request.text("path").value_or("") != "/proc/vmcore") return false;
    guest.answer_errno(wire, request, EFAULT, "read");
    return true;
  };
  const auto result = play(R"(name: t/vmcore
about: The dump is there.
guest: {crashkernel: default}
steps:
  - load: {kernel: self, crash: true}
  - switch: crash
  - vmcore:
)",
                           agent);
  EXPECT_EQ(result.outcome, Outcome::failed) << result.reason;
  EXPECT_THAT(result.reason, HasSubstr("reading 65536 bytes at offset 0x0 gives EFAULT"));
  lab_->facts.machine.memory.entries.pop_back();
}

// Without it the size of a CPU's state would pass unseen.
TEST(Dumps, every_target_that_has_them_tells_its_number_of_registers) {
  for (const Target& target : all_targets()) {
    if (target.limit("crash") != nullptr || target.limit("vmcore") != nullptr) continue;
    const auto& dumped = model::contract_of(target.name).dumped;
    EXPECT_NE(dumped.registers, 0u) << target.name;
    EXPECT_LT(dumped.program_counter, dumped.registers) << target.name;
    EXPECT_LT(dumped.stack_pointer, dumped.registers) << target.name;
    EXPECT_NE(dumped.program_counter, dumped.stack_pointer) << target.name;
  }
}

}  // namespace
}  // namespace kexlab::engine
