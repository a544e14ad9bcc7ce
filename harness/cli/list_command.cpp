// SPDX-License-Identifier: Apache-2.0
// kexlab list: what there is to run.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "harness/cli/command.h"
#include "harness/images/file.h"
#include "harness/measure/repeats.h"
#include "harness/report/overview.h"
#include "harness/targets/target.h"

namespace kexlab::cli {
namespace {

struct ListFlags {
  std::vector<std::string> wanted;
  bool targets = false;
  bool schema = false, vocabulary = false;
  std::vector<std::filesystem::path> results;
  std::string format = "text";
};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

/// Every run in the usual folder, oldest first: their names begin with the date.
std::vector<std::filesystem::path> usual_results() {
  std::vector<std::filesystem::path> out;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("kexlab-results", none)) {
    if (std::filesystem::exists(entry.path() / "results.jsonl", none)) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// What `kexlab run`, `kexlab list --format json` or `kexlab bench --out` wrote.
Result<std::vector<report::Overview>> read_any(const std::filesystem::path& path) {
  if (path.extension() != ".json") return report::read_overview(path);
  auto text = images::read_file(path);
  if (!text) return tl::unexpected(text.error());
  return as_text(*text).find("\"benchmarks\"") == std::string_view::npos ? report::read_overview(path)
                                                                         : measure::repeats_of(as_text(*text));
}

int list_targets(const ListFlags& flags) {
  if (auto status = targets_status(); !status) return tell(status.error());
  std::vector<std::vector<report::Overview>> all;
  for (const auto& path : flags.results.empty() ? usual_results() : flags.results) {
    auto one = read_any(path);
    if (!one) return tell(one.error());
    all.push_back(std::move(*one));
  }
  const auto merged = report::merge_overviews(all);
  if (flags.format == "json") return fmt::print("{}", report::overview_json(merged)), static_cast<int>(all_good);
  const auto form = flags.format == "markdown" ? report::TableForm::markdown : report::TableForm::text;
  return fmt::print("{}", report::overview_table(all_targets(), unemulated_targets(), merged, form)),
         static_cast<int>(all_good);
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
  auto* targets = app.add_flag("--targets", flags->targets, "List the targets instead, and what works on each");
  app.add_option("--results", flags->results,
                 "With --targets: folders of runs, files that --format json wrote, or measurements of kexlab bench; "
                 "later ones win. Default: "
                 "all of kexlab-results")
      ->check(CLI::ExistingPath)
      ->needs(targets);
  app.add_option("--format", flags->format, "With --targets: text, markdown or json")
      ->check(CLI::IsMember({"text", "markdown", "json"}))
      ->needs(targets);
  app.add_flag("--schema", flags->schema, "Print the JSON Schema of scenario files");
  app.add_flag("--vocabulary", flags->vocabulary, "Print the tables of scenarios/README.md");
  return [flags] {
    if (flags->vocabulary) return fmt::print("{}", scenario::vocabulary_tables()), static_cast<int>(all_good);
    if (flags->targets) return list_targets(*flags);
    if (flags->schema) return fmt::print("{}", scenario::json_schema()), static_cast<int>(all_good);
    return list_cases(flags->wanted);
  };
}

}  // namespace kexlab::cli
