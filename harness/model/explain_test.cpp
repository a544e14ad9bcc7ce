// SPDX-License-Identifier: Apache-2.0
// Predictions in words: the answer, the rule, the segments to blame, and what is not known.
#include "harness/model/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kexlab::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Situation known() {
  Situation situation;
  situation.arch = "x86_64";
  situation.ram_pages = 100'000;
  situation.config = {{"KEXEC", "y"}};
  situation.crash_reservation = Range{0x10000000, 0x18000000};
  return situation;
}

Plan plan_at(std::initializer_list<std::uint64_t> addresses) {
  Plan plan{.arch = "x86_64", .entry = 0x100000, .flags = std::uint64_t{62} << 16};
  for (const auto at : addresses) plan.segments.push_back({"s", {}, 16, at, 0x2000, Pointer::valid});
  return plan;
}

TEST(Explain, AnAcceptedCallNeedsNoAdvice) {
  const auto text = explain(known(), plan_at({0x100000, 0x102000}), {}, false);
  EXPECT_THAT(text, AllOf(HasSubstr("would be accepted"), HasSubstr("kexec_loaded=1 kexec_crash_loaded=0"),
                          Not(HasSubstr("because")), Not(HasSubstr("unknown"))));
}

TEST(Explain, NamesTheSegmentsThatOverlapAndNoOther) {
  const auto text = explain(known(), plan_at({0x100000, 0x200000, 0x201000}), {}, false);
  EXPECT_THAT(text, AllOf(HasSubstr("refused: EINVAL"), HasSubstr("rule     overlap: segments do not overlap"),
                          HasSubstr("source   kernel/kexec_core.c"), HasSubstr("because  segment 1 's'"),
                          HasSubstr("because  segment 2 's'"), Not(HasSubstr("segment 0")), HasSubstr("do       ")));
}

TEST(Explain, BlamesNoSegmentForWhatIsInNone) {
  Plan plan = plan_at({0x100000, 0x200000});
  plan.flags |= 0x40;
  EXPECT_THAT(explain(known(), plan, {}, false), AllOf(HasSubstr("rule     flags"), Not(HasSubstr("because"))));
}

TEST(Explain, TellsThatACrashImageIsLostByARefusedSuccessor) {
  Situation situation = known();
  situation.state.loaded = situation.state.crash_loaded = true;
  Plan plan = plan_at({0x100000});
  plan.flags |= kexec::on_crash;
  plan.entry = 0x10000000;
  EXPECT_THAT(explain(situation, plan, {}, false),
              AllOf(HasSubstr("refused: EADDRNOTAVAIL"), HasSubstr("kexec_loaded=1 kexec_crash_loaded=0")));
}

TEST(Explain, SaysWhatItDoesNotKnow) {
  Situation situation;
  situation.arch = "x86_64";
  EXPECT_THAT(explain(situation, plan_at({0x100000}), {}, false),
              AllOf(HasSubstr("unknown  the kernel's configuration"), HasSubstr("unknown  how much RAM"),
                    HasSubstr("unknown  a reservation")));
}

TEST(Explain, GivesAPositiveValueAsItIs) {
  Plan plan = plan_at({0x100000, 0x200000});
  plan.array = Pointer::unmapped;
  EXPECT_THAT(explain(known(), plan, {}, true), HasSubstr("refused: value 16"));
}

}  // namespace
}  // namespace kexlab::model
