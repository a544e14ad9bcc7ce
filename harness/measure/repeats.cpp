// SPDX-License-Identifier: Apache-2.0
// Series of instruction counts, and those whose samples are all equal.
#include "harness/measure/repeats.h"

#include <algorithm>
#include <map>

#include "harness/measure/samples.h"

namespace kexlab::measure {
namespace {

bool repeats(const std::vector<const Sample*>& series) {
  return series.size() >= 2 && std::all_of(series.begin(), series.end(), [&](const Sample* one) {
           return one->error.empty() && one->value == series.front()->value;
         });
}

}  // namespace

Result<std::vector<report::Overview>> repeats_of(std::string_view json) {
  const auto samples = read_samples(json);
  if (!samples) return tl::unexpected(samples.error());
  std::map<std::string, std::map<std::string, std::vector<const Sample*>>> by_target;
  for (const Sample& sample : samples->all) {
    if (sample.clock == "instructions") by_target[sample.target][sample.what].push_back(&sample);
  }
  std::vector<report::Overview> out;
  for (const auto& [target, series] : by_target) {
    report::Overview overview{.target = target, .kernel = samples->kernels.at(target)};
    overview.counted = series.size();
    overview.repeated = static_cast<std::size_t>(
        std::count_if(series.begin(), series.end(), [](const auto& one) { return repeats(one.second); }));
    out.push_back(std::move(overview));
  }
  return out;
}

}  // namespace kexlab::measure
