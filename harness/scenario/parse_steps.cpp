// SPDX-License-Identifier: Apache-2.0
// `steps:` one action each, with what it must give.
#include "harness/scenario/parse_steps.h"

#include <fmt/format.h>

#include "harness/scenario/vocabulary.h"
#include "harness/scenario/words.h"

namespace kexlab::scenario {
namespace {

constexpr std::uint64_t most_repeats = 64;
constexpr std::uint64_t most_random_calls = 1'000'000;
constexpr std::size_t max_segments = 16384;  // of all loads of a case

Result<UnloadStep> parse_unload(const yaml::Node& node) {
  UnloadStep out;
  MapReader row(node, "unload", "unload");
  row.optional("crash", out.crash);
  row.optional("flags", out.extra_flags, read_load_flags);
  row.optional("abi", out.abi, yaml::word_of(abi_words()));
  row.optional("as", out.as, parse_credentials);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<StateStep> parse_state(const yaml::Node& node) {
  StateStep out;
  MapReader row(node, "state", "state");
  row.optional("loaded", out.loaded);
  row.optional("crash_loaded", out.crash_loaded);
  row.optional("load_disabled", out.load_disabled);
  row.optional("crash_size", out.crash_size, read_expression);
  row.optional("load_limit_reboot", out.load_limit_reboot, read_expression);
  row.optional("load_limit_panic", out.load_limit_panic, read_expression);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<MemoryStep> parse_memory(const yaml::Node& node) {
  MemoryStep out;
  MapReader row(node, "memory", "memory");
  row.optional("fits", out.fits);
  row.optional("note", out.note);
  row.optional("same", out.same);
  row.optional("reserved", out.reserved);
  row.optional("lost", out.lost, read_expression);
  row.optional("grown", out.grown, read_expression);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<RebootStep> parse_reboot(const yaml::Node& node) {
  RebootStep out;
  MapReader row(node, "reboot", "reboot");
  row.optional("cmd", out.cmd);
  row.optional("magic1", out.magic1);
  row.optional("magic2", out.magic2);
  row.optional("as", out.as, parse_credentials);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<HoldStep> parse_hold(const yaml::Node& node) {
  std::string at = "buffer";
  MapReader row(node, "hold", "hold");
  row.optional("at", at, yaml::word_of({"buffer", "array"}));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return HoldStep{.at_array = at == "array"};
}

Result<CheckStep> parse_check(const yaml::Node& node) {
  CheckStep out;
  MapReader row(node, "check", "check");
  row.optional("release", out.release, yaml::word_of({"self", "next"}));
  row.optional("cmdline", out.cmdline);
  row.optional("initrd", out.initrd);
  row.optional("generation", out.generation);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<ReadStep> parse_read(const yaml::Node& node) {
  ReadStep out;
  MapReader row(node, "read", "read");
  row.required("path", out.path, read_path);
  row.optional("equals", out.equals);
  row.optional("contains", out.contains);
  row.optional("lines", out.lines);
  row.optional("keep", out.keep);
  row.optional("same_as", out.same_as);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<WriteStep> parse_write(const yaml::Node& node) {
  WriteStep out;
  MapReader row(node, "write", "write");
  row.required("path", out.path, read_path);
  row.required("data", out.data);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<RandomStep> parse_random(const yaml::Node& node) {
  RandomStep out;
  MapReader row(node, "random", "random");
  row.required("calls", out.calls, yaml::between(1, most_random_calls));
  row.optional("seed", out.seed);
  row.optional("files", out.files);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

template <class Action>
Result<Action> parse_nothing(const std::string& name, const yaml::Node& node) {
  const bool empty = node.is_null() || (node.kind() == yaml::Kind::map && node.entries().empty());
  if (empty) return Action{};
  return yaml::fail_at(node.where(), fmt::format("`{}` takes nothing", name), fmt::format("write `- {}`", name));
}

std::vector<std::string> action_names() {
  std::vector<std::string> out;
  for (const Key& key : vocabulary()) {
    if (key.map == "step" && key.name != "expect") out.emplace_back(key.name);
  }
  return out;
}

/// The one entry of a step's map that is its action.
Result<yaml::Node::Entry> find_action(const MapReader& row) {
  const yaml::Node::Entry* found = nullptr;
  for (const auto& entry : row.whole().entries()) {
    if (entry.key == "expect") continue;
    if (found != nullptr) {
      return yaml::fail_at(entry.where, fmt::format("a second action `{}` in the step of `{}`", entry.key, found->key),
                           "put a dash before each action");
    }
    found = &entry;
  }
  if (found != nullptr) return *found;
  return yaml::fail_at(row.whole().where(), "a step without an action",
                       fmt::format("known: {}", fmt::join(action_names(), ", ")));
}

}  // namespace

Status StepsParser::add(Step step, bool land_given) {
  if (steps_.size() >= max_steps)
    return yaml::fail_at(step.where, fmt::format("more than {} steps in a case", max_steps));
  if (const auto* load = std::get_if<LoadStep>(&step.action)) segments_ += load->segments.size();
  if (segments_ > max_segments)
    return yaml::fail_at(step.where, fmt::format("more than {} segments in a case", max_segments));
  if (auto status = course_.follow(step, land_given); !status) return status;
  steps_.push_back(std::move(step));
  return {};
}

Result<std::vector<Step>> StepsParser::finish(const Position& where) {
  if (auto status = course_.finish(steps_.empty() ? where : steps_.back().where); !status)
    return tl::unexpected(status.error());
  return std::move(steps_);
}

Status StepsParser::list(const yaml::Node& node) {
  if (node.kind() != yaml::Kind::list) {
    return yaml::fail_at(node.where(), "`steps` must be a list", "put a dash before each action");
  }
  if (node.items().empty()) return yaml::fail_at(node.where(), "`steps` is empty", "add at least one action");
  for (const yaml::Node& item : node.items()) {
    if (auto status = step(item); !status) return status;
  }
  return {};
}

Status StepsParser::step(const yaml::Node& node) {
  // `- release` is short for `- release:`.
  const bool bare = node.kind() == yaml::Kind::scalar;
  MapReader row(
      bare ? yaml::Node::map(node.where(), {{node.text(), node.where(), yaml::Node::null(node.where())}}) : node,
      "step", "step");
  for (const std::string& name : action_names()) row.node(name);
  const auto expect = row.node("expect");
  if (auto status = row.done(); !status) return status;
  auto entry = find_action(row);
  if (!entry) return tl::unexpected(entry.error());
  return action(entry->key, entry->value, entry->where, expect ? &*expect : nullptr);
}

template <class Action>
Status StepsParser::call(Result<Action> parsed, const yaml::Node* expect, const Position& where) {
  if (!parsed) return tl::unexpected(parsed.error());
  if (expect != nullptr) {
    auto expectation = read_expectation(*expect);
    if (!expectation) return tl::unexpected(expectation.error());
    parsed->expect = std::move(*expectation);
  }
  return add({std::move(*parsed), where}, false);
}

template <class Action>
Status StepsParser::quiet(Result<Action> parsed, const yaml::Node* expect, const Position& where) {
  if (!parsed) return tl::unexpected(parsed.error());
  if (expect != nullptr) return yaml::fail_at(expect->where(), "`expect` beside an action that is no call");
  return add({std::move(*parsed), where}, false);
}

Status StepsParser::action(const std::string& name, const yaml::Node& value, const Position& where,
                           const yaml::Node* expect) {
  if (name == "load") return call(parse_load(value), expect, where);
  if (name == "unload") return call(parse_unload(value), expect, where);
  if (name == "file_load") return call(parse_file_load(value), expect, where);
  if (name == "reboot") return call(parse_reboot(value), expect, where);
  if (name == "read") return call(parse_read(value), expect, where);
  if (name == "write") return call(parse_write(value), expect, where);
  if (name == "state") return quiet(parse_state(value), expect, where);
  if (name == "memory") return quiet(parse_memory(value), expect, where);
  if (name == "check") return quiet(parse_check(value), expect, where);
  if (name == "vmcore") return quiet(parse_nothing<VmcoreStep>(name, value), expect, where);
  if (name == "random") return quiet(parse_random(value), expect, where);
  if (name == "hold") return quiet(parse_hold(value), expect, where);
  if (name == "release") return quiet(parse_nothing<ReleaseStep>(name, value), expect, where);
  if (expect != nullptr) return yaml::fail_at(expect->where(), "`expect` beside an action that is no call");
  return name == "switch" ? change(value, where) : repeat(value);
}

Status StepsParser::repeat(const yaml::Node& node) {
  std::uint64_t times = 0;
  MapReader row(node, "repeat", "repeat");
  row.required("times", times, yaml::between(1, most_repeats));
  const auto steps = row.node("steps");
  if (auto status = row.done(); !status) return status;
  if (!steps) return yaml::fail_at(node.where(), "repeat has no `steps`", "add `steps:`");
  for (std::uint64_t i = 0; i < times; ++i) {
    if (auto status = list(*steps); !status) return status;
  }
  return {};
}

Status StepsParser::change(const yaml::Node& node, const Position& where) {
  const bool bare = node.kind() == yaml::Kind::scalar;
  std::string how = "reboot", land = "kernel", by = "sysrq";
  MapReader row(bare ? yaml::Node::map(node.where(), {{"how", node.where(), node}}) : node, "switch", "switch");
  row.required("how", how, yaml::word_of({"reboot", "crash"}));
  row.optional("land", land, yaml::word_of({"kernel", "witness", "back"}));
  row.optional("by", by, yaml::word_of({"sysrq", "oops", "oops of init", "nmi"}));
  SwitchStep out;
  row.optional("cpu", out.cpu);
  if (auto status = row.done(); !status) return status;
  out.how = how == "crash" ? SwitchStep::How::crash : SwitchStep::How::reboot;
  using By = SwitchStep::By;
  out.by = by == "oops" ? By::oops : by == "nmi" ? By::nmi : by == "sysrq" ? By::sysrq : By::oops_of_init;
  if (out.by != By::sysrq && how != "crash")
    return yaml::fail_at(where, "`by` of a switch that is no crash", "write `how: crash`");
  using Land = SwitchStep::Land;
  out.land = land == "witness" ? Land::witness : land == "back" ? Land::back : Land::kernel;
  return add({out, where}, row.has("land"));
}

}  // namespace kexlab::scenario
