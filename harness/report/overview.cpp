// SPDX-License-Identifier: Apache-2.0
// Counting, storing and showing what works on each target.
#include "harness/report/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace kexlab::report {
namespace {

using engine::Outcome;
using engine::Tally;

/// A column that counts the cases of a folder. `feature`: the limitation that stands for "no".
struct Column {
  std::string_view title, folder, feature;
};
constexpr Column columns[] = {
    {"contract", "contract", ""},       {"witness", "layout", "witness"}, {"second kernel", "reboot", ""},
    {"crash kernel", "crash", "crash"}, {"jump", "jump", "jump"},
};

struct Count {
  Outcome outcome;
  const char* name;
  std::size_t Tally::*member;
};
constexpr Count counts[] = {{Outcome::passed, "passed", &Tally::passed},
                            {Outcome::failed, "failed", &Tally::failed},
                            {Outcome::timeout, "timeout", &Tally::timeout},
                            {Outcome::error, "error", &Tally::error},
                            {Outcome::skipped, "skipped", &Tally::skipped}};

void add(Tally& tally, Outcome outcome) {
  for (const Count& count : counts) {
    if (count.outcome == outcome) ++(tally.*count.member);
  }
}

std::size_t tried(const Tally& tally) { return tally.passed + tally.failed + tally.timeout + tally.error; }

nlohmann::json to_json_value(const Overview& overview) {
  nlohmann::json folders = nlohmann::json::object();
  for (const auto& [name, tally] : overview.folders) {
    for (const Count& count : counts) {
      if (tally.*count.member != 0) folders[name][count.name] = tally.*count.member;
    }
  }
  return {{"target", overview.target},   {"kernel", overview.kernel},     {"from", overview.origin},
          {"run", overview.run},         {"restored", overview.restored}, {"folders", folders},
          {"counted", overview.counted}, {"repeated", overview.repeated}};
}

Overview from_json_value(const nlohmann::json& json) {
  Overview out{
      .target = json.at("target"), .kernel = json.at("kernel"), .origin = json.at("from"), .run = json.at("run")};
  out.restored = json.at("restored");
  out.counted = json.value("counted", std::size_t{0});
  out.repeated = json.value("repeated", std::size_t{0});
  for (const auto& [name, tally] : json.at("folders").items()) {
    for (const Count& count : counts) out.folders[name].*count.member = tally.value(count.name, std::size_t{0});
  }
  return out;
}

Result<std::vector<Overview>> read_stored_overview(const std::filesystem::path& file) try {
  std::ifstream in(file);
  if (!in) return fail(Errc::not_found, "read " + file.string(), "it cannot be opened");
  std::vector<Overview> out;
  for (const auto& row : nlohmann::json::parse(in)) out.push_back(from_json_value(row));
  return out;
} catch (const nlohmann::json::exception& error) {
  return fail(Errc::corrupt, "read " + file.string(), error.what(),
              "write it anew: kexlab list --targets --format json");
}

/// "374/376": passed of those that could be tried.
std::string cell(const Target& target, const Overview* overview, const Column& column) {
  if (!column.feature.empty() && target.limit(column.feature) != nullptr) return "no";
  if (overview == nullptr) return "-";
  const auto tally = overview->folders.find(std::string(column.folder));
  if (tally == overview->folders.end() || tried(tally->second) == 0) return "-";
  return fmt::format("{}/{}", tally->second.passed, tried(tally->second));
}

bool any_passed(const Overview& overview) {
  return std::any_of(overview.folders.begin(), overview.folders.end(),
                     [](const auto& folder) { return folder.second.passed != 0; });
}

std::vector<std::string> cells(const Target& target, const Overview* overview) {
  std::vector<std::string> row{target.name,
                               target.machine,
                               target.cpu,
                               std::to_string(target.page_size / 1024) + "K",
                               overview == nullptr ? "-" : overview->kernel,
                               overview == nullptr     ? "-"
                               : any_passed(*overview) ? "yes"
                                                       : "no"};
  for (const Column& column : columns) row.push_back(cell(target, overview, column));
  row.push_back(target.limit("snapshot") != nullptr              ? "no"
                : overview != nullptr && overview->restored != 0 ? "yes"
                                                                 : "-");
  row.push_back(target.limit("icount") != nullptr ? "no"
                : overview != nullptr && overview->counted != 0
                    ? fmt::format("{}/{}", overview->repeated, overview->counted)
                    : "-");
  return row;
}

std::vector<std::string> titles() {
  std::vector<std::string> row{"target", "machine", "cpu", "page", "kernel", "boots"};
  for (const Column& column : columns) row.emplace_back(column.title);
  row.emplace_back("snapshot");
  row.emplace_back("instruction counts");
  return row;
}

using Rows = std::vector<std::vector<std::string>>;

std::string as_text(const Rows& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string as_markdown(const Rows& rows) {
  std::string out;
  for (const auto& row : rows) {
    out += fmt::format("| {} |\n", fmt::join(row, " | "));
    if (&row == &rows.front()) {
      for (std::size_t i = 0; i < row.size(); ++i) out += "|---";
      out += "|\n";
    }
  }
  return out;
}

std::string why_not(const std::vector<Target>& targets, const std::vector<Unemulated>& unemulated, TableForm form) {
  const char* bullet = form == TableForm::markdown ? "- " : "";
  std::string out;
  for (const Target& target : targets) {
    for (const Limitation& limit : target.limitations) {
      const std::string where = limit.config.empty() ? "" : " with CONFIG_" + limit.config;
      out += fmt::format("{}{} cannot `{}`{}: {} ({})\n", bullet, target.name, limit.feature, where, limit.cause,
                         limit.source);
    }
  }
  for (const Unemulated& row : unemulated)
    out += fmt::format("{}{}: {} ({})\n", bullet, row.name, row.cause, row.source);
  return out.empty() ? out : "\n" + out;
}

/// Measurements count no cases, and a run of cases measures nothing: each leaves the other's part as it was.
void take_over(Overview& into, const Overview& from) {
  const Overview before = into;
  into = from.folders.empty() ? before : from;
  into.target = from.target;
  into.kernel = from.kernel;
  const Overview& series = from.counted != 0 ? from : before;
  into.counted = series.counted;
  into.repeated = series.repeated;
}

}  // namespace

std::vector<Overview> overview_of(const Stored& stored) {
  std::map<std::pair<std::string, std::string>, Overview> by_key;
  for (const auto& result : stored.results) {
    Overview& overview = by_key[{result.target, result.kernel}];
    add(overview.folders[result.id.substr(0, result.id.find('/'))], result.outcome);
    if (result.outcome == Outcome::passed && result.figures.contains("restore_s")) ++overview.restored;
  }
  std::vector<Overview> out;
  for (auto& [key, overview] : by_key) {
    overview.target = key.first;
    overview.kernel = key.second;
    overview.run = stored.started.id;
    const auto origin = stored.started.kernels.find(key.first + "/" + key.second);
    if (origin != stored.started.kernels.end()) overview.origin = origin->second;
    out.push_back(std::move(overview));
  }
  return out;
}

Result<std::vector<Overview>> read_overview(const std::filesystem::path& path) {
  if (path.extension() == ".json") return read_stored_overview(path);
  const auto stored = read_results(std::filesystem::is_directory(path) ? path / "results.jsonl" : path);
  if (!stored) return tl::unexpected(stored.error());
  return overview_of(*stored);
}

std::vector<Overview> merge_overviews(const std::vector<std::vector<Overview>>& all) {
  std::map<std::pair<std::string, std::string>, Overview> last;
  for (const auto& some : all) {
    for (const auto& one : some) take_over(last[{one.target, one.kernel}], one);
  }
  std::vector<Overview> out;
  for (auto& [key, one] : last) out.push_back(std::move(one));
  return out;
}

std::string overview_json(const std::vector<Overview>& overviews) {
  nlohmann::json rows = nlohmann::json::array();
  for (const auto& one : overviews) rows.push_back(to_json_value(one));
  return rows.dump(1) + "\n";
}

std::string overview_table(const std::vector<Target>& targets, const std::vector<Unemulated>& unemulated,
                           const std::vector<Overview>& overviews, TableForm form) {
  Rows rows{titles()};
  for (const Target& target : targets) {
    const std::size_t before = rows.size();
    for (const Overview& one : overviews) {
      if (one.target == target.name) rows.push_back(cells(target, &one));
    }
    if (rows.size() == before) rows.push_back(cells(target, nullptr));
  }
  return (form == TableForm::markdown ? as_markdown(rows) : as_text(rows)) + why_not(targets, unemulated, form);
}

}  // namespace kexlab::report
