// SPDX-License-Identifier: Apache-2.0
// What is read of /proc/meminfo and /proc/zoneinfo.
#include <gtest/gtest.h>

#include "harness/model/model.h"

namespace kexlab::model {
namespace {

TEST(Meminfo, GivesThePagesThatTheKernelCounts) {
  EXPECT_EQ(ram_pages_from_meminfo("MemTotal:         481228 kB\nMemFree: 1 kB\n", 4096), 481228u / 4);
  EXPECT_EQ(ram_pages_from_meminfo("X: 1 kB\nMemTotal: 64 kB\n", 65536), 1u);
  EXPECT_EQ(ram_pages_from_meminfo("SMemTotal: 64 kB\n", 4096), std::nullopt);
  EXPECT_EQ(ram_pages_from_meminfo("MemTotal: many kB\n", 4096), std::nullopt);
  EXPECT_EQ(ram_pages_from_meminfo("MemTotal:", 4096), std::nullopt);
  EXPECT_EQ(ram_pages_from_meminfo("MemTotal: 18446744073709551615 kB\n", 4096), std::nullopt);
  EXPECT_EQ(ram_pages_from_meminfo("", 4096), std::nullopt);
  EXPECT_EQ(ram_pages_from_meminfo("MemTotal: 4 kB", 0), std::nullopt);
  EXPECT_EQ(meminfo_kib("MemTotal: 1 kB\nMemFree:   5 kB\n", "MemFree"), 5u);
  EXPECT_EQ(meminfo_kib("MemTotal: 1 kB\nMemFree2:   5 kB\nMemFree", "MemFree"), std::nullopt);
}

TEST(Zoneinfo, GivesTheFreePagesThatWaitInTheCpusLists) {
  constexpr const char* two_zones = R"(Node 0, zone      DMA
  pages free     61
        count:   9
  pagesets
    cpu: 0
              count: 12
              high:  340
    cpu: 1
              count:    30
  vm stats threshold: 4
Node 0, zone   Normal
        count:   9
  pagesets
    cpu: 0
              count: 5120
)";
  EXPECT_EQ(pages_in_cpu_lists(two_zones), 12u + 30 + 5120);
  EXPECT_EQ(pages_in_cpu_lists("  pagesets\n    cpu: 0\n  count: 0"), 0u);
  EXPECT_EQ(pages_in_cpu_lists("  pagesets\n  count: many\n"), std::nullopt);
  EXPECT_EQ(pages_in_cpu_lists("  pagesets\n  count:"), std::nullopt);
  EXPECT_EQ(pages_in_cpu_lists("Node 0, zone DMA\n  count: 3\n"), std::nullopt);
  EXPECT_EQ(pages_in_cpu_lists(""), std::nullopt);
}

}  // namespace
}  // namespace kexlab::model
