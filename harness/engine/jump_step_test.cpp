// SPDX-License-Identifier: Apache-2.0
// Switches that come back, and counters of executed lines, on a simulated guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/engine/testing_guest.h"
#include "harness/images/file.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;
using testing_guest::Agent;
using testing_guest::Lab;
using vm::FakeWire;
using wire::Message;

constexpr const char* twice = R"(name: t/jump
about: It comes back.
steps:
  - load: {flags: [PRESERVE_CONTEXT], segments: [{size: 1 page}], witness: true}
  - switch: {how: reboot, land: back}
  - switch: {how: reboot, land: back}
)";

struct Story {
  const char* name;
  void (*change)(Agent& agent);
  Outcome outcome;
  const char* reason;
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

/// Answers one operation with these fields, and nothing else otherwise than ever.
Agent::Instead telling(std::string op, std::function<Message(const Agent&)> fields) {
  return [op = std::move(op), fields = std::move(fields)](Agent& agent, const Message& request, FakeWire& wire) {
    if (request.op != op) return false;
    agent.answer(wire, request, fields(agent));
    return true;
  };
}

/// The witness reports as it should; what comes then is the test's.
Agent::Instead jumping(std::function<void(Agent&, const Message&, FakeWire&)> back) {
  return [back = std::move(back)](Agent& agent, const Message& request, FakeWire& wire) {
    if (request.op != "jump") return false;
    ++agent.rounds;
    agent.report(*agent.normal, wire);
    back(agent, request, wire);
    return true;
  };
}

const Story stories[] = {
    {"back_as_it_was", nullptr, Outcome::passed, ""},
    {"a_register_changed", [](Agent& a) { a.changed = "rbx is 0x1, was 0x2\nxmm3 has other contents\n"; },
     Outcome::failed, "not as it was: rbx is 0x1, was 0x2; xmm3 has other contents"},
    {"escape_sequences", [](Agent& a) { a.changed = "\x1b[2J\n"; }, Outcome::failed, "\\x1b[2J"},
    {"another_value",
     [](Agent& a) {
       a.instead = jumping([](Agent& n, const Message& request, FakeWire& wire) {
         Message fields;
         n.answer(wire, request, fields.set("value", 5));
       });
     },
     Outcome::failed, "reboot(2) returned 5"},
    {"memory_changed",
     [](Agent& a) {
       a.instead = telling("marked", [](const Agent&) { return Message().set("pages", 16).set("changed", 2); });
     },
     Outcome::failed, "2 of 16 pages of memory changed"},
    {"memory_forgotten",
     [](Agent& a) {
       a.instead = telling("marked", [](const Agent&) { return Message().set("pages", 0).set("changed", 0); });
     },
     Outcome::failed, "0 of 0 pages"},
    {"another_boot",
     [](Agent& a) {
       a.instead = telling("hello", [](const Agent& n) {
         auto facts = n.facts();
         return facts.set("boot_id", std::to_string(n.rounds));
       });
     },
     Outcome::failed, "its boot_id is another"},
    {"time_stood_still",
     [](Agent& a) {
       a.instead = telling("hello", [](const Agent& n) {
         auto facts = n.facts();
         return facts.set("uptime_ns", 7);
       });
     },
     Outcome::failed, "its uptime went from 7 ns to 7 ns"},
    {"the_image_is_gone",
     [](Agent& a) { a.instead = telling("state", [](const Agent&) { return Message().set("loaded", 0); }); },
     Outcome::failed, "no longer loaded"},
    {"the_witness_forgot",
     [](Agent& a) {
       a.instead = jumping([](Agent& n, const Message& request, FakeWire& wire) {
         n.rounds = 0;
         n.come_back(wire, request);
       });
     },
     Outcome::failed, "counts its entry number 1, expected 2"},
    {"it_never_went",
     [](Agent& a) {
       a.instead = [](Agent& n, const Message& request, FakeWire& wire) {
         if (request.op != "jump") return false;
         n.answer_errno(wire, request, 16);
         return true;
       };
     },
     Outcome::failed, "the switch did not happen: the call returned EBUSY"},
    {"the_answer_overtakes_the_witness",
     [](Agent& a) {
       a.instead = [](Agent& n, const Message& request, FakeWire& wire) {
         if (request.op != "jump") return false;
         ++n.rounds;
         n.come_back(wire, request);
         n.report(*n.normal, wire);
         return true;
       };
     },
     Outcome::passed, ""},
    {"it_says_that_it_went",
     [](Agent& a) {
       a.instead = [](Agent& n, const Message& request, FakeWire& wire) {
         if (request.op != "jump") return false;
         n.come_back(wire, request);
         return true;
       };
     },
     Outcome::failed, "the switch did not happen: the call returned ok"},
    {"it_died_on_the_way_back",
     [](Agent& a) {
       a.instead = jumping([](Agent&, const Message&, FakeWire& wire) { wire.end(vm::Ended::Why::reset); });
     },
     Outcome::failed, "the witness reported, but the first kernel did not come back: the guest was reset"},
    {"it_hangs_on_the_way_back", [](Agent& a) { a.instead = jumping([](Agent&, const Message&, FakeWire&) {}); },
     Outcome::timeout, "the first kernel did not come back"},
};

class Jumps : public testing::TestWithParam<Story> {
 protected:
  static void SetUpTestSuite() { lab_ = new Lab; }
  static void TearDownTestSuite() { delete std::exchange(lab_, nullptr); }
  static inline Lab* lab_ = nullptr;
};

TEST_P(Jumps, HaveTheOutcomeAndSayWhy) {
  Agent agent = lab_->agent();
  if (GetParam().change != nullptr) GetParam().change(agent);
  const auto played = lab_->play(twice, agent);
  EXPECT_STREQ(to_string(played.result.outcome), to_string(GetParam().outcome)) << played.result.reason;
  EXPECT_THAT(played.result.reason, HasSubstr(GetParam().reason));
  EXPECT_TRUE(played.dirty);
}

INSTANTIATE_TEST_SUITE_P(, Jumps, testing::ValuesIn(stories), [](const auto& row) { return row.param.name; });

class Coverage : public Jumps {
 protected:
  Coverage() : agent_(lab_->agent()) {
    agent_.manifest = {{"tree/kernel/kexec.gcda", "00"}, {"tree/kernel/other.txt", "00"}};
    agent_.files["/sys/kernel/debug/gcov/tree/kernel/kexec.gcda"] = std::string("counts\0", 7);
    lab_->coverage = lab_->folder() / "coverage";
  }
  ~Coverage() override {
    std::filesystem::remove_all(lab_->coverage);
    lab_->coverage.clear();
  }
  Agent agent_;
};

constexpr const char* quiet = R"(name: t/quiet
about: Nothing happens.
steps:
  - state: {loaded: false}
)";

