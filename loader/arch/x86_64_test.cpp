// SPDX-License-Identifier: Apache-2.0
// x86_64 plans over many memory layouts, the zero page they carry, and the mistakes they refuse.
#include <gtest/gtest.h>

#include "kexlab/text.h"
#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"
#include "loader/arch/x86_boot_params.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::Layout;
using samples::little;
using samples::range_of;
using samples::Refusal;
using samples::segment;

// The numbers of Debian's 6.1 kernel; the code behind the setup is empty bytes, which no plan looks at.
Image bzimage() {
  BzImageFacts facts;
  facts.protocol = 0x020f;
  facts.setup_size = 0x5000;
  facts.pref_address = 16 * mib;
  facts.kernel_alignment = 2 * mib;
  facts.init_size = 0x3378000;
  facts.cmdline_size = 2047;
  facts.initrd_addr_max = 0x7fffffff;
  facts.xloadflags = 0x7f;
  facts.relocatable = true;
  facts.setup_header_end = 0x26c;
  Image image;
  image.format = Format::bzimage;
  image.arch = "x86_64";
  image.bytes.resize(facts.setup_size + 12 * mib);
  for (std::uint64_t at = 0x1ef; at < 0x300; ++at) image.bytes[at] = static_cast<std::byte>(at & 0xff);
  image.parts = {{.file_offset = facts.setup_size, .file_size = 12 * mib, .memory_size = 12 * mib}};
  image.bzimage = facts;
  return image;
}

constexpr const char* small_machine =
    "00001000-0009fbff : System RAM\n0009fc00-0009ffff : Reserved\n00100000-0fffffff : System RAM\n";

const Layout layouts[] = {
    {.name = "saved_512m", .iomem = "", .kernel_at = 16 * mib},
    {.name = "no_initrd", .iomem = "", .initrd = 0, .kernel_at = 16 * mib},
    {.name = "small_256m", .iomem = small_machine, .kernel_at = 16 * mib},
    {.name = "preferred_address_taken",
     .iomem = "00100000-012fffff : System RAM\n01300000-013fffff : Reserved\n01400000-1fffffff : System RAM\n",
     .kernel_at = 20 * mib},
    {.name = "reserved_nested_in_ram",
     .iomem = "00100000-1fffffff : System RAM\n  01800000-0180ffff : ACPI Tables\n  04a01000-04a01fff : Reserved\n",
     .kernel_at = 0x4c00000},
    {.name = "holes_smaller_than_the_kernel",
     .iomem = "00100000-02ffffff : System RAM\n04000000-06ffffff : System RAM\n08001000-2fffffff : System RAM\n",
     .kernel_at = 0x8200000},
    {.name = "most_memory_above_4g",
     .iomem = "00100000-7fffffff : System RAM\n100000000-47fffffff : System RAM\n",
     .kernel_at = 16 * mib},
    {.name = "all_free_memory_above_4g",
     .iomem = "00100000-00ffffff : System RAM\n100000000-17fffffff : System RAM\n",
     .kernel_at = 4 * gib},
    {.name = "kernel_that_stays_below_4g",
     .iomem = "00100000-bfffffff : System RAM\n100000000-47fffffff : System RAM\n",
     .kernel_at = 16 * mib,
     .change = [](Image& kernel) { kernel.bzimage->xloadflags = 1; }},
    {.name = "kernel_that_is_not_relocatable",
     .iomem = "",
     .kernel_at = 16 * mib,
     .change = [](Image& kernel) { kernel.bzimage->relocatable = false; }},
    {.name = "alignment_of_16m",
     .iomem = "00100000-012fffff : System RAM\n01300000-013fffff : Reserved\n01400000-1fffffff : System RAM\n",
     .kernel_at = 32 * mib,
     .change = [](Image& kernel) { kernel.bzimage->kernel_alignment = 16 * mib; }},
    {.name = "file_larger_than_init_size",
     .iomem = "",
     .kernel_at = 16 * mib,
     .change = [](Image& kernel) { kernel.bzimage->init_size = 0x1000; }},
    {.name = "crash", .iomem = "", .machine = "x86_64-6.1-crash", .crash = true, .kernel_at = 0x24000000},
    {.name = "crash_high_and_low",
     .iomem = "",
     .machine = "x86_64-6.1-crash-high",
     .crash = true,
     .kernel_at = 0x1ef000000},
    {.name = "no_crash_kernel_on_a_machine_with_a_reservation",
     .iomem = "",
     .machine = "x86_64-6.1-crash",
     .kernel_at = 16 * mib},
};

