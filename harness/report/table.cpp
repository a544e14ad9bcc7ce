// SPDX-License-Identifier: Apache-2.0
// The table at the end of a run: a row for each target and kernel, and why cases were skipped.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/report/report.h"

namespace kexlab::report {
namespace {

using engine::Outcome;

struct Row {
  std::map<Outcome, std::size_t> count;
  std::vector<double> load_ms, witness_s, kernel_s;
};

void collect(const std::map<std::string, double>& figures, const char* name, double scale, std::vector<double>& into) {
  if (const auto at = figures.find(name); at != figures.end()) into.push_back(at->second * scale);
}

std::string median(std::vector<double> values, const char* unit) {
  if (values.empty()) return "-";
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return fmt::format("{:.2f} {}", *middle, unit);
}

}  // namespace

std::string table(const std::vector<engine::CaseResult>& results) {
  std::map<std::string, Row> rows;
  std::map<std::pair<std::string, std::string>, std::size_t> skipped;
  for (const auto& result : results) {
    Row& row = rows[result.target + " " + result.kernel];
    ++row.count[result.outcome];
    collect(result.figures, "load_ns", 1e-6, row.load_ms);
    collect(result.figures, "switch_witness_s", 1, row.witness_s);
    collect(result.figures, "switch_kernel_s", 1, row.kernel_s);
    if (result.outcome == Outcome::skipped) ++skipped[{result.target, result.reason}];
  }
  std::string text = fmt::format("{:<24} {:>7} {:>7} {:>7} {:>7} {:>7}   {:>10} {:>11} {:>11}\n", "target, kernel",
                                 "passed", "failed", "timeout", "error", "skipped", "load", "to witness", "to kernel");
  for (auto& [name, row] : rows) {
    text += fmt::format("{:<24} {:>7} {:>7} {:>7} {:>7} {:>7}   {:>10} {:>11} {:>11}\n", name,
                        row.count[Outcome::passed], row.count[Outcome::failed], row.count[Outcome::timeout],
                        row.count[Outcome::error], row.count[Outcome::skipped], median(row.load_ms, "ms"),
                        median(row.witness_s, "s"), median(row.kernel_s, "s"));
  }
  text +=
      "(load: median of kexec_load(2) in the guest's clock; the others: median wall time of the switch as seen by the "
      "harness)\n";
  for (const auto& [what, count] : skipped)
    text += fmt::format("skipped {:>3} on {}: {}\n", count, what.first, what.second);
  return text;
}

}  // namespace kexlab::report
