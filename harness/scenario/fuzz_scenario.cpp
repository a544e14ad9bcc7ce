// SPDX-License-Identifier: Apache-2.0
// Fuzzer: any bytes as a scenario file give scenarios or an error with its place, within bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "harness/scenario/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kexlab::scenario;
  const auto scenarios = parse_scenarios({reinterpret_cast<const char*>(data), size}, "f.yaml");
  if (!scenarios) {
    if (scenarios.error().asked.empty() || scenarios.error().broke.empty()) std::abort();
    return 0;
  }
  for (const Scenario& scenario : *scenarios) {
    const auto cases = expand(scenario);
    // What was read once is read again from the body that is kept.
    if (!cases || cases->empty() || cases->size() > max_cases) std::abort();
  }
  return 0;
}
