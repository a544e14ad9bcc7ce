// SPDX-License-Identifier: Apache-2.0
// riscv64 plans over many memory layouts, and the mistakes they refuse.
#include <elf.h>
#include <gtest/gtest.h>
#include <libfdt.h>

#include "loader/arch/chosen.h"
#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::Layout;
using samples::little;
using samples::range_of;
using samples::Refusal;
using samples::segment;

constexpr std::uint64_t image_size = 0x1e5d000;
constexpr std::uint64_t file_size = 0x1d9ae00;

// Of the size of Debian's 6.12 kernel.
Image image() {
  Image image;
  image.format = Format::riscv_image;
  image.arch = "riscv64";
  image.riscv = RiscvFacts{.text_offset = 2 * mib, .image_size = image_size, .version = 2};
  image.bytes.resize(mib);
  image.parts = {{.file_size = file_size, .memory_size = image_size}};
  return image;
}

// As vmlinux.lds.S lays out Linux: physical addresses count from 0, or are the virtual ones.
Image vmlinux(std::uint64_t physical) {
  constexpr std::uint64_t base = 0xffffffff80000000;
  Image image;
  image.format = Format::elf;
  image.arch = "riscv64";
  image.elf.emplace();
  image.elf->is64 = true;
  image.elf->machine = EM_RISCV;
  image.elf->entry = base;
  image.bytes.resize(mib);
  image.parts = {
      {.file_offset = 0x1000,
       .file_size = 0x123400,
       .physical = physical,
       .memory_size = 0x123400,
       .virtual_address = base},
      {.file_offset = 0x140000,
       .file_size = 0x1000,
       .physical = physical + 0x200000,
       .memory_size = 0x90000,
       .virtual_address = base + 0x200000},
  };
  return image;
}

const Layout layouts[] = {
    {.name = "saved_512m", .iomem = "", .kernel_at = 0x82200000},
    {.name = "no_initrd", .iomem = "", .initrd = 0, .kernel_at = 0x82200000},
    {.name = "plain_ram", .iomem = "80000000-8fffffff : System RAM\n", .kernel_at = 0x80000000},
    {.name = "behind_the_firmware",
     .iomem = "80000000-8fffffff : System RAM\n  80000000-8007ffff : Reserved\n",
     .kernel_at = 0x80200000},
    {.name = "holes_smaller_than_the_kernel",
     .iomem = "80000000-8fffffff : System RAM\n  81000000-81000fff : Reserved\n  82e00000-82e00fff : Reserved\n",
     .kernel_at = 0x83000000},
    {.name = "memory_far_up", .iomem = "1000000000-100fffffff : System RAM\n", .kernel_at = 0x1000000000},
    {.name = "pages_of_64k",
     .iomem = "80000000-9fffffff : System RAM\n  80001000-80001fff : Reserved\n",
     .page_size = 64 * kib,
     .kernel_at = 0x80200000},
    {.name = "crash", .iomem = "", .machine = "riscv64-6.12-crash", .crash = true, .kernel_at = 0xb0c00000},
    {.name = "no_crash_kernel_on_a_machine_with_a_reservation",
     .iomem = "",
     .machine = "riscv64-6.12-crash",
     .kernel_at = 0x82200000},
};

class Riscv64Layout : public samples::LayoutTest {
 protected:
  Riscv64Layout() : LayoutTest("riscv64-6.12-512m", image()) {}
};

TEST_P(Riscv64Layout, KeepsTheBootProtocol) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  const Segment kernel = segment(*plan, "kernel");
  EXPECT_EQ(kernel.mem, GetParam().kernel_at) << plan->str();
  EXPECT_EQ(kernel.mem % (2 * mib), 0U);
  EXPECT_GE(kernel.memsz, image_size);
  const Segment dtb = segment(*plan, "dtb");
  EXPECT_LE(dtb.memsz, 2 * mib);
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::entry), kernel.mem);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::argument), dtb.mem);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::console), 0x10000000U);
}

// Kernels before 6.4 give up what lies below them.
TEST_P(Riscv64Layout, LeavesNothingBelowTheKernel) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  for (const Segment& each : plan->segments) EXPECT_GE(each.mem, segment(*plan, "kernel").mem) << each.name;
}

