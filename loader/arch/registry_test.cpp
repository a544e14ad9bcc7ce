// SPDX-License-Identifier: Apache-2.0
// The list of architectures, and the helpers of placement on their own.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

TEST(Registry, IsSortedAndFindsByNameAndByElf) {
  const auto archs = all_archs();
  EXPECT_TRUE(std::is_sorted(archs.begin(), archs.end(), [](auto* a, auto* b) { return a->name < b->name; }));
  for (const Arch* arch : archs) {
    EXPECT_EQ(find_arch(arch->name), arch);
    EXPECT_EQ(find_arch_by_elf(arch->elf_machine, arch->bits, arch->order), arch);
    EXPECT_EQ(arch->kexec_arch & ~static_cast<std::uint32_t>(kexec::arch_mask), 0U) << arch->name;
  }
  ASSERT_NE(find_arch("x86_64"), nullptr);
  EXPECT_EQ(find_arch("x86_64")->kexec_arch, 62U << 16);
  ASSERT_NE(find_arch("arm64"), nullptr);
  EXPECT_EQ(find_arch("arm64")->kexec_arch, 183U << 16);
}

TEST(Registry, KnowsNothingElse) {
  EXPECT_EQ(find_arch("vax"), nullptr);
  EXPECT_EQ(find_arch(""), nullptr);
  EXPECT_EQ(find_arch_by_elf(EM_X86_64, 32, std::endian::little), nullptr) << "x32";
  EXPECT_EQ(find_arch_by_elf(EM_AARCH64, 64, std::endian::big), nullptr);
}

TEST(Registry, SetsTheArchConstantOnRequest) {
  const Machine machine = samples::machine("arm64-6.1-512m");
  Image kernel;
  kernel.format = Format::arm64_image;
  kernel.arch = "arm64";
  kernel.arm64.emplace();
  kernel.arm64->image_size = mib;
  kernel.parts = {{.file_size = mib, .memory_size = mib}};
  LoadRequest request = samples::request(machine, kernel);
  EXPECT_EQ(plan_kernel(request)->flags, 183U << 16);
  request.arch_constant = false;
  EXPECT_EQ(plan_kernel(request)->flags, kexec::arch_default);
}

TEST(Placement, UsesWholePagesOnly) {
  Placement placement(RangeSet({{0x1001, 0x2fff}, {0x10001, 0x20fff}}), 0x1000);
  EXPECT_FALSE(placement.is_free(0x1000, 0x1000));
  EXPECT_FALSE(placement.is_free(0x2000, 1)) << "the page ends outside";
  EXPECT_TRUE(placement.is_free(0x11000, 0xf000));
  const auto low = placement.reserve("a", 1, {});
  ASSERT_TRUE(low.has_value());
  EXPECT_EQ(*low, (Range{0x11000, 0x12000}));
  const auto high = placement.reserve("b", 0x1001, {1, whole_memory, RangeSet::Prefer::high});
  ASSERT_TRUE(high.has_value());
  EXPECT_EQ(*high, (Range{0x1e000, 0x20000}));
}

TEST(Placement, GivesNothingTwice) {
  Placement placement(RangeSet({{0x10000, 0x14000}}), 0x1000);
  ASSERT_TRUE(placement.reserve_at("a", 0x11800, 0x1000).has_value());
  EXPECT_FALSE(placement.reserve_at("b", 0x12fff, 1).has_value());
  EXPECT_TRUE(placement.reserve("c", 0x1000, {}).has_value());
  EXPECT_TRUE(placement.reserve("d", 0x1000, {}).has_value());
  const auto none = placement.reserve("e", 1, {});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::no_space);
  EXPECT_THAT(none.error().str(), testing::HasSubstr("segment e"));
}

TEST(Placement, RefusesSizesAtTheEndOfTheAddressSpace) {
  Placement placement(RangeSet({{0x10000, 0x14000}}), 0x1000);
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_FALSE(placement.reserve("a", most, {}).has_value());
  EXPECT_FALSE(placement.is_free(0x10800, most - 0x400));
  EXPECT_FALSE(placement.is_free(most, 2));
  EXPECT_EQ(extent_of({{.physical = most - 1, .memory_size = 3}}, 0x1000), std::nullopt);
  EXPECT_EQ(extent_of({{.physical = most - 1, .memory_size = 1}}, 0x1000), std::nullopt) << "no page end";
  EXPECT_EQ(extent_of({}, 0x1000), std::nullopt);
}

}  // namespace
}  // namespace kexlab