class X86Layout : public samples::LayoutTest {
 protected:
  X86Layout() : LayoutTest("x86_64-6.1-512m", bzimage()) {}
};

void expect_kernel_place(const Plan& plan, const BzImageFacts& facts) {
  const Segment kernel = segment(plan, "kernel");
  EXPECT_EQ(kernel.mem % facts.kernel_alignment, 0U);
  EXPECT_GE(kernel.mem, facts.pref_address);
  EXPECT_GE(kernel.memsz, facts.init_size);
  EXPECT_EQ(kernel.pieces, (std::vector{Piece::of_source("kernel", facts.setup_size, 12 * mib)}));
  const Bytes stub = inline_bytes(segment(plan, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::entry), kernel.mem + 0x200);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::argument), segment(plan, "boot_params").mem);
}

void expect_limits(const Plan& plan, const BzImageFacts& facts) {
  const bool high = (facts.xloadflags & 2) != 0;
  for (const Segment& each : plan.segments) {
    EXPECT_GE(each.mem, mib) << each.name;
    const std::uint64_t limit = high || each.name == "stub" ? std::uint64_t{1} << 46
                                : each.name == "initrd"     ? std::uint64_t{facts.initrd_addr_max} + 1
                                                            : 4 * gib;
    EXPECT_LE(each.mem + each.memsz, limit) << each.name;
  }
}

std::vector<E820Entry> e820_in(const Bytes& page) {
  std::vector<E820Entry> entries;
  for (std::uint64_t i = 0; i < little<std::uint8_t>(page, 0x1e8); ++i) {
    const std::uint64_t at = 0x2d0 + i * 20;
    const std::uint64_t start = little<std::uint64_t>(page, at);
    entries.push_back({{start, start + little<std::uint64_t>(page, at + 8)},
                       static_cast<E820Type>(little<std::uint32_t>(page, at + 16))});
  }
  return entries;
}

void expect_sorted(const std::vector<E820Entry>& entries) {
  for (std::size_t i = 1; i < entries.size(); ++i) EXPECT_LE(entries[i - 1].range.end, entries[i].range.start) << i;
}

RangeSet ram_of(const std::vector<E820Entry>& entries) {
  RangeSet ram;
  for (const E820Entry& entry : entries) {
    if (entry.type == E820Type::ram) ram.add(entry.range);
  }
  return ram;
}

void expect_addresses(const Plan& plan, const LoadRequest& request) {
  const Bytes page = inline_bytes(segment(plan, "boot_params"));
  const auto wide = [&](std::uint64_t low, std::uint64_t high) {
    return little<std::uint32_t>(page, low) | little<std::uint32_t>(page, high) << 32;
  };
  EXPECT_EQ(wide(0x228, 0x0c8), segment(plan, "cmdline").mem);
  EXPECT_EQ(wide(0x21c, 0x0c4), request.initrd.size());
  EXPECT_EQ(wide(0x218, 0x0c0), request.initrd.size() == 0 ? 0 : segment(plan, "initrd").mem);
  std::string text(as_text(inline_bytes(segment(plan, "cmdline"))));
  std::string wanted = request.cmdline;
  if (request.crash) wanted += " elfcorehdr=" + hex(segment(plan, "elfcorehdr").mem);
  EXPECT_EQ(text, wanted + '\0');
}

TEST_P(X86Layout, KeepsTheBootProtocol) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(segment(*plan, "kernel").mem, GetParam().kernel_at) << plan->str();
  expect_kernel_place(*plan, *kernel_.bzimage);
  expect_limits(*plan, *kernel_.bzimage);
  expect_addresses(*plan, request_);
  const auto map = e820_in(inline_bytes(segment(*plan, "boot_params")));
  expect_sorted(map);
  for (const Segment& each : plan->segments) {
    EXPECT_EQ(ram_of(map).contains(range_of(each)), each.name != "elfcorehdr") << each.name;
  }
}