TEST_F(Coverage, CountersOfACaseLieInItsFolder) {
  const auto played = lab_->play(quiet, agent_);
  EXPECT_EQ(played.result.outcome, Outcome::passed) << played.result.reason;
  const auto folder = coverage_folder(lab_->coverage, played.result) / "0";
  EXPECT_EQ(as_text(images::read_file(folder / "tree/kernel/kexec.gcda").value()), std::string_view("counts\0", 7));
  EXPECT_FALSE(std::filesystem::exists(folder / "tree/kernel/other.txt"));
}

TEST_F(Coverage, AGuestCannotWriteElsewhere) {
  for (const char* name : {"../escaped.gcda", "a/../../escaped.gcda", "\x1b-escaped.gcda"}) {
    agent_.manifest = {{name, "00"}};
    const auto played = lab_->play(quiet, agent_);
    EXPECT_EQ(played.result.outcome, Outcome::error) << name;
    EXPECT_THAT(played.result.reason, HasSubstr("escaped.gcda")) << name;
  }
}

TEST_F(Coverage, AKernelWithoutCountersIsNoError) {
  agent_.instead = [](Agent& agent, const Message& request, FakeWire& wire) {
    if (request.op == "manifest") agent.answer_errno(wire, request, 2);
    return request.op == "manifest";
  };
  EXPECT_EQ(lab_->play(quiet, agent_).result.outcome, Outcome::passed);
}

TEST(FileName, IsMadeOfLettersDigitsDashesAndDots) {
  EXPECT_THAT(file_name("a/b[c=d e]@x/6.1"), testing::MatchesRegex("a_b_c_d_e__x_6[.]1-[0-9a-f]{8}"));
  EXPECT_EQ(file_name("../\x1b\n'").find_first_of("/\x1b\n'"), std::string::npos);
  EXPECT_NE(file_name("a+1"), file_name("a 1"));
  EXPECT_EQ(file_name("a"), file_name("a"));
}

TEST(CoverageFolder, DifferentCasesHaveDifferentFolders) {
  CaseResult one, other;
  one.id = "a[at=1 page + 1]";
  other.id = "a[at=1 page - 1]";
  EXPECT_NE(coverage_folder("r", one), coverage_folder("r", other));
  one.target = "x86_64";
  one.kernel = "k";
  EXPECT_THAT(coverage_folder("r", one).string(), testing::StartsWith("r/x86_64/k/a_at_1_page___1_-"));
}

}  // namespace
}  // namespace kexlab::engine
