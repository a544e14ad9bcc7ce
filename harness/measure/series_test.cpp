// SPDX-License-Identifier: Apache-2.0
// Which series a case gives on a target.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/measure/measure.h"
#include "harness/targets/target.h"

namespace kexlab::measure {
namespace {

using testing::ElementsAre;

constexpr const char* switching = R"(name: bench/switch
about: A kernel starts itself.
steps:
  - load: {kernel: self}
  - switch: reboot
)";

/// Names of the series of a case, on a kernel for this target whose configuration is unknown.
std::vector<std::string> series_on(const char* target, bool with_instructions = true) {
  const auto cases = *scenario::expand(scenario::parse_scenarios(switching, "bench.yaml")->at(0));
  engine::Bench bench;
  bench.target = find_target(target);
  std::vector<std::string> names;
  for (const auto& series : make_series({{&cases.at(0), &bench}}, with_instructions)) names.push_back(series.name());
  return names;
}

TEST(Series, ALoadAndASwitchAreMeasuredByBothClocks) {
  EXPECT_THAT(series_on("x86_64"),
              ElementsAre("bench/switch/load/x86_64/wall", "bench/switch/switch_kernel/x86_64/wall",
                          "bench/switch/load/x86_64/instructions", "bench/switch/switch_kernel/x86_64/instructions"));
}

TEST(Series, InstructionsAreLeftOutOnDemand) {
  EXPECT_THAT(series_on("x86_64", false),
              ElementsAre("bench/switch/load/x86_64/wall", "bench/switch/switch_kernel/x86_64/wall"));
}

// A counter must go on over the switch; a load is timed by the guest's clock.
TEST(Series, ASwitchHasNoInstructionsWithoutACounter) {
  ASSERT_EQ(find_target("ppc64le")->counter_ns, 0u);
  EXPECT_THAT(series_on("ppc64le"),
              ElementsAre("bench/switch/load/ppc64le/wall", "bench/switch/switch_kernel/ppc64le/wall",
                          "bench/switch/load/ppc64le/instructions"));
}

}  // namespace
}  // namespace kexlab::measure
