// SPDX-License-Identifier: Apache-2.0
// loongarch64 plans over many memory layouts, and the mistakes they refuse.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::Layout;
using samples::little;
using samples::range_of;
using samples::Refusal;
using samples::segment;
using testing::EndsWith;
using testing::Not;

constexpr std::uint64_t image_size = 0x1a00000;
constexpr std::uint64_t file_size = 0x1913a00;
constexpr std::uint64_t entry_in_image = 0x10e9000;

// Of the size of Debian's 7.2 kernel.
Image image() {
  Image image;
  image.format = Format::loongarch_image;
  image.arch = "loongarch64";
  image.loongarch =
      LoongArchFacts{.entry = 2 * mib + entry_in_image, .image_size = image_size, .load_address = 2 * mib};
  image.bytes.resize(mib);
  image.parts = {{.file_size = file_size, .memory_size = image_size}};
  return image;
}

// As vmlinux.lds.S lays out Linux: physical addresses are the virtual ones, in the cached window.
Image vmlinux() {
  constexpr std::uint64_t base = 0x9000000000200000;
  Image image;
  image.format = Format::elf;
  image.arch = "loongarch64";
  image.elf.emplace();
  image.elf->is64 = true;
  image.elf->machine = EM_LOONGARCH;
  image.elf->entry = base + 0x1000;
  image.bytes.resize(mib);
  image.parts = {
      {.file_offset = 0x10000,
       .file_size = 0x123400,
       .physical = base,
       .memory_size = 0x1a0000,
       .virtual_address = base},
  };
  return image;
}

const Layout layouts[] = {
    {.name = "saved_1g", .iomem = "", .kernel_at = 0x5e00000},
    {.name = "no_initrd", .iomem = "", .initrd = 0, .kernel_at = 0x5e00000},
    {.name = "plain_ram", .iomem = "00000000-0fffffff : System RAM\n", .kernel_at = 0x200000},
    {.name = "ram_far_up", .iomem = "90000000-efffffff : System RAM\n", .kernel_at = 0x90000000},
    {.name = "holes_smaller_than_the_kernel",
     .iomem = "00000000-0fffffff : System RAM\n  01000000-01003fff : Reserved\n  02200000-02203fff : Reserved\n",
     .kernel_at = 0x2400000},
    {.name = "pages_of_64k",
     .iomem = "00000000-0fffffff : System RAM\n  00204000-00207fff : Reserved\n",
     .page_size = 64 * kib,
     .kernel_at = 0x400000},
    {.name = "crash", .iomem = "", .machine = "loongarch64-7.2-crash", .crash = true, .kernel_at = 0xd0000000},
    {.name = "no_crash_kernel_on_a_machine_with_a_reservation",
     .iomem = "",
     .machine = "loongarch64-7.2-crash",
     .kernel_at = 0x5e00000},
};

class LoongArch64Layout : public samples::LayoutTest {
 protected:
  LoongArch64Layout() : LayoutTest("loongarch64-7.2-1g", image()) {}
};

std::string command_line(const Plan& plan) {
  const Bytes bytes = inline_bytes(segment(plan, "cmdline"));
  return std::string(as_text(bytes)).c_str();
}

std::string hex_of(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

TEST_P(LoongArch64Layout, KeepsTheBootProtocol) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  const Segment kernel = segment(*plan, "kernel");
  EXPECT_EQ(kernel.mem, GetParam().kernel_at) << plan->str();
  EXPECT_EQ(kernel.mem % (2 * mib), 0U);
  EXPECT_GE(kernel.memsz, image_size);
  EXPECT_EQ(plan->entry, kernel.mem + entry_in_image);
  for (const Segment& each : plan->segments) EXPECT_GE(each.mem, 2 * mib) << each.name << ": the control code's place";
}

// The kernel copies 4096 bytes from the first buffer that begins so.
TEST_P(LoongArch64Layout, HasOneCommandLineThatTheKernelFinds) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(inline_bytes(segment(*plan, "cmdline")).size(), 4096U);
  std::string expected = "kexec " + request_.cmdline;
  if (GetParam().initrd != 0)
    expected += " initrd=" + hex_of(segment(*plan, "initrd").mem) + "," + hex_of(GetParam().initrd);
  if (request_.crash) {
    const Segment header = segment(*plan, "elfcorehdr");
    expected += " mem=0x20000000@0xd0000000 elfcorehdr=" + hex_of(header.bufsz) + "@" + hex_of(header.mem);
  }
  EXPECT_EQ(command_line(*plan), expected);
}

