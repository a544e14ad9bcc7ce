// SPDX-License-Identifier: Apache-2.0
// Medians of samples.
#include "harness/measure/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "harness/measure/samples.h"

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

}  // namespace

Result<std::string> summarize(std::string_view text) {
  const auto samples = read_samples(text);
  if (!samples) return tl::unexpected(samples.error());
  std::map<std::pair<std::string, std::string>, Row> rows;
  std::string errors;
  for (const Sample& one : samples->all) {
    if (!one.error.empty()) {
      errors += fmt::format("no figure for {} on {}: {}\n", one.what, one.target, one.error);
      continue;
    }
    Row& row = rows[{one.what, one.target}];
    (one.clock == "wall" ? row.wall : row.instructions).push_back(one.value);
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
