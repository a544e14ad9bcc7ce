// SPDX-License-Identifier: Apache-2.0
// Cases on a scripted guest: what the tests of single steps share, and a story as a row of a table.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "harness/engine/case_runner.h"
#include "harness/engine/testing_guest.h"

namespace kexlab::engine {

using testing_guest::Agent;
using testing_guest::Lab;
using vm::Ended;
using vm::FakeWire;
using wire::Message;

inline constexpr const char* self = R"(name: t/self
about: A kernel starts itself.
steps:
  - load: {kernel: self}
  - state: {loaded: true}
  - switch: reboot
  - check: {release: self, generation: 1, cmdline: true, initrd: true}
  - state: {loaded: false}
)";
inline constexpr const char* witness = R"(name: t/witness
about: Segments arrive.
load: {segments: [{at: 0x51000000, size: 4 pages, data: 100}, {size: 1 page}], witness: true}
then: land on witness
)";
inline constexpr const char* overlap = R"(name: t/overlap
about: Segments overlap.
load: {segments: [{at: ram + 16 MiB, size: 2 pages}, {at: ram + 16 MiB + 1 page, size: 1 page}]}
expect: EINVAL
)";

/// Deals with requests of one operation only.
inline Agent::Instead on(std::string op, std::function<void(Agent&, const Message&, FakeWire&)> act) {
  return [op = std::move(op), act = std::move(act)](Agent& agent, const Message& request, FakeWire& wire) {
    if (request.op == op) act(agent, request, wire);
    return request.op == op;
  };
}
inline Agent::Instead answering(std::string op, std::int64_t error, std::string why = {}) {
  return on(std::move(op), [=](Agent& agent, const Message& request, FakeWire& wire) {
    agent.answer_errno(wire, request, error, why);
  });
}
inline Agent::Instead ending(std::string op, Ended::Why why) {
  return on(std::move(op), [=](Agent&, const Message&, FakeWire& wire) { wire.end(why, "status 7"); });
}
inline Agent::Instead deaf_to(std::string op) {
  return on(std::move(op), [](Agent&, const Message&, FakeWire&) {});
}
/// The planned kernel comes up, but something of it is changed before it says so.
template <class Change>
inline std::function<void(Agent&, const Plan&, FakeWire&)> up_with(Change change) {
  return [=](Agent& agent, const Plan& plan, FakeWire& wire) {
    FakeWire unheard;
    agent.boot(plan, unheard);
    change(agent);
    agent.hello(wire);
  };
}
inline std::function<void(Agent&, const Plan&, FakeWire&)> ended_by(Ended::Why why) {
  return [=](Agent&, const Plan&, FakeWire& wire) {
    wire.console("Booting\nlast words\n");
    wire.end(why);
  };
}

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

inline void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

/// Rows of stories. Invariants of every outcome: only what passed has no reason, place and console; a case ends with
/// the step that decided.
class Stories : public CaseRunnerTest, public testing::WithParamInterface<Story> {
 protected:
  void has_the_outcome_and_says_why() {
    const Story& story = GetParam();
    Agent agent = lab_->agent();
    if (story.change != nullptr) story.change(agent);
    const auto result = play(story.yaml, agent);
    EXPECT_STREQ(to_string(result.outcome), to_string(story.outcome)) << result.reason;
    for (const char* reason : story.reasons) EXPECT_THAT(result.reason, testing::HasSubstr(reason));
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
};

}  // namespace kexlab::engine
