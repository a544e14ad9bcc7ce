// SPDX-License-Identifier: Apache-2.0
// A scenario's own keys, and files of scenarios.
#include "harness/scenario/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "harness/scenario/expand.h"
#include "harness/scenario/parse_steps.h"
#include "harness/scenario/vocabulary.h"
#include "harness/scenario/words.h"
#include "harness/targets/target.h"

namespace kexlab::scenario {
namespace {

Result<std::string> read_name(const yaml::Node& node) {
  auto name = yaml::as_string(node);
  if (!name) return name;
  const bool right = !name->empty() && name->size() <= 128 &&
                     name->find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.") ==
                         std::string::npos;
  if (right) return name;
  return yaml::fail_at(node.where(), fmt::format("`{}` is no name of a scenario", *name),
                       "letters, digits, `/`, `-`, `_` and `.`, at most 128");
}

/// "all", or a list of targets' names.
Result<std::vector<std::string>> read_targets(const yaml::Node& node) {
  if (node.text() == "all") return std::vector<std::string>();
  auto names = yaml::list_of([](const yaml::Node& item) -> Result<std::string> {
    auto name = yaml::as_string(item);
    if (!name || find_target(*name) != nullptr) return name;
    return yaml::fail_at(item.where(), fmt::format("unknown target `{}`", *name),
                         yaml::suggestion(*name, target_names()));
  })(node);
  if (names && names->empty()) return yaml::fail_at(node.where(), "`targets` is empty", "write `all`, or leave it out");
  return names;
}

Result<std::uint64_t> read_crashkernel(const yaml::Node& node) {
  if (node.text() == "default") return 0;
  return read_mib(node);
}

Result<GuestShape> read_guest(const yaml::Node& node) {
  GuestShape out;
  MapReader row(node, "guest", "guest");
  row.optional("memory", out.memory_mib, read_mib);
  row.optional("cpus", out.cpus, yaml::between(1, 64));
  row.optional("cmdline", out.cmdline);
  row.optional("crashkernel", out.crashkernel_mib, read_crashkernel);
  row.optional("level", out.level, yaml::word_of(level_names()));
  row.optional("firmware", out.firmware, yaml::word_of(firmware_names()));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

/// What the short form says: the load's own node, what it must give, and what comes up.
struct ShortForm {
  std::optional<yaml::Node> load;
  std::optional<Expectation> expect;
  std::string then;
};

Position key_position(const yaml::Node& root, std::string_view key) {
  for (const auto& entry : root.entries()) {
    if (entry.key == key) return entry.where;
  }
  return root.where();
}

Status land_after(StepsParser& steps, const LoadStep& load, const ShortForm& form, const Position& where) {
  if (form.then.empty() || form.then == "nothing") return {};
  if (load.expect.kind == Expectation::Kind::error || load.expect.kind == Expectation::Kind::value) {
    return yaml::fail_at(where, fmt::format("`then: {}` behind a load that gives {}", form.then, load.expect.text),
                         "a refused load lands nowhere; leave `then` out");
  }
  SwitchStep change;
  change.how = load.crash ? SwitchStep::How::crash : SwitchStep::How::reboot;
  change.land = form.then == "land on witness" ? SwitchStep::Land::witness : SwitchStep::Land::kernel;
  return steps.add({change, where}, true);
}

Status short_steps(StepsParser& steps, const yaml::Node& root, const ShortForm& form) {
  auto load = parse_load(*form.load);
  if (!load) return tl::unexpected(load.error());
  if (form.expect) load->expect = *form.expect;
  if (form.then == "land on witness" && load->kernel.empty()) load->witness = true;
  if (auto status = steps.add({*load, key_position(root, "load")}, false); !status) return status;
  return land_after(steps, *load, form, key_position(root, "then"));
}

Result<std::vector<Step>> read_steps(const yaml::Node& root, const std::optional<yaml::Node>& steps,
                                     const ShortForm& form, const GuestShape& guest) {
  StepsParser parser(guest);
  Status status;
  if (steps) {
    for (const char* key : {"load", "expect", "then"}) {
      if (!root.find(key)) continue;
      return yaml::fail_at(key_position(root, key), fmt::format("`{}` beside `steps`", key),
                           "it belongs to the short form; put it into a step");
    }
    status = parser.list(*steps);
  } else if (form.load) {
    status = short_steps(parser, root, form);
  } else {
    return yaml::fail_at(root.where(), "scenario has neither `steps` nor `load`", "add `steps:`");
  }
  if (!status) return tl::unexpected(status.error());
  return parser.finish(root.where());
}

/// Adds a feature that a step shows.
void need(Case& item, const std::string& feature) {
  auto& features = item.features;
  if (std::find(features.begin(), features.end(), feature) == features.end()) features.push_back(feature);
}

void add_features(Case& item) {
  for (const Step& step : item.steps) {
    if (const auto* load = std::get_if<LoadStep>(&step.action)) {
      if (load->witness) need(item, "witness");
      if (load->digest) need(item, "digest");
      if (load->abi != native_abi) need(item, load->abi);
    } else if (const auto* unload = std::get_if<UnloadStep>(&step.action)) {
      if (unload->abi != native_abi) need(item, unload->abi);
    } else if (const auto* change = std::get_if<SwitchStep>(&step.action)) {
      need(item, change->land == SwitchStep::Land::kernel ? "kernel" : "witness");
      if (change->land == SwitchStep::Land::back) need(item, "jump");
      if (change->how == SwitchStep::How::crash) need(item, "crash");
    } else if (std::holds_alternative<FileLoadStep>(step.action)) {
      need(item, "file_load");
    } else if (const auto* random = std::get_if<RandomStep>(&step.action)) {
      if (random->files) need(item, "file_load"), need(item, "file_model");
    } else if (std::holds_alternative<HoldStep>(step.action)) {
      need(item, "hold");
    } else if (std::holds_alternative<VmcoreStep>(step.action)) {
      need(item, "vmcore");
    }
  }
}

Scenario header_of(const Case& first, const yaml::Document& document, Matrix matrix) {
  Scenario out;
  out.name = first.scenario;
  out.about = first.about;
  out.targets = first.targets;
  out.tags = first.tags;
  out.needs = first.needs;
  out.features = first.features;
  out.since = first.since;
  out.until = first.until;
  out.guest = first.guest;
  out.deadline = first.deadline;
  out.where = first.where;
  out.matrix = std::move(matrix);
  out.body = document.text;
  out.body_line = document.first_line;
  return out;
}

Result<Scenario> read_scenario(const yaml::Document& document) {
  auto matrix = read_matrix(document.root);
  if (!matrix) return tl::unexpected(matrix.error());
  auto cases = expand_root(document.root, *matrix);
  if (!cases) return tl::unexpected(cases.error());
  return header_of(cases->front(), document, std::move(*matrix));
}

/// Names seen so far, with where they stand.
class Names {
 public:
  Status add(const Scenario& scenario) {
    auto [first, fresh] = seen_.emplace(scenario.name, scenario.where);
    if (fresh) return {};
    return yaml::fail_at(scenario.where, fmt::format("a second scenario is named `{}`", scenario.name),
                         fmt::format("the first is at {}", first->second.str()));
  }

 private:
  std::map<std::string, Position> seen_;
};

namespace fs = std::filesystem;

Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) {
    if (fs::exists(path, code)) return std::vector{path};
    return fail(Errc::not_found, "read scenarios from " + path, "there is no such file or folder");
  }
  std::vector<std::string> out;
  fs::recursive_directory_iterator at(path, code), end;
  for (; !code && at != end; at.increment(code)) {
    if (at->path().extension() == ".yaml" && at->is_regular_file(code)) out.push_back(at->path().string());
  }
  if (code) return fail(Errc::io, "read scenarios from " + path, code.message());
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    auto files = files_of(path);
    if (!files) return files;
    for (std::string& file : *files) {
      std::error_code code;
      // A file that is named twice, by itself and by its folder, is read once.
      if (seen.insert(fs::weakly_canonical(file, code).string()).second) out.push_back(std::move(file));
    }
  }
  return out;
}

