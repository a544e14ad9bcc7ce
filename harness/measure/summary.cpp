// SPDX-License-Identifier: Apache-2.0
// Medians out of Google Benchmark's JSON.
#include "harness/measure/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

namespace kexlab::measure {
namespace {

/// Samples of one series, in milliseconds (wall) or million instructions.
struct Row {
  std::vector<double> wall, instructions;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string wall_text(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{:.2f} ms ({:.2f}..{:.2f}, n={})", median(values), *least, *most, values.size());
}

std::string instructions_text(const std::vector<double>& values) {
  if (values.empty()) return "-";
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return fmt::format("{:.2f} M{}", median(values),
                     *least == *most ? "" : fmt::format(" (+-{:.4f})", (*most - *least) / 2));
}

/// "case/figure/target/clock/iterations:1/…" → what is measured, on which target, and by which clock.
struct Name {
  std::string what, target, clock;
};
std::optional<Name> take_apart(const std::string& full) {
  const auto tail = full.find("/iterations:");
  if (tail == std::string::npos) return std::nullopt;
  const std::string name = full.substr(0, tail);
  const auto clock = name.rfind('/');
  const auto target = clock == std::string::npos ? clock : name.rfind('/', clock - 1);
  if (target == std::string::npos) return std::nullopt;
  return Name{name.substr(0, target), name.substr(target + 1, clock - target - 1), name.substr(clock + 1)};
}

}  // namespace

Result<std::string> summarize(std::string_view text) {
  const char* asked = "summarise measurements";
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("benchmarks"))
    return fail(Errc::corrupt, asked, "this is not Google Benchmark's JSON", "write it with kexlab bench --out FILE");
  std::map<std::pair<std::string, std::string>, Row> rows;
  std::string errors;
  for (const auto& one : json["benchmarks"]) {
    if (one.value("run_type", "") != "iteration") continue;
    const auto name = take_apart(one.value("name", ""));
    if (!name) return fail(Errc::corrupt, asked, "a series has a name of another program: " + one.value("name", ""));
    if (one.value("error_occurred", false)) {
      errors += fmt::format("no figure for {} on {}: {}\n", name->what, name->target, one.value("error_message", ""));
      continue;
    }
    Row& row = rows[{name->what, name->target}];
    (name->clock == "wall" ? row.wall : row.instructions).push_back(one.value("real_time", 0.0));
  }
  std::string table = fmt::format("{:<44} {:<12} {:<36} {}\n", "what", "target", "wall: median (range, samples)",
                                  "instructions under -icount");
  for (const auto& [key, row] : rows) {
    table += fmt::format("{:<44} {:<12} {:<36} {}\n", key.first, key.second, wall_text(row.wall),
                         instructions_text(row.instructions));
  }
  return table + errors;
}

}  // namespace kexlab::measure
