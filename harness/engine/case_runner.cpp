// SPDX-License-Identifier: Apache-2.0
// The way of a case: its steps in turn, and how each thing that can happen becomes an outcome.
#include "harness/engine/case_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "harness/engine/errno_text.h"

namespace kexlab::engine {
namespace {

std::string make_nonce() {
  std::random_device source;
  std::string nonce;
  for (int i = 0; i < 4; ++i) nonce += fmt::format("{:08x}", source());
  return nonce;
}

bool loads_a_kernel(const scenario::Step& step) {
  if (auto* random = std::get_if<scenario::RandomStep>(&step.action)) return random->files;
  if (auto* load = std::get_if<scenario::LoadStep>(&step.action)) return !load->kernel.empty();
  return std::holds_alternative<scenario::FileLoadStep>(step.action);
}

std::string kernel_of(const scenario::Step& step) {
  if (auto* load = std::get_if<scenario::LoadStep>(&step.action)) return load->kernel;
  if (auto* load = std::get_if<scenario::FileLoadStep>(&step.action)) return load->kernel.from;
  if (std::holds_alternative<scenario::RandomStep>(step.action)) return "self";
  return {};
}

}  // namespace

Cargo cargo_of(const scenario::Case& what) {
  Cargo cargo;
  for (const auto& step : what.steps) {
    if (!loads_a_kernel(step)) continue;
    cargo.self |= kernel_of(step) == "self";
    cargo.next |= kernel_of(step) == "next";
    const auto* load = std::get_if<scenario::LoadStep>(&step.action);
    cargo.crash |= load != nullptr && load->crash && load->kernel == "self";
  }
  return cargo;
}

CaseRunner::CaseRunner(const Stage& stage, const scenario::Case& what, Session& session, std::function<Status()> revive)
    : stage_(stage),
      case_(what),
      session_(session),
      revive_(std::move(revive)),
      started_(Clock::now()),
      deadline_(started_ + what.deadline),
      nonce_(make_nonce()),
      facts_(stage.facts),
      hello_(stage.hello) {
  result_.id = what.id;
  result_.scenario = what.scenario;
  result_.about = what.about;
  result_.target = stage.target->name;
  result_.kernel = stage.self->name;
  result_.parameters = what.parameters;
}

double CaseRunner::elapsed() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }

// A request to a living agent takes milliseconds. A third of the case's time, 20 s of the usual minute, leaves room for
// hundreds of MiB to be copied under emulation, and grows with it on slow hosts.
CaseRunner::Clock::time_point CaseRunner::soon() const {
  return std::min(deadline_, Clock::now() + case_.deadline / 3);
}

CaseResult CaseRunner::run() {
  result_.outcome = Outcome::passed;
  session_.console().forget_complaint();  // what the boot said is not this case's
  for (const auto& what : case_.steps) {
    StepRecord record;
    const auto begun = Clock::now();
    Verdict verdict = step(what, record);
    record.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    record.good = verdict.outcome == Outcome::passed;
    result_.steps.push_back(std::move(record));
    if (verdict.last) break;
    if (verdict.outcome == Outcome::passed) continue;
    result_.outcome = verdict.outcome;
    result_.reason = std::move(verdict.reason);
    result_.rule = std::move(verdict.rule);
    result_.where = fmt::format("{}:{}", what.where.file, what.where.line);
    result_.console_tail = session_.console().str();
    break;
  }
  if (!session_.ended()) {
    const auto collected = collect_coverage();
    if (!collected && result_.outcome == Outcome::passed) {
      result_.outcome = Outcome::error;
      result_.reason = collected.error().str();
    }
  }
  judge_complaint();
  result_.seconds = elapsed();
  return std::move(result_);
}

// A kernel that does what it should and says that it broke something on the way is broken.
void CaseRunner::judge_complaint() {
  const std::string& complaint = session_.console().complaint();
  if (complaint.empty()) return;
  if (result_.outcome == Outcome::passed) {
    result_.outcome = Outcome::failed;
    result_.reason = "every step gave what it should, but the kernel complained: \"" + complaint + "\"";
    result_.where = fmt::format("{}:{}", case_.where.file, case_.where.line);
    result_.console_tail = session_.console().str();
  } else {
    result_.reason += "; the kernel complained: \"" + complaint + "\"";
  }
}