TEST_P(X86Layout, KeepsOffEverythingThatIsNotRamForItself) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  for (const MemoryEntry& entry : machine_.memory.entries) {
    if (entry.name == "System RAM" || entry.name.starts_with("Kernel ")) continue;
    if (request_.crash && entry.name == "Crash kernel") continue;
    for (const Segment& each : plan->segments) {
      EXPECT_FALSE(entry.range.overlaps(range_of(each))) << each.name << " lies in " << entry.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, X86Layout, testing::ValuesIn(layouts), samples::row_name<Layout>);

TEST(X86Crash, LiesInTheReservationThatTheKernelChecks) {
  const Machine machine = samples::machine("x86_64-6.1-crash-high");
  const Image kernel = bzimage();
  LoadRequest request = samples::request(machine, kernel, mib);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  for (const Segment& each : plan->segments) {
    EXPECT_TRUE((Range{0x1ef000000, 0x1ff000000}.contains(range_of(each)))) << each.name;
  }
  const RangeSet ram = ram_of(e820_in(inline_bytes(segment(*plan, "boot_params"))));
  EXPECT_TRUE(ram.contains({0x7b000000, 0x7f000000})) << "the low reservation is for DMA";
  EXPECT_TRUE(ram.contains({0x1000, 0x9f000})) << "the trampoline needs the first MiB";
  EXPECT_FALSE(ram.overlaps({mib, 0x7b000000})) << "the dead kernel's memory";
  EXPECT_FALSE(ram.overlaps({0x100000000, 0x1ef000000})) << "the dead kernel's memory";
}

TEST(X86Crash, MapsTheKernelsTextWhereItsAddressIsKnown) {
  Machine machine = samples::machine("x86_64-6.1-crash");
  machine.kallsyms_text = 0xffffffffabe00000;
  const Image kernel = bzimage();
  LoadRequest request = samples::request(machine, kernel);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes header = inline_bytes(segment(*plan, "elfcorehdr"));
  std::vector<std::uint64_t> physical;
  for (std::uint64_t at = 64; at < header.size(); at += 56) {
    if (little<std::uint64_t>(header, at + 16) == 0xffffffffabe00000)
      physical.push_back(little<std::uint64_t>(header, at + 24));
  }
  const auto code = machine.memory.named("Kernel code");
  ASSERT_EQ(code.size(), 1U);
  EXPECT_EQ(physical, (std::vector<std::uint64_t>{code[0].start}));
}

TEST(X86Usable, OffersAPayloadNothingBelow1MibAndNothingOfAReservation) {
  const Machine machine = samples::machine("x86_64-6.1-crash-high");
  const RangeSet free = find_arch("x86_64")->usable(machine, false);
  EXPECT_FALSE(free.overlaps({0, mib}));
  EXPECT_FALSE(free.overlaps({0x7b000000, 0x7f000000}));
  EXPECT_FALSE(free.overlaps({0x1ef000000, 0x1ff000000}));
  EXPECT_TRUE(free.contains({mib, 0x7b000000}));
  EXPECT_EQ(find_arch("x86_64")->usable(machine, true), RangeSet({{0x1ef000000, 0x1ff000000}}));
  EXPECT_TRUE(find_arch("x86_64")->usable(samples::machine("x86_64-6.1-512m"), true).ranges().empty());
}

TEST(X86ZeroPage, TakesTheHeaderFromTheImageAndTheMachineFromTheRunningKernel) {
  Machine machine = samples::machine("x86_64-6.1-512m");
  for (std::size_t i = 0; i < machine.boot_params.size(); ++i) machine.boot_params[i] = std::byte{0xa5};
  const Image kernel = bzimage();
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes page = inline_bytes(segment(*plan, "boot_params"));
  ASSERT_EQ(page.size(), boot_params_size);
  EXPECT_EQ(little<std::uint64_t>(page, 0x070), 0xa5a5a5a5a5a5a5a5) << "acpi_rsdp_addr";
  EXPECT_EQ(little<std::uint8_t>(page, 0x006), 0xa5) << "screen_info";
  EXPECT_EQ(little<std::uint8_t>(page, 0x1f1), 0xf1) << "setup_sects, from the image";
  EXPECT_EQ(little<std::uint8_t>(page, 0x26b), 0x6b) << "the header's last byte";
  EXPECT_EQ(little<std::uint8_t>(page, 0x26c), 0) << "behind the header";
  EXPECT_EQ(little<std::uint8_t>(page, 0x1ef), 0) << "sentinel";
  EXPECT_EQ(little<std::uint8_t>(page, 0x210), 0xff) << "type_of_loader";
  EXPECT_EQ(little<std::uint64_t>(page, 0x250), 0U) << "setup_data of the old kernel";
  for (std::uint64_t at = 0x1c0; at < 0x1e0; at += 8) EXPECT_EQ(little<std::uint64_t>(page, at), 0U) << "efi_info";
}

TEST(X86ZeroPage, IsMadeWithoutTheRunningKernelsPageToo) {
  Machine machine = samples::machine("x86_64-6.1-512m");
  machine.boot_params.clear();
  const Image kernel = bzimage();
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "boot_params")), 0x070), 0U);
}

