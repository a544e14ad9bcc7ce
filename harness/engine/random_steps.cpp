// SPDX-License-Identifier: Apache-2.0
// Random calls: episodes made from a seed, each call's answer and the state behind it held against the model. What
// differs is shrunk on the living guest and written down as a scenario.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"
#include "harness/random/source.h"

namespace kexlab::engine {
namespace {

// A probe takes some 50 ms on a living guest, a second where the guest must be put back first.
constexpr unsigned most_probes = 200;
constexpr unsigned most_probes_of_the_dead = 40;
// Shrinking stops this long before the case's deadline.
constexpr std::chrono::seconds time_of_a_probe{5};

std::optional<random::Difference> compare(std::size_t index, const wire::Message& call, const wire::Message& state,
                                          const model::Prediction& predicted) {
  const auto value = static_cast<long>(static_cast<std::int64_t>(call.number("value").value_or(0)));
  const int error = static_cast<int>(call.number("errno").value_or(0));
  if (value != predicted.value || error != predicted.error) {
    return random::Difference{index,
                              fmt::format("the kernel answered {}, expected {} — {}", answer_text(value, error),
                                          answer_text(predicted.value, predicted.error), rule_text(predicted)),
                              std::string(predicted.rule->name)};
  }
  const std::string wrong = state_difference(state_of(state), predicted.after);
  if (wrong.empty()) return std::nullopt;
  return random::Difference{index, fmt::format("after the call {} — {}", wrong, rule_text(predicted)),
                            std::string(predicted.rule->name)};
}

std::string call_text(const scenario::FileLoadStep& call) {
  return fmt::format("kexec_file_load(kernel {}, initrd {}, flags {:#x})", call.kernel.from, call.initrd.from,
                     call.flags);
}

std::string call_text(const random::Attempt& call) {
  if (call.file) return call_text(*call.file);
  const Plan& plan = call.plan;
  return fmt::format("{}kexec_load({}, {}, {}, {})", call.compat ? "32-bit " : "", fmt::format("{:#x}", plan.entry),
                     plan.count(), to_string(plan.array), flags_to_string(plan.flags));
}

}  // namespace

random::World CaseRunner::random_world(const model::Situation& now) const {
  random::World world{.situation = now};
  if (const Arch* arch = find_arch(stage_.target->name); arch != nullptr) {
    world.kexec_arch = arch->kexec_arch;
    world.bits = arch->bits;
    world.usable = arch->usable(facts_->machine, false);
    if (arch->demanded != nullptr) world.demanded = arch->demanded(facts_->machine);
  }
  const auto text = facts_->machine.memory.named("Kernel code");
  if (!text.empty()) world.kernel = text.front();
  world.over_kernel = world.kernel && world.usable.overlaps(*world.kernel);
  if (const Abi* compat = stage_.target->find_abi("compat"); compat != nullptr) {
    const auto option = now.config.find(compat->config);
    world.compat = option != now.config.end() && option->second == "y";
  }
  world.empty_crash = stage_.target->limit("empty_crash_segment") == nullptr;
  return world;
}

std::uint64_t CaseRunner::seed_of(std::uint64_t step) const {
  return stage_.seed == 0 ? step : random::derive(stage_.seed, step);
}

Result<wire::Message> CaseRunner::request_of(const random::Attempt& call) {
  if (!call.file) return load_request(call.plan, call.as, call.compat ? "compat" : scenario::native_abi);
  wire::Message request{.op = "file_load"};
  set_credentials(request, call.as);
  auto made = file_call(*call.file, command_line({}, false), request);
  if (!made) return tl::unexpected(made.error());
  return request;
}

Result<model::Prediction> CaseRunner::predict(const random::Attempt& call, const model::Situation& now) {
  if (!call.file) return model::predict(now, call.plan, call.as, call.compat);
  wire::Message unsent;
  auto made = file_call(*call.file, command_line({}, false), unsent);
  if (!made) return tl::unexpected(made.error());
  return model::predict(now, *made, call.as);
}

// All calls of an episode in one request, the state read behind each. `now` becomes the state that was seen last.
Result<std::optional<random::Difference>> CaseRunner::play(const random::Episode& episode, model::Situation& now) {
  std::vector<wire::Message> requests;
  for (const auto& call : episode) {
    auto made = request_of(call);
    if (!made) return tl::unexpected(made.error());
    requests.push_back(std::move(*made));
    requests.push_back({.op = "state"});
  }
  const Bytes list = wire::encode_list(requests);
  wire::Message request{.op = "batch"};
  auto answer = ask(std::move(request.set("requests", ByteView(list))));
  if (!answer) return tl::unexpected(answer.error());
  const auto answers = wire::decode_list(answer->bytes("answers").value_or(ByteView{}));
  if (!answers || answers->size() != requests.size()) {
    return fail(Errc::protocol, "make an episode of random calls", "the agent's answer does not fit the request");
  }
  std::optional<random::Difference> found;
  for (std::size_t i = 0; i < episode.size(); ++i) {
    const auto &call = answers->at(2 * i), &state = answers->at(2 * i + 1);
    if (call.text("why")) {
      return fail(Errc::protocol, "make " + call_text(episode[i]), printable(*call.text("why")));
    }
    const auto predicted = predict(episode[i], now);
    if (!predicted) return tl::unexpected(predicted.error());
    if (!found) found = compare(i, call, state, *predicted);
    now.state = state_of(state);
  }
  return found;
}

void CaseRunner::attach(const random::Episode& episode, const random::Difference& difference, model::Situation now) {
  random::Episode whole = random::make_reset(random_world(now));
  whole.insert(whole.end(), episode.begin(), episode.end());
  for (const auto& call : whole) {
    if (const auto predicted = predict(call, now)) now.state = predicted->after;
  }
  result_.attachments.push_back(
      {"calls.yaml", random::to_scenario(whole, difference, case_, stage_.target->name, now.state)});
}

// A candidate behind calls that empty both slots, so that nothing of the candidate before it is left.
Result<std::optional<random::Difference>> CaseRunner::replay(const random::Episode& candidate, model::Situation& now) {
  random::Episode whole = random::make_reset(random_world(now));
  const std::size_t before = whole.size();
  whole.insert(whole.end(), candidate.begin(), candidate.end());
  auto found = play(whole, now);
  if (!found || !*found) return found;
  if ((*found)->index < before) return std::optional<random::Difference>();
  (*found)->index -= before;
  return found;
}

Verdict CaseRunner::judge_difference(const random::Episode& episode, const random::Difference& first,
                                     model::Situation now) {
  const random::Oracle oracle = [&](const random::Episode& candidate) -> std::optional<random::Difference> {
    if (Clock::now() + time_of_a_probe > deadline_) return std::nullopt;
    auto found = replay(candidate, now);
    return found ? *found : std::nullopt;
  };
  const auto small = random::shrink(episode, first, oracle, most_probes);
  attach(small.episode, small.difference, now);
  return {Outcome::failed,
          fmt::format("{}: {}; {} of {} calls are enough to show it", call_text(small.episode.back()),
                      small.difference.text, small.episode.size(), episode.size()),
          small.difference.rule};
}

// Which of the calls killed the guest shows only by making fewer of them on a living one.
Verdict CaseRunner::judge_death(const random::Episode& episode, const Error& death, model::Situation now) {
  const random::Oracle oracle = [&](const random::Episode& candidate) -> std::optional<random::Difference> {
    if (Clock::now() + time_of_a_probe > deadline_ || !revive_()) return std::nullopt;
    auto found = replay(candidate, now);
    if (found || found.error().code != Errc::guest_died) return std::nullopt;
    return random::Difference{candidate.size() - 1, found.error().broke, {}};
  };
  const random::Difference first{episode.size() - 1, death.broke, {}};
  const auto small = revive_ && death.code == Errc::guest_died
                         ? random::shrink(episode, first, oracle, most_probes_of_the_dead)
                         : random::Shrunk{episode, first, 0};
  attach(small.episode, small.difference, now);
  Verdict verdict = from_error(death);
  verdict.reason += fmt::format("; it was making {} of {} random calls, the last {}", small.episode.size(),
                                episode.size(), call_text(small.episode.back()));
  return verdict;
}

Verdict CaseRunner::on(const scenario::RandomStep& step, StepRecord& record) {
  record.what = fmt::format("{} random calls, seed {}", step.calls, seed_of(step.seed));
  record.expected = "each as the contract says";
  dirty_ = true;
  auto now = situation();
  if (!now) return from_error(now.error());
  auto world = random_world(*now);
  if (step.files) world.header = model::file_header(now->arch);
  if (step.files && world.header == nullptr) {
    return {Outcome::error,
            "which images kexec_file_load takes on " + now->arch +
                " is not in the model, and its row has no limitation `file_model`",
            {}};
  }
  const auto begun = Clock::now();
  std::uint64_t done = 0;
  for (std::uint64_t number = 0; done < step.calls; ++number) {
    const auto episode = random::make_episode(world, seed_of(step.seed), number);
    const auto before = *now;
    auto found = play(episode, *now);
    if (!found) {
      return judge_death(episode, found.error(), before);
    }
    if (*found) return judge_difference(episode, **found, *now);
    done += episode.size();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  result_.figures["random_calls"] += static_cast<double>(done);
  result_.figures["random_calls_per_s"] = static_cast<double>(done) / seconds;
  record.observed =
      fmt::format("{} calls as the contract says, {:.0f} a second", done, static_cast<double>(done) / seconds);
  normal_.reset();
  crash_.reset();
  return {};
}

}  // namespace kexlab::engine