Verdict CaseRunner::step(const scenario::Step& what, StepRecord& record) {
  return std::visit([&](const auto& action) { return on(action, record); }, what.action);
}

// Without it no plan can be made, and that is the kernel's doing.
bool CaseRunner::reserved_nothing() const {
  const bool can = !stage_.self->config_known || stage_.self->has("CRASH_DUMP");
  return can && case_.guest.crashkernel_mib && hello_.generation == 0 && facts_ &&
         facts_->machine.memory.named("Crash kernel").empty();
}

// An error of a conversation is the guest's fault where the guest ended or went silent, else the harness's.
Verdict CaseRunner::from_error(const Error& error) const {
  switch (error.code) {
    case Errc::guest_died:
      return {session_.ended() && session_.ended()->why == vm::Ended::Why::vm_died ? Outcome::error : Outcome::failed,
              "the guest ended while it was to answer: " + error.str(),
              {}};
    case Errc::timeout:
      return {Outcome::timeout, "the guest stopped answering: " + error.str(), {}};
    default:
      if (reserved_nothing()) {
        return {Outcome::failed, "the kernel was asked for a reservation (crashkernel=) and tells of none: " + error.str(),
                {}};
      }
      return {Outcome::error, error.str(), {}};
  }
}

Result<wire::Message> CaseRunner::ask(wire::Message request) { return session_.call(std::move(request), soon()); }

Verdict CaseRunner::judge_call(const scenario::Expectation& expect, const wire::Message& answer,
                               const std::optional<model::Prediction>& predicted, StepRecord& record) {
  const auto value = static_cast<long>(static_cast<std::int64_t>(answer.number("value").value_or(0)));
  const int error = static_cast<int>(answer.number("errno").value_or(0));
  long want_value = expect.kind == scenario::Expectation::Kind::value ? expect.value : 0;
  int want_error = expect.kind == scenario::Expectation::Kind::error ? expect.error : 0;
  std::string rule;
  std::string explained;
  if (predicted && predicted->rule != nullptr) {
    rule = predicted->rule->name;
    explained = " — " + rule_text(*predicted);
  }
  if (expect.kind == scenario::Expectation::Kind::model && predicted) {
    want_value = predicted->value;
    want_error = predicted->error;
  }
  if (want_error != 0) want_value = -1;
  record.observed = answer_text(value, error);
  record.expected = answer_text(want_value, want_error);
  if (value == want_value && error == want_error) return {};
  return {Outcome::failed,
          fmt::format("{}: the kernel answered {}, expected {}{}", record.what, record.observed, record.expected,
                      explained),
          rule};
}

// The model tells what a call leaves behind as well as what it gives.
Verdict CaseRunner::judge_state(const model::Prediction& predicted, StepRecord& record) {
  auto now = situation();
  if (!now) return from_error(now.error());
  const std::string wrong = state_difference(now->state, predicted.after);
  if (wrong.empty()) return {};
  record.observed += ", then " + state_text(now->state);
  record.expected += ", then " + state_text(predicted.after);
  return {Outcome::failed, fmt::format("{}: after the call {} — {}", record.what, wrong, rule_text(predicted)),
          std::string(predicted.rule->name)};
}

Verdict CaseRunner::judge_call_and_state(const scenario::Expectation& expect, const wire::Message& answer,
                                         const model::Prediction& predicted, StepRecord& record) {
  auto verdict = judge_call(expect, answer, predicted, record);
  if (verdict.outcome != Outcome::passed || expect.kind != scenario::Expectation::Kind::model) return verdict;
  return judge_state(predicted, record);
}

void CaseRunner::note_loaded(const Plan& plan, bool crash) {
  auto& slot = crash ? crash_ : normal_;
  loaded_ = true;
  if (plan.count() == 0) {
    slot.reset();
  } else {
    slot = std::move(candidate_);
  }
  candidate_.reset();
}

}  // namespace kexlab::engine
