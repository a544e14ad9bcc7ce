// SPDX-License-Identifier: Apache-2.0
// Random calls against a simulated kernel that keeps the contract, and against ones that break it at one place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/engine/testing_guest.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;
using testing_guest::Agent;
using vm::FakeWire;
using wire::Message;

constexpr const char* random_calls = R"(name: t/random
about: Random calls.
steps:
  - random: {calls: 320, seed: 5}
)";

constexpr const char* calls_with_files = R"(name: t/random-files
about: Random calls with files.
steps:
  - random: {calls: 320, seed: 5, files: true}
)";

/// A kernel that answers as the model says, and does what `defect` adds.
struct Kernel {
  model::Situation now;
  std::function<void(const Plan&, const model::State& before, model::Prediction&)> defect;
  std::function<bool(const Plan&)> dies_of;
  std::size_t calls = 0, file_calls = 0;
  bool files_are_never_disabled = false;

  /// Where loading is disabled, which is all that is simulated of files.
  Message file_load(const Message& request) {
    Message answer{.op = "file_load"};
    ++file_calls;
    const bool sound = !request.text("drop") && !request.number("uid") && !request.number("pidns");
    if (files_are_never_disabled && sound) return answer.set("value", 0).set("errno", 0);
    return answer.set("value", -1).set("errno", EPERM);
  }
  Message load(const Message& request) {
    Message answer{.op = "load"};
    const auto plan = decode_plan(request.bytes("plan").value_or(ByteView{}));
    scenario::Credentials as;
    if (request.text("drop")) as.drop = {std::string(*request.text("drop"))};
    if (const auto uid = request.number("uid")) as.uid = static_cast<unsigned>(*uid);
    auto predicted = model::predict(now, *plan, as, false);
    if (defect) defect(*plan, now.state, predicted);
    now.state = predicted.after;
    ++calls;
    return answer.set("value", predicted.value).set("errno", predicted.error);
  }
  [[nodiscard]] Message state() const {
    Message answer{.op = "state"};
    answer.set("errno", 0).set("loaded", now.state.loaded ? 1 : 0).set("crash_loaded", now.state.crash_loaded ? 1 : 0);
    return answer.set("load_disabled", now.state.load_disabled ? 1 : 0);
  }
};

class RandomSteps : public testing::Test {
 protected:
  CaseResult play(Kernel& kernel, std::uint64_t seed = 0, const char* scenario = random_calls) {
    Agent agent = lab_.agent();
    agent.instead = [&](Agent& self, const Message& request, FakeWire& wire) {
      if (request.op == "state" && kernel.now.state.load_disabled) {
        self.answer(wire, request, kernel.state());
        return true;
      }
      if (request.op != "batch") return false;
      std::vector<Message> answers;
      const auto requests = wire::decode_list(request.bytes("requests").value_or(ByteView{}));
      for (const auto& one : *requests) {
        const auto plan = decode_plan(one.bytes("plan").value_or(ByteView{}));
        if (kernel.dies_of && plan && kernel.dies_of(*plan)) {
          wire.end(vm::Ended::Why::panicked);
          return true;
        }
        answers.push_back(one.op == "load"        ? kernel.load(one)
                          : one.op == "file_load" ? kernel.file_load(one)
                                                  : kernel.state());
      }
      const Bytes list = wire::encode_list(answers);
      Message fields;
      self.answer(wire, request, std::move(fields.set("answers", ByteView(list))));
      return true;
    };
    vm::FakeBackend backend(
        [&](const vm::GuestSpec&) -> Result<vm::FakeScript> { return testing_guest::script_of(agent); });
    const auto cases = testing_guest::cases_of(scenario);
    std::unique_ptr<vm::Guest> guest;
    std::optional<Session> session;
    auto revive = [&]() -> Status {
      guest = std::move(*backend.boot({}));
      session.emplace(*guest, std::stop_token());
      auto hello = session->wait_hello(vm::Clock::time_point::max());
      return hello ? Status() : tl::unexpected(hello.error());
    };
    EXPECT_TRUE(revive());
    lab_.bench.self.config["CONFIG_KEXEC_FILE"] = "y";
    Stage stage = lab_.stage(cases.at(0), agent);
    stage.seed = seed;
    kernel.now.arch = "arm64";
    kernel.now.config = {{"KEXEC", "y"}, {"CRASH_DUMP", "y"}};
    kernel.now.ram_pages = stage.facts.ram_pages;
    return CaseRunner(stage, cases.at(0), *session, revive).run();
  }

