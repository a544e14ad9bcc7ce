// SPDX-License-Identifier: Apache-2.0
// kexlab list: what there is to run.
#include <fmt/format.h>

#include <memory>

#include "harness/cli/command.h"
#include "harness/targets/target.h"

namespace kexlab::cli {
namespace {

struct ListFlags {
  std::vector<std::string> wanted;
  bool targets = false;
  bool schema = false, vocabulary = false;
};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

void list_targets() {
  fmt::print("{:<12} {:<24} {:<12} {:<16} {:>8}  {}\n", "target", "machine", "cpu", "console", "page", "cannot");
  for (const auto& target : all_targets()) {
    std::string limits;
    for (const auto& limit : target.limitations)
      limits += (limits.empty() ? "" : "; ") + limit.feature + ": " + limit.cause;
    fmt::print("{:<12} {:<24} {:<12} {:<16} {:>8}  {}\n", target.name, target.machine, target.cpu, target.console,
               target.page_size, limits.empty() ? "-" : limits);
  }
}

int list_cases(const std::vector<std::string>& wanted) {
  auto cases = choose_cases(wanted);
  if (!cases) return tell(cases.error());
  for (const auto& one : *cases) {
    fmt::print("{:<52} {:<16} {}\n", one.id, one.targets.empty() ? "all" : join(one.targets), one.about);
  }
  fmt::print("{} cases\n", cases->size());
  return all_good;
}

}  // namespace

Action add_list(CLI::App& app) {
  auto flags = std::make_shared<ListFlags>();
  app.add_option("cases", flags->wanted, "Names, globs, tag:NAME, files or folders; default: all");
  app.add_flag("--targets", flags->targets, "List the targets instead");
  app.add_flag("--schema", flags->schema, "Print the JSON Schema of scenario files");
  app.add_flag("--vocabulary", flags->vocabulary, "Print the tables of scenarios/README.md");
  return [flags] {
    if (flags->vocabulary) return fmt::print("{}", scenario::vocabulary_tables()), static_cast<int>(all_good);
    if (flags->targets) return list_targets(), static_cast<int>(all_good);
    if (flags->schema) return fmt::print("{}", scenario::json_schema()), static_cast<int>(all_good);
    return list_cases(flags->wanted);
  };
}

}  // namespace kexlab::cli