Machine uefi_machine() {
  Machine machine = samples::machine("x86_64-6.1-512m");
  machine.boot_params.assign(boot_params_size, std::byte{0});
  for (std::uint64_t at = 0x1c0; at < 0x1e0; ++at) machine.boot_params[at] = std::byte{0x77};  // efi_info
  machine.boot_params[0x1ec] = std::byte{3};                                                   // secure_boot: on
  machine.efi =
      EfiFacts{0x1111, 0x2222, 0x3333, 0x4444, {{5, 0x5000, 0xffff5000, 1, 15}, {6, 0x6000, 0xffff6000, 2, 7}}};
  return machine;
}

TEST(X86ZeroPage, HandsOnUefiWhereItsServicesAreMapped) {
  const Machine machine = uefi_machine();
  const Image kernel = bzimage();
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Segment where = segment(*plan, "boot_params");
  const Bytes page = inline_bytes(where);
  EXPECT_EQ(little<std::uint64_t>(page, 0x070), 0x3333U) << "the RSDP, which the running kernel's page lacks";
  EXPECT_EQ(little<std::uint64_t>(page, 0x1c0), 0x7777777777777777U) << "signature and system table";
  EXPECT_EQ(little<std::uint8_t>(page, 0x1ec), 3U) << "secure_boot";
  EXPECT_EQ(little<std::uint32_t>(page, 0x1c8), 40U) << "size of a descriptor";
  EXPECT_EQ(little<std::uint32_t>(page, 0x1cc), 0x77777777U) << "its version";
  const std::uint64_t setup = 4096, map = setup + 16 + 96;
  EXPECT_EQ(little<std::uint32_t>(page, 0x1d0), where.mem + map);
  EXPECT_EQ(little<std::uint32_t>(page, 0x1d4), 80U) << "two descriptors";
  EXPECT_EQ(little<std::uint32_t>(page, 0x1dc), 0U) << "the upper half of the map's address";
  EXPECT_EQ(little<std::uint64_t>(page, 0x250), where.mem + setup);
  EXPECT_EQ(little<std::uint64_t>(page, setup), 0U) << "next";
  EXPECT_EQ(little<std::uint64_t>(page, setup + 8), (std::uint64_t{96} << 32 | 4)) << "SETUP_EFI and its length";
  EXPECT_EQ(little<std::uint64_t>(page, setup + 16), 0x1111U) << "fw_vendor";
  EXPECT_EQ(little<std::uint64_t>(page, setup + 32), 0x2222U) << "tables";
  EXPECT_EQ(little<std::uint64_t>(page, setup + 40), 0x4444U) << "smbios";
  ASSERT_EQ(page.size(), map + 80);
  EXPECT_EQ(little<std::uint64_t>(page, map + 40), 6U) << "type";
  EXPECT_EQ(little<std::uint64_t>(page, map + 48), 0x6000U) << "physical";
  EXPECT_EQ(little<std::uint64_t>(page, map + 56), 0xffff6000U) << "virtual";
  EXPECT_EQ(little<std::uint64_t>(page, map + 64), 2U) << "pages";
  EXPECT_EQ(little<std::uint64_t>(page, map + 72), 7U) << "attribute";
}

