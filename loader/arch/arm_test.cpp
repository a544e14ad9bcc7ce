// SPDX-License-Identifier: Apache-2.0
// arm plans over memory layouts: the zImage behind the room that it unpacks to, everything else where the kernel
// reaches it from the beginning.
#include <elf.h>
#include <gtest/gtest.h>
#include <libfdt.h>

#include <functional>

#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::little;
using samples::range_of;
using samples::Refusal;
using samples::segment;

constexpr std::uint64_t zimage_size = 0x4f5200;

// About the numbers of Debian's 6.1 armmp kernel.
Image zimage() {
  Image image;
  image.format = Format::zimage;
  image.arch = "arm";
  image.zimage = ZImageFacts{.kernel_size = 0x1219f00, .bss_size = 0x57000, .text_offset = 0x208000};
  image.bytes.resize(mib);
  image.parts = {{.file_size = zimage_size, .memory_size = zimage_size}};
  return image;
}

struct Layout {
  const char* name;
  std::string iomem;  // empty: as saved
  const char* machine = "arm-6.1-512m";
  bool crash = false;
  std::uint64_t initrd = 5 * mib + 1;
  std::uint64_t ram_at = 0x40000000;  // what the zImage will take for the start of RAM
  std::function<void(ZImageFacts&)> change = nullptr;
};

const Layout layouts[] = {
    {.name = "saved_512m", .iomem = ""},
    {.name = "no_initrd", .iomem = "", .initrd = 0},
    {.name = "start_of_ram_taken", .iomem = "40001000-5fffffff : System RAM\n", .ram_at = 0x48000000},
    {.name = "reserved_where_it_would_unpack",
     .iomem = "40000000-5fffffff : System RAM\n  40300000-40300fff : reserved\n",
     .ram_at = 0x48000000},
    {.name = "more_than_the_kernel_maps", .iomem = "40000000-bfffffff : System RAM\n"},
    {.name = "a_kernel_that_tells_no_size", .iomem = "", .change = [](ZImageFacts& facts) { facts = ZImageFacts{}; }},
    {.name = "crash", .iomem = "", .machine = "arm-6.1-crash", .crash = true, .ram_at = 0x60000000},
};

class ArmLayout : public testing::TestWithParam<Layout> {
 protected:
  ArmLayout() : machine_(samples::machine(GetParam().machine)), kernel_(zimage()) {
    if (!GetParam().iomem.empty()) machine_ = samples::with_memory(machine_, GetParam().iomem);
    if (GetParam().change) GetParam().change(*kernel_.zimage);
    request_ = samples::request(machine_, kernel_, GetParam().initrd);
    request_.crash = GetParam().crash;
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

TEST_P(ArmLayout, LeavesTheRoomThatTheKernelUnpacksTo) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  const Segment kernel = segment(*plan, "kernel");
  const ZImageFacts& facts = *kernel_.zimage;
  const std::uint64_t unpacked = facts.kernel_size != 0 ? facts.kernel_size + facts.bss_size : 5 * zimage_size;
  const Range room{GetParam().ram_at, GetParam().ram_at + facts.text_offset + unpacked};
  EXPECT_EQ(align_down(kernel.mem, 128 * mib), GetParam().ram_at) << "as the zImage rounds its own address";
  EXPECT_GE(kernel.memsz, zimage_size + 0x11000) << "its stack and heap";
  for (const Segment& each : plan->segments) {
    EXPECT_FALSE(room.overlaps(range_of(each))) << each.name;
    EXPECT_LE(each.mem + each.memsz, GetParam().ram_at + 768 * mib) << each.name;
  }
}

TEST_P(ArmLayout, TellsItInTheTreeAndTheStub) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::entry), segment(*plan, "kernel").mem);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::argument), segment(*plan, "dtb").mem);
  const Bytes dtb = inline_bytes(segment(*plan, "dtb"));
  ASSERT_EQ(fdt_check_full(dtb.data(), dtb.size()), 0);
  const int chosen = fdt_path_offset(dtb.data(), "/chosen");
  EXPECT_STREQ(static_cast<const char*>(fdt_getprop(dtb.data(), chosen, "bootargs", nullptr)), "console=ttyS0 one=1");
  const bool usable = fdt_getprop(dtb.data(), chosen, "linux,usable-memory-range", nullptr) != nullptr;
  EXPECT_EQ(usable, request_.crash);
}

INSTANTIATE_TEST_SUITE_P(Layouts, ArmLayout, testing::ValuesIn(layouts),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ArmCrash, WritesACoreHeaderOf32Bits) {
  const Machine machine = samples::machine("arm-6.1-crash");
  const Image kernel = zimage();
  LoadRequest request = samples::request(machine, kernel);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes header = inline_bytes(segment(*plan, "elfcorehdr"));
  EXPECT_EQ(little<std::uint8_t>(header, EI_CLASS), static_cast<unsigned>(ELFCLASS32));
  EXPECT_EQ(little<std::uint16_t>(header, 18), static_cast<unsigned>(EM_ARM)) << "e_machine";
}

// What the tree calls usable, in the two cells each of address and size that QEMU's root has.
TEST(ArmCrash, KeepsTheCoreHeaderOutOfTheMemoryThatTheKernelMaps) {
  const Machine machine = samples::machine("arm-6.1-crash");
  const Image kernel = zimage();
  LoadRequest request = samples::request(machine, kernel, mib);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes dtb = inline_bytes(segment(*plan, "dtb"));
  int size = 0;
  const auto* cells = static_cast<const std::byte*>(
      fdt_getprop(dtb.data(), fdt_path_offset(dtb.data(), "/chosen"), "linux,usable-memory-range", &size));
  ASSERT_EQ(size, 16);
  const ByteView view(cells, 16);
  const std::uint64_t start = read_int<std::uint64_t>(view, 0, std::endian::big).value_or(0);
  const Range usable{start, start + read_int<std::uint64_t>(view, 8, std::endian::big).value_or(0)};
  for (const Segment& each : plan->segments) {
    EXPECT_EQ(usable.contains(range_of(each)), each.name != "elfcorehdr") << each.name;
  }
}

class ArmRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(ArmRefusal, SaysWhy) { samples::expect_refused(GetParam(), samples::machine("arm-6.1-512m"), zimage()); }

INSTANTIATE_TEST_SUITE_P(
    Refusals, ArmRefusal,
    testing::Values(Refusal{"a_vmlinux", [](auto&, Image& kernel, auto&) { kernel.format = Format::elf; },
                            Errc::unsupported, "use the zImage"},
                    Refusal{"a_kernel_that_leaves_no_room",
                            [](auto&, Image& kernel, auto&) { kernel.zimage->bss_size = 120 * mib; }, Errc::unsupported,
                            "first 128 MiB"},
                    Refusal{"no_ram_at_a_multiple_of_128_mib",
                            [](Machine& machine, auto&, auto&) {
                              machine = samples::with_memory(machine, "41000000-47ffffff : System RAM\n");
                            },
                            Errc::no_space, "place segment kernel"},
                    Refusal{"no_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.clear(); },
                            Errc::not_found, "no device tree"}),
    samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