  testing_guest::Lab lab_;
};

TEST_F(RandomSteps, PassOnAKernelThatKeepsTheContract) {
  Kernel kernel;
  const auto result = play(kernel);
  EXPECT_EQ(result.outcome, Outcome::passed) << result.reason;
  EXPECT_EQ(kernel.calls, 320u);
  EXPECT_EQ(result.figures.at("random_calls"), 320);
  EXPECT_TRUE(result.attachments.empty());
}

TEST_F(RandomSteps, TellTheRuleThatAKernelForgot) {
  Kernel kernel;
  kernel.defect = [](const Plan&, const model::State& before, model::Prediction& p) {
    if (p.rule->name == "overlap") p = {.value = 0, .error = 0, .rule = p.rule, .after = before};
  };
  const auto result = play(kernel);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.rule, "overlap");
  EXPECT_THAT(result.reason, HasSubstr("the kernel answered ok, expected EINVAL"));
  EXPECT_THAT(result.reason, HasSubstr("1 of 16 calls"));
  ASSERT_EQ(result.attachments.size(), 1u);
  const auto scenarios = scenario::parse_scenarios(result.attachments[0].text, "calls.yaml");
  ASSERT_TRUE(scenarios) << scenarios.error().str();
  EXPECT_EQ(scenario::expand(scenarios->at(0))->at(0).steps.size(), 4u)
      << "two that empty the slots, one call, the state";
}

TEST_F(RandomSteps, SeeAStateThatACallLeavesBehind) {
  Kernel kernel;
  kernel.defect = [](const Plan&, const model::State&, model::Prediction& p) {
    if (p.rule->name == "buffer") p.after.loaded = false;  // a failed load drops the image that was there
  };
  const auto result = play(kernel);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.reason, HasSubstr("after the call loaded is 0, expected 1"));
  EXPECT_THAT(result.reason, HasSubstr("2 of 16 calls"));
}

TEST_F(RandomSteps, FindTheCallThatKillsTheKernel) {
  Kernel kernel;
  kernel.dies_of = [](const Plan& plan) { return plan.segments.size() >= 15 && (plan.flags & kexec::on_crash) == 0; };
  const auto result = play(kernel);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_THAT(result.reason, HasSubstr("1 of 16 random calls"));
  ASSERT_EQ(result.attachments.size(), 1u);
}

TEST_F(RandomSteps, TakeTheSeedOfTheRun) {
  std::vector<std::string> found;
  for (const std::uint64_t seed : {0, 0, 7}) {
    Kernel kernel;
    kernel.defect = [](const Plan&, const model::State&, model::Prediction& p) {
      if (p.rule->name == "accepted") p.error = 5, p.value = -1;
    };
    found.push_back(play(kernel, seed).attachments.at(0).text);
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_NE(found[0], found[2]);
}

TEST_F(RandomSteps, CallWithFilesBetweenTheOthers) {
  Kernel kernel;
  kernel.now.state.load_disabled = true;
  const auto result = play(kernel, 0, calls_with_files);
  EXPECT_EQ(result.outcome, Outcome::passed) << result.reason;
  EXPECT_EQ(kernel.calls + kernel.file_calls, 320u);
  EXPECT_GT(kernel.file_calls, 80u);
}

TEST_F(RandomSteps, TellTheRuleOfFilesThatAKernelForgot) {
  Kernel kernel;
  kernel.now.state.load_disabled = kernel.files_are_never_disabled = true;
  const auto result = play(kernel, 0, calls_with_files);
  EXPECT_EQ(result.outcome, Outcome::failed);
  EXPECT_EQ(result.rule, "file_load_disabled");
  EXPECT_THAT(result.reason, HasSubstr("kexec_file_load(kernel self, initrd none, flags 0x4)"));
  EXPECT_THAT(result.reason, HasSubstr("1 of 16 calls"));
  ASSERT_EQ(result.attachments.size(), 1u);
  const auto scenarios = scenario::parse_scenarios(result.attachments[0].text, "calls.yaml");
  ASSERT_TRUE(scenarios) << scenarios.error().str();
  const auto steps = scenario::expand(scenarios->at(0))->at(0).steps;
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_TRUE(std::holds_alternative<scenario::FileLoadStep>(steps[2].action));
}

}  // namespace
}  // namespace kexlab::engine
