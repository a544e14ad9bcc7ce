// SPDX-License-Identifier: Apache-2.0
// What the model must know of the kernel and its state before a call, and how what it says is told.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "harness/engine/case_runner.h"

namespace kexlab::engine {
namespace {

// The model knows options without their prefix.
std::map<std::string, std::string> without_prefix(const std::map<std::string, std::string>& config) {
  constexpr std::string_view prefix = "CONFIG_";
  std::map<std::string, std::string> options;
  for (const auto& [name, value] : config)
    options[name.starts_with(prefix) ? name.substr(prefix.size()) : name] = value;
  return options;
}

/// What of a state can be seen, by the names that scenarios have for it.
std::array<std::pair<const char*, std::string>, 5> members_of(const model::State& state) {
  auto limit = [](const std::optional<std::int64_t>& value) { return value ? std::to_string(*value) : "absent"; };
  return {{{"loaded", std::to_string(state.loaded)},
           {"crash_loaded", std::to_string(state.crash_loaded)},
           {"load_disabled", std::to_string(state.load_disabled)},
           {"load_limit_reboot", limit(state.load_limit_reboot)},
           {"load_limit_panic", limit(state.load_limit_panic)}}};
}

}  // namespace

std::pair<unsigned, unsigned> version_of(std::string_view release) {
  unsigned major = 0, minor = 0;
  const char* const end = release.data() + release.size();
  const auto first = std::from_chars(release.data(), end, major);
  if (first.ptr < end && *first.ptr == '.') std::from_chars(first.ptr + 1, end, minor);
  return {major, minor};
}

std::string state_text(const model::State& state) {
  std::string text;
  for (const auto& [name, value] : members_of(state))
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  return text;
}

std::string state_difference(const model::State& found, const model::State& expected) {
  std::string text;
  const auto is = members_of(found), want = members_of(expected);
  for (std::size_t i = 0; i < is.size(); ++i) {
    if (is[i] == want[i]) continue;
    text += fmt::format("{}{} is {}, expected {}", text.empty() ? "" : ", ", is[i].first, is[i].second, want[i].second);
  }
  return text;
}

std::string rule_text(const model::Prediction& predicted) {
  return fmt::format("rule '{}': {} ({})", predicted.rule->name, predicted.rule->text, predicted.rule->source);
}

model::State state_of(const wire::Message& answer) {
  model::State state;
  state.loaded = answer.number("loaded").value_or(0) == 1;
  state.crash_loaded = answer.number("crash_loaded").value_or(0) == 1;
  state.load_disabled = answer.number("load_disabled").value_or(0) == 1;
  auto limit = [&](const char* name) -> std::optional<std::int64_t> {
    const auto left = answer.number(name);
    return left ? std::optional(static_cast<std::int64_t>(*left)) : std::nullopt;
  };
  state.load_limit_reboot = limit("load_limit_reboot");
  state.load_limit_panic = limit("load_limit_panic");
  return state;
}

model::Situation situation_of(const Facts& facts, std::string_view release,
                              const std::map<std::string, std::string>& config) {
  model::Situation now{.arch = facts.machine.arch, .page_size = facts.machine.page_size};
  std::tie(now.major, now.minor) = version_of(release);
  now.config = without_prefix(config);
  now.la57 = facts.la57;
  now.lockdown = facts.lockdown;
  now.ram_pages = facts.ram_pages;
  now.ram = facts.machine.memory.ram();
  for (const auto& range : facts.machine.memory.named("Crash kernel")) {
    if (!now.crash_reservation || range.size() > now.crash_reservation->size()) now.crash_reservation = range;
  }
  for (const auto& range : facts.machine.memory.named("Kernel code"))
    now.kernel_end = std::max(now.kernel_end, range.end);
  return now;
}

// Read anew after every switch and every write: both may change what the kernel shows of its memory.
Result<const Facts*> CaseRunner::facts() {
  if (!facts_) {
    auto read = read_facts(session_, *stage_.target, hello_, soon());
    if (!read) return tl::unexpected(read.error());
    facts_ = std::move(*read);
  }
  return &*facts_;
}

const images::Kernel& CaseRunner::kernel_now() const {
  const bool first = hello_.generation == 0;
  return !first && running_ && running_->kernel == "next" ? *stage_.next : *stage_.self;
}

Result<model::Situation> CaseRunner::situation() {
  auto found = facts();
  if (!found) return tl::unexpected(found.error());
  auto answer = ask(wire::Message{.op = "state"});
  if (!answer) return tl::unexpected(answer.error());
  model::Situation now = situation_of(*facts_, hello_.release, kernel_now().config);
  now.state = state_of(*answer);
  now.lock_held = lock_held_;
  return now;
}

}  // namespace kexlab::engine
