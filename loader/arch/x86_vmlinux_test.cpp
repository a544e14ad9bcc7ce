// SPDX-License-Identifier: Apache-2.0
// x86_64 plans of a vmlinux: where its parts land, where it is entered, and what is refused.
#include <elf.h>
#include <gtest/gtest.h>

#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::little;
using samples::range_of;
using samples::Refusal;
using samples::segment;

// As the linker lays out Linux: text, data, per-CPU data linked at 0, init; two of them share a page.
Image vmlinux() {
  Image image;
  image.format = Format::elf;
  image.arch = "x86_64";
  image.elf.emplace();
  image.elf->is64 = true;
  image.elf->machine = EM_X86_64;
  image.elf->entry = 0x1000000;
  image.bytes.resize(8 * mib);
  image.parts = {
      {.file_offset = 0x1000,
       .file_size = 0x200634,
       .physical = 0x1000000,
       .memory_size = 0x200634,
       .virtual_address = 0xffffffff81000000},
      {.file_offset = 0x300000,
       .file_size = 0x10000,
       .physical = 0x1400000,
       .memory_size = 0x10800,
       .virtual_address = 0xffffffff81400000},
      {.file_offset = 0x400000, .file_size = 0x800, .physical = 0x1410800, .memory_size = 0x34000},
  };
  return image;
}

TEST(X86Vmlinux, LandsWhereItWasLinkedAndPartsThatShareAPageAreOneSegment) {
  const Machine machine = samples::machine("x86_64-6.1-512m");
  const Image kernel = vmlinux();
  const LoadRequest request = samples::request(machine, kernel, mib);
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x1000000, 0x1201000}));
  const Segment joined = segment(*plan, "kernel.1");
  EXPECT_EQ(range_of(joined), (Range{0x1400000, 0x1445000}));
  ASSERT_EQ(joined.pieces.size(), 3U) << "data, the gap up to the next part, per-CPU data";
  EXPECT_EQ(joined.pieces[1], Piece::of(Bytes(0x800)));
  EXPECT_EQ(joined.bufsz, 0x11000U);
  EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::entry), 0x1000000U);
  const Bytes page = inline_bytes(segment(*plan, "boot_params"));
  EXPECT_EQ(little<std::uint32_t>(page, 0x202), 0x53726448U) << "HdrS";
}

TEST(X86Vmlinux, MovesIntoTheReservationAsOne) {
  const Machine machine = samples::machine("x86_64-6.1-crash");
  const Image kernel = vmlinux();
  LoadRequest request = samples::request(machine, kernel, mib);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request);
  const std::uint64_t base = segment(*plan, "kernel").mem;
  EXPECT_EQ(base % (2 * mib), 0U);
  EXPECT_EQ(segment(*plan, "kernel.1").mem - base, 0x400000U);
  EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::entry), base);
}

TEST(X86Vmlinux, TakesAVirtualEntryThroughItsPart) {
  const Machine machine = samples::machine("x86_64-6.1-512m");
  Image kernel = vmlinux();
  kernel.elf->entry = 0xffffffff81000040;
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::entry), 0x1000040U);
}

class X86VmlinuxRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(X86VmlinuxRefusal, SaysWhy) {
  samples::expect_refused(GetParam(), samples::machine("x86_64-6.1-512m"), vmlinux());
}

const Refusal refusals[] = {
    {"parts_that_overlap", [](auto&, Image& kernel, auto&) { kernel.parts[1].physical = 0x1200000; }, Errc::corrupt,
     "overlap"},
    {"an_entry_that_is_nowhere", [](auto&, Image& kernel, auto&) { kernel.elf->entry = 0x42000000; }, Errc::corrupt,
     "0x42000000 lies in no PT_LOAD"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, X86VmlinuxRefusal, testing::ValuesIn(refusals), samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
