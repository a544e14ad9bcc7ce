// SPDX-License-Identifier: Apache-2.0
// arm64 plans over many memory layouts and page sizes, and the mistakes they refuse.
#include <elf.h>
#include <gtest/gtest.h>
#include <libfdt.h>

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

// The numbers of Debian's 6.1 kernel.
Image image() {
  Image image;
  image.format = Format::arm64_image;
  image.arch = "arm64";
  image.arm64 = Arm64Facts{.text_offset = 0, .image_size = 0x1ab0000, .flags = 0xa, .page_size = 4096};
  image.bytes.resize(mib);
  image.parts = {{.file_size = 0x1a09a00, .memory_size = 0x1ab0000}};
  return image;
}

// As vmlinux.lds.S lays out Linux: physical addresses are the virtual ones.
Image vmlinux() {
  constexpr std::uint64_t base = 0xffff800008000000;
  Image image;
  image.format = Format::elf;
  image.arch = "arm64";
  image.elf.emplace();
  image.elf->is64 = true;
  image.elf->machine = EM_AARCH64;
  image.elf->entry = base;
  image.bytes.resize(mib);
  image.parts = {
      {.file_offset = 0x10000,
       .file_size = 0x123400,
       .physical = base,
       .memory_size = 0x123400,
       .virtual_address = base},
      {.file_offset = 0x140000,
       .file_size = 0x1000,
       .physical = base + 0x200000,
       .memory_size = 0x90000,
       .virtual_address = base + 0x200000},
  };
  return image;
}

const Layout layouts[] = {
    {.name = "saved_512m", .iomem = "", .kernel_at = 0x41c00000},
    {.name = "no_initrd", .iomem = "", .initrd = 0, .kernel_at = 0x41c00000},
    {.name = "plain_ram", .iomem = "40000000-4fffffff : System RAM\n", .kernel_at = 0x40000000},
    {.name = "base_off_by_a_page", .iomem = "40001000-4fffffff : System RAM\n", .kernel_at = 0x40200000},
    {.name = "holes_smaller_than_the_kernel",
     .iomem = "40000000-4fffffff : System RAM\n  40800000-40800fff : reserved\n  42400000-42400fff : reserved\n",
     .kernel_at = 0x42600000},
    {.name = "nothing_below_4g", .iomem = "880000000-88fffffff : System RAM\n", .kernel_at = 0x880000000},
    {.name = "memory_over_more_than_32g",
     .iomem = "40000000-4fffffff : System RAM\n8080000000-809fffffff : System RAM\n",
     .kernel_at = 0x40000000},
    {.name = "pages_of_64k",
     .iomem = "40000000-5fffffff : System RAM\n  5fff1000-5fff1fff : reserved\n",
     .page_size = 64 * kib,
     .kernel_at = 0x40000000},
    {.name = "pages_of_16k", .iomem = "", .page_size = 16 * kib, .kernel_at = 0x41c00000},
    {.name = "text_offset_of_an_older_kernel",
     .iomem = "40000000-4fffffff : System RAM\n",
     .kernel_at = 0x40080000,
     .change = [](Image& kernel) { kernel.arm64->text_offset = 0x80000; }},
    {.name = "kernel_that_tells_no_size",
     .iomem = "40000000-4fffffff : System RAM\n",
     .kernel_at = 0x40080000,
     .change = [](Image& kernel) { kernel.arm64->image_size = 0; }},
    {.name = "crash", .iomem = "", .machine = "arm64-6.1-crash", .crash = true, .kernel_at = 0x6ec00000},
    {.name = "crash_high_and_low",
     .iomem = "",
     .machine = "arm64-6.1-crash-high",
     .crash = true,
     .kernel_at = 0x1a9200000},
    {.name = "crash_with_pages_of_64k",
     .iomem = "",
     .machine = "arm64-6.1-crash",
     .crash = true,
     .page_size = 64 * kib,
     .kernel_at = 0x6ec00000},
    {.name = "no_crash_kernel_on_a_machine_with_a_reservation",
     .iomem = "",
     .machine = "arm64-6.1-crash",
     .kernel_at = 0x41c00000},
};

class Arm64Layout : public samples::LayoutTest {
 protected:
  Arm64Layout() : LayoutTest("arm64-6.1-512m", image()) {}
};

TEST_P(Arm64Layout, KeepsTheBootProtocol) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  const Segment kernel = segment(*plan, "kernel");
  const std::uint64_t text_offset = kernel_.arm64->image_size == 0 ? 0x80000 : kernel_.arm64->text_offset;
  EXPECT_EQ(kernel.mem, GetParam().kernel_at) << plan->str();
  EXPECT_EQ(kernel.mem % (2 * mib), text_offset);
  EXPECT_GE(kernel.memsz, std::max<std::uint64_t>(kernel_.arm64->image_size, 0x1a09a00 + 1));
  const Segment dtb = segment(*plan, "dtb");
  EXPECT_LE(dtb.memsz, 2 * mib);
  EXPECT_EQ(dtb.mem / (2 * mib), (dtb.mem + dtb.bufsz - 1) / (2 * mib)) << "inside one block of 2 MiB";
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::entry), kernel.mem);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::argument), dtb.mem);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::console), 0x9000000U);
}

TEST_P(Arm64Layout, KeepsTheInitrdInOneWindowWithTheKernel) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  if (request_.initrd.size() == 0) return;
  const Range kernel = range_of(segment(*plan, "kernel"));
  const Range initrd = range_of(segment(*plan, "initrd"));
  const std::uint64_t start = align_down(std::min(kernel.start, initrd.start), gib);
  EXPECT_LE(std::max(kernel.end, initrd.end) - start, 32 * gib);
}