TEST(X86ZeroPage, KeepsUefiToItselfWhereTheNextKernelCannotGoOnWithIt) {
  Machine machine = uefi_machine();
  Image kernel = bzimage();
  kernel.bzimage->xloadflags = 0x6f;  // no XLF_EFI_KEXEC
  const auto unable = plan_kernel(samples::request(machine, kernel));
  machine.efi->mappings.clear();
  kernel = bzimage();
  const auto unmapped = plan_kernel(samples::request(machine, kernel));
  for (const auto* plan : {&unable, &unmapped}) {
    ASSERT_TRUE(plan->has_value()) << plan->error().str();
    const Bytes page = inline_bytes(segment(**plan, "boot_params"));
    EXPECT_EQ(page.size(), boot_params_size);
    EXPECT_EQ(little<std::uint64_t>(page, 0x1c0), 0U) << "efi_info";
    EXPECT_EQ(little<std::uint64_t>(page, 0x250), 0U) << "setup_data";
    EXPECT_EQ(little<std::uint64_t>(page, 0x070), 0x3333U) << "ACPI is found all the same";
  }
}

TEST(X86ZeroPage, ChainsUefiBeforeTheEntriesThatDidNotFit) {
  std::string iomem = "00100000-1fffffff : System RAM\n";
  for (unsigned i = 0; i < 130; ++i) {
    const std::uint64_t start = 0x20000000 + i * 0x10000ULL;
    iomem += hex(start).substr(2) + "-" + hex(start + 0xfff).substr(2) + " : Reserved\n";
  }
  const Machine machine = samples::with_memory(uefi_machine(), iomem);
  const Image kernel = bzimage();
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Segment where = segment(*plan, "boot_params");
  const Bytes page = inline_bytes(where);
  const std::uint64_t setup = 4096 + 16 + 3 * 20U;
  EXPECT_EQ(little<std::uint64_t>(page, 0x250), where.mem + setup);
  EXPECT_EQ(little<std::uint64_t>(page, setup), where.mem + 4096) << "next: SETUP_E820_EXT";
  EXPECT_EQ(little<std::uint32_t>(page, 4096 + 8), 1U) << "SETUP_E820_EXT";
  EXPECT_EQ(little<std::uint32_t>(page, 4096 + 12), 3 * 20U);
}

TEST(X86ZeroPage, PutsEntriesBeyond128IntoSetupData) {
  std::string iomem = "00100000-1fffffff : System RAM\n";
  for (unsigned i = 0; i < 150; ++i) {
    const std::uint64_t start = 0x20000000 + i * 0x10000ULL;
    iomem += hex(start).substr(2) + "-" + hex(start + 0xfff).substr(2) + " : Reserved\n";
  }
  const Machine machine = samples::with_memory(samples::machine("x86_64-6.1-512m"), iomem);
  const Image kernel = bzimage();
  const auto plan = plan_kernel(samples::request(machine, kernel));
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Segment page_segment = segment(*plan, "boot_params");
  const Bytes page = inline_bytes(page_segment);
  EXPECT_EQ(little<std::uint8_t>(page, 0x1e8), 128U);
  EXPECT_EQ(little<std::uint64_t>(page, 0x250), page_segment.mem + 4096);
  ASSERT_EQ(page.size(), 4096 + 16 + 23 * 20U);
  EXPECT_EQ(little<std::uint64_t>(page, 4096), 0U) << "next";
  EXPECT_EQ(little<std::uint32_t>(page, 4096 + 8), 1U) << "SETUP_E820_EXT";
  EXPECT_EQ(little<std::uint32_t>(page, 4096 + 12), 23 * 20U);
  EXPECT_EQ(little<std::uint64_t>(page, page.size() - 20), 0x20000000 + 149 * 0x10000ULL) << "the last entry";
}

struct NamedType {
  const char* name;
  E820Type type;
};

