// SPDX-License-Identifier: Apache-2.0
// Samples out of Google Benchmark's JSON.
#include "harness/measure/samples.h"

#include <nlohmann/json.hpp>

namespace kexlab::measure {
namespace {

/// "case/figure/target/clock/iterations:1/…" taken apart. False: another program's name.
bool take_apart(const std::string& full, Sample& sample) {
  const auto tail = full.find("/iterations:");
  if (tail == std::string::npos) return false;
  const std::string name = full.substr(0, tail);
  const auto clock = name.rfind('/');
  const auto target = clock == std::string::npos ? clock : name.rfind('/', clock - 1);
  if (target == std::string::npos) return false;
  sample.what = name.substr(0, target);
  sample.target = name.substr(target + 1, clock - target - 1);
  sample.clock = name.substr(clock + 1);
  return true;
}

}  // namespace

Result<Samples> read_samples(std::string_view text) try {
  const char* asked = "read measurements";
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("benchmarks"))
    return fail(Errc::corrupt, asked, "this is not Google Benchmark's JSON", "write it with kexlab bench --out FILE");
  Samples out;
  for (const auto& one : json["benchmarks"]) {
    if (one.value("run_type", "") != "iteration") continue;
    Sample sample{.value = one.value("real_time", 0.0)};
    if (!take_apart(one.value("name", ""), sample))
      return fail(Errc::corrupt, asked, "a series has a name of another program: " + one.value("name", ""));
    if (one.value("error_occurred", false)) sample.error = one.value("error_message", "no reason is told");
    out.all.push_back(std::move(sample));
  }
  // bench_command.cpp writes "NAME (origin), QEMU, accelerator" under each target's name.
  const auto context = json.value("context", nlohmann::json::object());
  for (const auto& sample : out.all) {
    const std::string told = context.value(sample.target, "");
    out.kernels[sample.target] = told.substr(0, told.find(" ("));
  }
  return out;
} catch (const nlohmann::json::exception& error) {
  return fail(Errc::corrupt, "read measurements", error.what(), "write them anew with kexlab bench --out FILE");
}

}  // namespace kexlab::measure