// /chosen's properties as the second kernel reads them.
class Chosen {
 public:
  explicit Chosen(const Plan& plan) : dtb_(inline_bytes(segment(plan, "dtb"))) {
    EXPECT_EQ(fdt_check_full(dtb_.data(), dtb_.size()), 0);
    node_ = fdt_path_offset(dtb_.data(), "/chosen");
  }
  [[nodiscard]] std::vector<std::uint64_t> numbers(const char* name) const {
    int size = 0;
    const auto* value = static_cast<const std::byte*>(fdt_getprop(dtb_.data(), node_, name, &size));
    std::vector<std::uint64_t> all;
    const ByteView view(value, value == nullptr ? 0 : static_cast<std::size_t>(size));
    for (std::size_t at = 0; at < view.size(); at += 8) {
      all.push_back(read_int<std::uint64_t>(view, at, std::endian::big).value_or(0));
    }
    return all;
  }
  [[nodiscard]] std::string text(const char* name) const {
    const auto* value = static_cast<const char*>(fdt_getprop(dtb_.data(), node_, name, nullptr));
    return value == nullptr ? "(none)" : value;
  }

 private:
  Bytes dtb_;
  int node_ = -1;
};

using Numbers = std::vector<std::uint64_t>;

TEST_P(Arm64Layout, TellsTheKernelThroughChosen) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Chosen chosen(*plan);
  EXPECT_EQ(chosen.text("bootargs"), request_.cmdline);
  Numbers start;
  Numbers end;
  if (const Segment* initrd = samples::find_segment(*plan, "initrd")) {
    start = {initrd->mem};
    end = {initrd->mem + initrd->bufsz};
  }
  EXPECT_EQ(chosen.numbers("linux,initrd-start"), start);
  EXPECT_EQ(chosen.numbers("linux,initrd-end"), end);
  Numbers header;
  Numbers usable;
  if (const Segment* segment = samples::find_segment(*plan, "elfcorehdr")) {
    header = {segment->mem, segment->bufsz};
    EXPECT_EQ(segment->mem % (64 * kib), 0U);
    const std::vector<Range> all = crash_ranges(machine_.memory).ranges();
    for (auto range = all.rbegin(); range != all.rend(); ++range)
      usable.insert(usable.end(), {range->start, range->size()});
  }
  EXPECT_EQ(chosen.numbers("linux,elfcorehdr"), header);
  EXPECT_EQ(chosen.numbers("linux,usable-memory-range"), usable);
}

INSTANTIATE_TEST_SUITE_P(Layouts, Arm64Layout, testing::ValuesIn(layouts), samples::row_name<Layout>);

TEST(Arm64Crash, NamesTheReservationThatTheKernelLiesInFirst) {
  const Machine machine = samples::machine("arm64-6.1-crash-high");
  const Image kernel = image();
  LoadRequest request = samples::request(machine, kernel);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(Chosen(*plan).numbers("linux,usable-memory-range"),
            (Numbers{0x1a9200000, 0x10000000, 0xf8000000, 0x4000000}));
}

TEST(Arm64Vmlinux, KeepsThePartsDistancesFromABlockOf2Mib) {
  const Machine machine = samples::with_memory(samples::machine("arm64-6.1-512m"), "40001000-4fffffff : System RAM\n");
  const Image kernel = vmlinux();
  const LoadRequest request = samples::request(machine, kernel, mib);
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x40200000, 0x40324000}));
  EXPECT_EQ(range_of(segment(*plan, "kernel.1")), (Range{0x40400000, 0x40490000}));
  EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::entry), 0x40200000U);
}

class Arm64Refusal : public testing::TestWithParam<Refusal> {};

TEST_P(Arm64Refusal, SaysWhy) { samples::expect_refused(GetParam(), samples::machine("arm64-6.1-512m"), image()); }

const Refusal refusals[] = {
    {"a_kernel_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.arch = "x86_64"; }, Errc::wrong_arch,
     "the kernel is for x86_64, the machine is arm64"},
    {"no_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.clear(); }, Errc::not_found,
     "no device tree (/sys/firmware/fdt)"},
    {"cut_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.resize(machine.fdt.size() / 2); },
     Errc::corrupt, "device tree: FDT_ERR"},
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"no_memory_at_a_2_mib_boundary",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "40001000-401fffff : System RAM\n");
     },
     Errc::no_space, "place segment kernel"},
    {"initrd_only_fits_outside_the_window",
     [](Machine& machine, auto&, LoadRequest& request) {
       machine = samples::with_memory(machine, "40000000-42ffffff : System RAM\n8080000000-80ffffffff : System RAM\n");
       request.initrd.pieces = {Piece::of_pattern(1, 64 * mib)};
     },
     Errc::no_space, "place segment initrd"},
    {"text_offset_that_no_page_starts_at", [](auto&, Image& kernel, auto&) { kernel.arm64->text_offset = 0x80; },
     Errc::unsupported, "text_offset 0x80"},
    {"image_size_that_passes_the_end_of_the_address_space",
     [](auto&, Image& kernel, auto&) {
       kernel.arm64->text_offset = 0x80000;
       kernel.arm64->image_size = ~std::uint64_t{0x7ffff};
     },
     Errc::no_space, "place segment kernel"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(2048, 'x'); },
     Errc::invalid_argument, "2048 bytes, this kernel takes 2047"},
    {"format_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; },
     Errc::unsupported, "no boot protocol for"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, Arm64Refusal, testing::ValuesIn(refusals), samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