TEST(X86MemoryMap, KeepsWhatEachNameMeans) {
  const NamedType types[] = {
      {"Reserved", E820Type::reserved},
      {"ACPI Tables", E820Type::acpi},
      {"ACPI Non-volatile Storage", E820Type::nvs},
      {"Unusable memory", E820Type::unusable},
      {"Persistent Memory", E820Type::pmem},
      {"Persistent Memory (legacy)", E820Type::pram},
      {"Soft Reserved", E820Type::soft_reserved},
  };
  for (const NamedType& row : types) {
    const auto memory =
        parse_iomem(std::string("00100000-00ffffff : System RAM\n01000000-01000fff : ") + row.name + "\n");
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(e820_of(*memory),
              (std::vector<E820Entry>{{{mib, 16 * mib}, E820Type::ram}, {{16 * mib, 16 * mib + 0x1000}, row.type}}))
        << row.name;
  }
}

class X86Refusal : public testing::TestWithParam<Refusal> {};

TEST_P(X86Refusal, SaysWhy) { samples::expect_refused(GetParam(), samples::machine("x86_64-6.1-512m"), bzimage()); }

const Refusal refusals[] = {
    {"a_kernel_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.arch = "arm64"; }, Errc::wrong_arch,
     "the kernel is for arm64, the machine is x86_64"},
    {"a_machine_without_a_boot_protocol",
     [](Machine& machine, Image& kernel, auto&) { machine.arch = kernel.arch = "vax"; }, Errc::unsupported, "vax"},
    {"no_64_bit_entry", [](auto&, Image& kernel, auto&) { kernel.bzimage->xloadflags = 0; }, Errc::unsupported,
     "64-bit entry"},
    {"protocol_older_than_64_bit_boot", [](auto&, Image& kernel, auto&) { kernel.bzimage->protocol = 0x20b; },
     Errc::unsupported, "0x20b"},
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"reservation_too_small",
     [](Machine& machine, auto&, LoadRequest& request) {
       machine = samples::with_memory(machine, "00100000-1fffffff : System RAM\n  08000000-09ffffff : Crash kernel\n");
       request.crash = true;
     },
     Errc::no_space, "the largest free block there has 32 MiB"},
    {"tiny_memory",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00100000-01ffffff : System RAM\n");
     },
     Errc::no_space, "place segment kernel"},
    {"not_relocatable_and_its_place_is_taken",
     [](Machine& machine, Image& kernel, auto&) {
       machine = samples::with_memory(machine, "00100000-1fffffff : System RAM\n  01000000-01000fff : Reserved\n");
       kernel.bzimage->relocatable = false;
     },
     Errc::no_space, "at 0x1000000"},
    {"more_than_half_of_memory",
     [](auto&, auto&, LoadRequest& request) { request.initrd.pieces = {Piece::of_pattern(1, 300 * mib)}; },
     Errc::no_space, "half of RAM"},
    {"initrd_that_fits_nowhere",
     [](auto&, auto&, LoadRequest& request) { request.initrd.pieces = {Piece::of_pattern(1, 600 * mib)}; },
     Errc::no_space, "place segment initrd"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(2048, 'x'); },
     Errc::invalid_argument, "2048 bytes, this kernel takes 2047"},
    {"nul_in_the_command_line", [](auto&, auto&, LoadRequest& request) { request.cmdline = std::string("a\0b", 3); },
     Errc::invalid_argument, "NUL"},
    {"preferred_address_at_the_end_of_the_address_space",
     [](auto&, Image& kernel, auto&) { kernel.bzimage->pref_address = ~std::uint64_t{0xfff}; }, Errc::no_space,
     "place segment kernel"},
    {"preferred_address_inside_a_page", [](auto&, Image& kernel, auto&) { kernel.bzimage->pref_address = 0x1000100; },
     Errc::corrupt, "pref_address 0x1000100"},
    {"cut_boot_params", [](Machine& machine, auto&, auto&) { machine.boot_params.resize(100); }, Errc::corrupt,
     "100 bytes instead of 4096"},
    {"header_that_ends_before_it_starts", [](auto&, Image& kernel, auto&) { kernel.bzimage->setup_header_end = 0x100; },
     Errc::corrupt, "setup header"},
    {"format_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.format = Format::arm64_image; },
     Errc::unsupported, "no boot protocol for"},
    {"no_machine", [](auto&, auto&, LoadRequest& request) { request.machine = nullptr; }, Errc::invalid_argument,
     "no machine"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, X86Refusal, testing::ValuesIn(refusals), samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