// The kernel takes the first tree that it finds for the next kernel's.
TEST_P(Riscv64Layout, HasOneTreeWithTheInitrdInIt) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes tree = inline_bytes(segment(*plan, "dtb"));
  ASSERT_EQ(fdt_check_full(tree.data(), tree.size()), 0);
  const int chosen = fdt_path_offset(tree.data(), "/chosen");
  EXPECT_STREQ(static_cast<const char*>(fdt_getprop(tree.data(), chosen, "bootargs", nullptr)),
               request_.cmdline.c_str());
  const auto* start = static_cast<const std::byte*>(fdt_getprop(tree.data(), chosen, "linux,initrd-start", nullptr));
  const Segment* initrd = samples::find_segment(*plan, "initrd");
  ASSERT_EQ(start != nullptr, initrd != nullptr);
  if (initrd != nullptr) {
    EXPECT_EQ(*read_int<std::uint64_t>(ByteView(start, 8), 0, std::endian::big), initrd->mem);
  }
  EXPECT_EQ(fdt_getprop(tree.data(), chosen, "linux,elfcorehdr", nullptr) != nullptr, request_.crash);
  EXPECT_EQ(fdt_getprop(tree.data(), chosen, "linux,usable-memory-range", nullptr) != nullptr, request_.crash);
}

INSTANTIATE_TEST_SUITE_P(Layouts, Riscv64Layout, testing::ValuesIn(layouts), samples::row_name<Layout>);

// OpenSBI's memory is System RAM in /proc/iomem, and a read of it is refused.
TEST(Riscv64Crash, DoesNotDumpTheFirmware) {
  const Machine machine = samples::machine("riscv64-6.12-crash");
  ASSERT_EQ(foreign_memory(machine.fdt).ranges(), (std::vector<Range>{{0x80000000, 0x80080000}}));
  const Image kernel = image();
  LoadRequest request = samples::request(machine, kernel, mib);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes header = inline_bytes(segment(*plan, "elfcorehdr"));
  const auto count = little<std::uint16_t>(header, offsetof(Elf64_Ehdr, e_phnum));
  std::vector<Range> dumped;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr);
    if (little<std::uint32_t>(header, at) != PT_LOAD) continue;
    const std::uint64_t start = little<std::uint64_t>(header, at + offsetof(Elf64_Phdr, p_paddr));
    dumped.push_back({start, start + little<std::uint64_t>(header, at + offsetof(Elf64_Phdr, p_memsz))});
  }
  EXPECT_EQ(dumped, (std::vector<Range>{{0x80080000, 0xb0c00000}, {0xbcc00000, 0xc0000000}}));
}

TEST(Riscv64Vmlinux, KeepsThePartsDistances) {
  const Machine machine =
      samples::with_memory(samples::machine("riscv64-6.12-512m"), "80001000-8fffffff : System RAM\n");
  for (const std::uint64_t physical : {std::uint64_t{0}, std::uint64_t{0xffffffff80000000}}) {
    const Image kernel = vmlinux(physical);
    const LoadRequest request = samples::request(machine, kernel, mib);
    const auto plan = plan_kernel(request);
    ASSERT_TRUE(plan.has_value()) << plan.error().str();
    samples::expect_sound(*plan, request);
    EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x80200000, 0x80324000}));
    EXPECT_EQ(range_of(segment(*plan, "kernel.1")), (Range{0x80400000, 0x80490000}));
    EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::entry), 0x80200000U);
  }
}

// What a plan of patterns gets, so that the kernel finds a tree in it.
TEST(Riscv64Demand, IsAWholeTree) {
  const Arch* arch = find_arch("riscv64");
  ASSERT_NE(arch, nullptr);
  const Bytes tree = arch->demanded(Machine{});
  EXPECT_EQ(fdt_check_full(tree.data(), tree.size()), 0);
  EXPECT_GT(tree.size(), sizeof(fdt_header)) << "machine_kexec_prepare passes over segments of 40 bytes";
}

class Riscv64Refusal : public testing::TestWithParam<Refusal> {};

TEST_P(Riscv64Refusal, SaysWhy) { samples::expect_refused(GetParam(), samples::machine("riscv64-6.12-512m"), image()); }

const Refusal refusals[] = {
    {"no_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.clear(); }, Errc::not_found,
     "no device tree (/sys/firmware/fdt)"},
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"no_memory_at_a_2_mib_boundary",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "80001000-801fffff : System RAM\n");
     },
     Errc::no_space, "place segment kernel"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(1024, 'x'); },
     Errc::invalid_argument, "1024 bytes, this kernel takes 1023"},
    {"kernel_of_rv32", [](auto&, Image& kernel, auto&) { kernel.arch = "riscv32"; }, Errc::wrong_arch, "riscv32"},
    {"format_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; },
     Errc::unsupported, "no boot protocol for"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, Riscv64Refusal, testing::ValuesIn(refusals), samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