INSTANTIATE_TEST_SUITE_P(Layouts, LoongArch64Layout, testing::ValuesIn(layouts), samples::row_name<Layout>);

// EDK2 puts the first before the running kernel's own words; the others are a crash kernel's.
TEST(LoongArch64CommandLine, ForgetsTheInitrdOfBefore) {
  const Machine machine = samples::machine("loongarch64-7.2-crash");
  const Image kernel = image();
  LoadRequest request = samples::request(machine, kernel, mib);
  request.cmdline = "initrd=initrd mem=1G@0 one elfcorehdr=0x1000@0x2000 two";
  auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_THAT(command_line(*plan), testing::StartsWith("kexec mem=1G@0 one two initrd=0x"));
  request.crash = true;
  plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_THAT(command_line(*plan), testing::StartsWith("kexec one two initrd=0x"));
  request.crash = false;
  request.initrd = {};
  request.cmdline.clear();
  plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(command_line(*plan), "kexec");
}

TEST(LoongArch64Crash, DumpsEverythingButTheReservation) {
  const Machine machine = samples::machine("loongarch64-7.2-crash");
  const Image kernel = image();
  LoadRequest request = samples::request(machine, kernel, mib);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Segment elfcorehdr = segment(*plan, "elfcorehdr");
  EXPECT_EQ(elfcorehdr.mem % (64 * kib), 0U);
  const Bytes header = inline_bytes(elfcorehdr);
  EXPECT_EQ(little<std::uint16_t>(header, offsetof(Elf64_Ehdr, e_machine)), EM_LOONGARCH);
  const auto count = little<std::uint16_t>(header, offsetof(Elf64_Ehdr, e_phnum));
  RangeSet dumped;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr);
    if (little<std::uint32_t>(header, at) != PT_LOAD) continue;
    const std::uint64_t start = little<std::uint64_t>(header, at + offsetof(Elf64_Phdr, p_paddr));
    EXPECT_EQ(little<std::uint64_t>(header, at + offsetof(Elf64_Phdr, p_vaddr)), 0x9000000000000000 + start);
    dumped.add({start, start + little<std::uint64_t>(header, at + offsetof(Elf64_Phdr, p_memsz))});
  }
  EXPECT_EQ(dumped, without(machine.memory.ram(), crash_ranges(machine.memory)));
}

TEST(LoongArch64Vmlinux, IsMovedAsAWhole) {
  const Machine machine =
      samples::with_memory(samples::machine("loongarch64-7.2-1g"), "00204000-0fffffff : System RAM\n");
  const Image kernel = vmlinux();
  const LoadRequest request = samples::request(machine, kernel, mib);
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x400000, 0x5a0000}));
  EXPECT_EQ(plan->entry, 0x401000U);
}

TEST(LoongArch64Demand, IsAMarkerWithRoomForACommandLine) {
  const Arch* arch = find_arch("loongarch64");
  ASSERT_NE(arch, nullptr);
  const Bytes bytes = arch->demanded(Machine{});
  EXPECT_EQ(bytes.size(), 4096U);
  EXPECT_STREQ(std::string(as_text(bytes)).c_str(), "kexec");
}

class LoongArch64Refusal : public testing::TestWithParam<Refusal> {};

TEST_P(LoongArch64Refusal, SaysWhy) {
  samples::expect_refused(GetParam(), samples::machine("loongarch64-7.2-1g"), image());
}

const Refusal refusals[] = {
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"memory_below_2_mib_only",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-001fffff : System RAM\n");
     },
     Errc::no_space, "place segment kernel"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(4096, 'x'); },
     Errc::invalid_argument, "this kernel takes 4095"},
    {"a_digest", [](auto&, auto&, LoadRequest& request) { request.digest = LoadRequest::Digest::fast; },
     Errc::unsupported, "check a digest"},
    {"format_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; },
     Errc::unsupported, "no boot protocol for"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, LoongArch64Refusal, testing::ValuesIn(refusals), samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
