// SPDX-License-Identifier: Apache-2.0
// Real packages from the machine's own apt sources, into an empty cache.
#include <gmock/gmock.h>

#include "harness/images/images.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

class RealPackages : public testing::TestWithParam<std::string> {};

TEST_P(RealPackages, EachKernelOfTheTargetComesAndSuits) {
  const TestFolder folder;
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  const Target& target = *find_target(GetParam());
  for (const auto& row : catalogue()) {
    if (row.target != target.name || row.package.empty()) continue;
    const auto kernel = get_kernel(target, row.name, {});
    ASSERT_TRUE(kernel.has_value()) << kernel.error().str();
    EXPECT_EQ(kernel->image.arch, target.name) << row.name;
    EXPECT_TRUE(kernel->release.starts_with(row.version)) << kernel->release;
    EXPECT_TRUE(kernel->config_known) << row.name;
    EXPECT_EQ(why_not_kexec(*kernel), "") << row.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, RealPackages, testing::ValuesIn([] {
                           std::vector<std::string> names;
                           for (const auto& target : all_targets()) names.push_back(target.name);
                           return names;
                         }()),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace kexlab::images