/// A glob: `*` any text, `?` one character.
bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace

Result<Case> read_case(const yaml::Node& root) {
  Case out;
  ShortForm form;
  out.where = root.where();
  MapReader row(root, "scenario", "scenario");
  row.required("name", out.scenario, read_name);
  row.required("about", out.about);
  row.optional("targets", out.targets, read_targets);
  row.optional("tags", out.tags);
  row.optional("needs", out.needs, yaml::list_of(read_option));
  row.optional("features", out.features, yaml::list_of(yaml::word_of(feature_names())));
  row.optional("since", out.since, read_version);
  row.optional("until", out.until, read_version);
  row.optional("guest", out.guest, read_guest);
  row.optional("deadline", out.deadline, read_seconds);
  row.node("matrix");
  const auto steps = row.node("steps");
  form.load = row.node("load");
  row.optional("expect", form.expect, read_expectation);
  row.optional("then", form.then, yaml::word_of({"land on witness", "land on kernel", "nothing"}));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  auto parsed = read_steps(root, steps, form, out.guest);
  if (!parsed) return tl::unexpected(parsed.error());
  out.steps = std::move(*parsed);
  add_features(out);
  return out;
}

Result<std::vector<Scenario>> parse_scenarios(std::string_view text, const std::string& file) {
  if (auto status = targets_status(); !status) return tl::unexpected(status.error());
  auto documents = yaml::parse_documents(text, file);
  if (!documents) return tl::unexpected(documents.error());
  if (documents->empty()) return yaml::fail_at({file, 1, 1}, "the file holds no scenario");
  std::vector<Scenario> out;
  Names names;
  for (const yaml::Document& document : *documents) {
    auto scenario = read_scenario(document);
    if (!scenario) return tl::unexpected(scenario.error());
    if (auto status = names.add(*scenario); !status) return tl::unexpected(status.error());
    out.push_back(std::move(*scenario));
  }
  return out;
}

Result<std::vector<Scenario>> read_scenarios(const std::vector<std::string>& paths) {
  auto files = files_of(paths);
  if (!files) return tl::unexpected(files.error());
  std::vector<Scenario> out;
  Names names;
  for (const std::string& file : *files) {
    auto text = yaml::read_text(file);
    if (!text) return tl::unexpected(text.error());
    auto scenarios = parse_scenarios(*text, file);
    if (!scenarios) return scenarios;
    for (Scenario& scenario : *scenarios) {
      if (auto status = names.add(scenario); !status) return tl::unexpected(status.error());
      out.push_back(std::move(scenario));
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Scenario& a, const Scenario& b) { return a.name < b.name; });
  return out;
}

bool matches(const Case& item, std::string_view pattern) {
  if (pattern.starts_with("tag:")) {
    return std::find(item.tags.begin(), item.tags.end(), pattern.substr(4)) != item.tags.end();
  }
  return glob(pattern, item.id) || glob(pattern, item.scenario);
}

}  // namespace kexlab::scenario
