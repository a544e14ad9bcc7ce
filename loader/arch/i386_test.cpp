// SPDX-License-Identifier: Apache-2.0
// What i386 does its own way: a 32-bit entry, everything below 4 GiB, a vmlinux that cannot be moved. The rest of the
// plan is x86_64's, whose tests are in x86_64_test.cpp.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::Layout;
using samples::little;
using samples::range_of;
using samples::segment;
using testing::HasSubstr;

// The numbers of Debian's 6.1 686-pae kernel.
Image bzimage() {
  BzImageFacts facts;
  facts.protocol = 0x020f;
  facts.setup_size = 0x4e00;
  facts.pref_address = 16 * mib;
  facts.kernel_alignment = 16 * mib;
  facts.init_size = 0x1c50000;
  facts.cmdline_size = 2047;
  facts.initrd_addr_max = 0x7fffffff;
  facts.relocatable = true;
  facts.setup_header_end = 0x26c;
  Image image;
  image.format = Format::bzimage;
  image.arch = "i386";
  image.bytes.resize(facts.setup_size + 5 * mib);
  image.parts = {{.file_offset = facts.setup_size, .file_size = 5 * mib, .memory_size = facts.init_size}};
  image.bzimage = facts;
  return image;
}

Image vmlinux() {
  Image image;
  image.format = Format::elf;
  image.arch = "i386";
  image.elf.emplace();
  image.elf->machine = EM_386;
  image.elf->entry = 0x1000000;
  image.bytes.resize(8 * mib);
  image.parts = {{.file_offset = 0x1000,
                  .file_size = 4 * mib,
                  .physical = 0x1000000,
                  .memory_size = 5 * mib,
                  .virtual_address = 0xc1000000}};
  return image;
}

constexpr const char* more_than_4g =
    "00100000-7fffffff : System RAM\nb0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]\n"
    "100000000-17fffffff : System RAM\n";

const Layout layouts[] = {
    {.name = "saved_512m", .kernel_at = 16 * mib},
    {.name = "preferred_address_taken",
     .iomem = "00100000-011fffff : System RAM\n01200000-012fffff : Reserved\n01300000-1fffffff : System RAM\n",
     .kernel_at = 32 * mib},
    {.name = "memory_above_4g_is_left_alone", .iomem = more_than_4g, .kernel_at = 16 * mib},
    {.name = "crash", .machine = "i386-6.1-crash", .crash = true, .kernel_at = 0x18000000},
};

class I386Layout : public samples::LayoutTest {
 protected:
  I386Layout() : LayoutTest("i386-6.1-512m", bzimage()) {}
};

TEST_P(I386Layout, LiesBelow4GibAndIsEnteredAtTheKernelsFirstByte) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(segment(*plan, "kernel").mem, GetParam().kernel_at);
  for (const Segment& each : plan->segments) {
    EXPECT_LT(each.mem + each.memsz, 4 * gib) << each.name << ": the end must be below 2^32-1";
  }
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::entry), segment(*plan, "kernel").mem);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::argument), segment(*plan, "boot_params").mem);
}

INSTANTIATE_TEST_SUITE_P(Layouts, I386Layout, testing::ValuesIn(layouts), samples::row_name<Layout>);

TEST(I386Usable, OffersNothingThatAWordCannotSay) {
  const Machine machine = samples::with_memory(samples::machine("i386-6.1-512m"), more_than_4g);
  EXPECT_EQ(find_arch("i386")->usable(machine, false), RangeSet({{mib, 2 * gib}}));
}

// Where memory lies above 4 GiB the dump needs the wider class; EI_CLASS is the header's fifth byte.
TEST(I386Crash, WritesTheNarrowestCoreHeaderThatShowsAllMemory) {
  const Machine saved = samples::machine("i386-6.1-crash");
  Machine large = saved;
  large.memory.entries.push_back({{4 * gib, 5 * gib}, 0, "System RAM"});
  const Image kernel = bzimage();
  for (const auto& [machine, elf_class] : {std::pair{saved, ELFCLASS32}, std::pair{large, ELFCLASS64}}) {
    LoadRequest request = samples::request(machine, kernel);
    request.crash = true;
    const auto plan = plan_kernel(request);
    ASSERT_TRUE(plan.has_value()) << plan.error().str();
    const Bytes header = inline_bytes(segment(*plan, "elfcorehdr"));
    EXPECT_EQ(little<std::uint8_t>(header, EI_CLASS), static_cast<unsigned>(elf_class));
    EXPECT_EQ(little<std::uint16_t>(header, 18), static_cast<unsigned>(EM_386)) << "e_machine";
  }
}

TEST(I386Vmlinux, RunsOnlyWhereItWasLinked) {
  const Image kernel = vmlinux();
  const Machine machine = samples::machine("i386-6.1-512m");
  const LoadRequest request = samples::request(machine, kernel);
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x1000000, 0x1500000}));

  const Machine taken = samples::with_memory(
      machine, "00100000-012fffff : System RAM\n01300000-013fffff : Reserved\n01400000-1fffffff : System RAM\n");
  const auto refused = plan_kernel(samples::request(taken, kernel));
  ASSERT_FALSE(refused.has_value()) << refused->str();
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_THAT(refused.error().str(), HasSubstr("at 0x1000000"));
}

TEST(I386Refusal, OfAKernelThatTellsNoSize) {
  const Machine machine = samples::machine("i386-6.1-512m");
  Image kernel = bzimage();
  kernel.bzimage->protocol = 0x0209;
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_FALSE(plan.has_value()) << plan->str();
  EXPECT_EQ(plan.error().code, Errc::unsupported);
  EXPECT_THAT(plan.error().str(), HasSubstr("0x209"));
}

}  // namespace
}  // namespace kexlab
