// SPDX-License-Identifier: Apache-2.0
// ppc64 of both byte orders: where segments go, what stands in front of the stub, and what the device tree says.
#include "loader/arch/powerpc64.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfdt.h>

#include "kexlab/fast_digest.h"
#include "kexlab/text.h"
#include "loader/arch/memory_nodes.h"
#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using powerpc64::head_size;
using samples::range_of;
using samples::Refusal;
using samples::segment;

constexpr std::uint64_t page = 64 * kib;
constexpr Range rtas{0x2fff0000, 0x30000000};         // of the saved machines, in whole pages
constexpr std::uint64_t kernel_end = 0x2880000;       // their linux,kernel-end
constexpr Range reservation{0x20000000, 0x30000000};  // of the one with crashkernel=256M

// One part with its entry at its start, as vmlinux.lds.S lays it out; its first bytes are their own numbers.
Image vmlinux(const std::string& arch, std::endian order) {
  Image image;
  image.format = Format::elf;
  image.arch = arch;
  image.bytes.resize(0x20000);
  for (std::size_t i = 0; i < image.bytes.size(); ++i) image.bytes[i] = static_cast<std::byte>(i);
  image.elf = ElfFacts{.is64 = true, .order = order, .machine = 21, .entry = 0xc000000000000000};
  image.parts = {{.file_offset = 0x10000,
                  .file_size = 0x10000,
                  .physical = 0,
                  .memory_size = 0x3000000,
                  .virtual_address = 0xc000000000000000}};
  return image;
}

Result<ByteView> bytes_of_kernel(void* context, const std::string& source) {
  if (source == "kernel") return ByteView(static_cast<const Image*>(context)->bytes);
  return fail(Errc::not_found, "read a source", source);
}

Bytes bytes_of(const Segment& segment, const Image& kernel) {
  auto bytes = segment_bytes(segment, bytes_of_kernel, const_cast<Image*>(&kernel));
  EXPECT_TRUE(bytes.has_value()) << segment.name;
  return bytes.value_or(Bytes{});
}

struct Order {
  const char* arch;
  std::endian order;
};

void PrintTo(const Order& order, std::ostream* out) { *out << order.arch; }

class PowerPc64 : public testing::TestWithParam<Order> {
 protected:
  PowerPc64() : kernel_(vmlinux(GetParam().arch, GetParam().order)) { use("ppc64le-6.1-1g"); }

  void use(const char* machine) {
    machine_ = samples::machine(machine);
    machine_.arch = GetParam().arch;
    request_ = samples::request(machine_, kernel_, mib);
    request_.crash = std::string_view(machine).ends_with("crash");
  }

  Plan plan() {
    auto plan = plan_kernel(request_);
    EXPECT_TRUE(plan.has_value()) << plan.error().str();
    if (!plan) return {};
    samples::expect_sound(*plan, request_);
    return *plan;
  }

  std::uint64_t slot(const Plan& plan, std::uint64_t at) {
    const Bytes stub = bytes_of(segment(plan, "stub"), kernel_);
    return read_int<std::uint64_t>(stub, head_size + at, GetParam().order).value_or(0);
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

TEST_P(PowerPc64, LiesAboveTheRunningKernelAndAboveWhatTheNewOneMovesDownTo) {
  const Plan made = plan();
  for (const Segment& each : made.segments) {
    EXPECT_GE(each.mem, kernel_end) << each.name;
    EXPECT_GE(each.mem, 0x3000000U) << each.name << ": the new kernel's memory from address 0 on";
    EXPECT_FALSE(range_of(each).overlaps(rtas)) << each.name;
  }
  EXPECT_EQ(range_of(segment(made, "kernel")), (Range{0x3000000, 0x6000000}));
}

TEST_P(PowerPc64, StaysInRealModesMemory) {
  machine_ = samples::with_memory(machine_, "00000000-3fffffff : System RAM\n100000000-1ffffffff : System RAM\n");
  for (const Segment& each : plan().segments) EXPECT_LE(each.mem + each.memsz, 0x40000000U) << each.name;
}

// kexec_sequence copies these bytes to 0, and the other CPUs wait in them at 0x60.
TEST_P(PowerPc64, EntersABranchInFrontOfTheKernelsOwnFirstBytes) {
  const Plan made = plan();
  const Segment stub = segment(made, "stub");
  EXPECT_EQ(made.entry, stub.mem);
  const Bytes bytes = bytes_of(stub, kernel_);
  ASSERT_GT(bytes.size(), head_size + stub_slot::code);
  EXPECT_EQ(read_int<std::uint32_t>(bytes, 0, GetParam().order), 0x48000100U) << "b .+0x100";
  const ByteView kernel = ByteView(kernel_.bytes).subspan(0x10000);
  EXPECT_TRUE(std::equal(bytes.begin() + 4, bytes.begin() + head_size, kernel.begin() + 4));
}

TEST_P(PowerPc64, TellsTheStubKernelTreeAndTerminal) {
  const Plan made = plan();
  EXPECT_EQ(slot(made, stub_slot::entry), segment(made, "kernel").mem);
  EXPECT_EQ(slot(made, stub_slot::argument), segment(made, "dtb").mem);
  EXPECT_EQ(slot(made, stub_slot::console), 0x71000000U);
  EXPECT_EQ(slot(made, stub_slot::count), 0U);
}

TEST_P(PowerPc64, DigestsEveryOtherSegment) {
  request_.digest = LoadRequest::Digest::fast;
  const Plan made = plan();
  ASSERT_EQ(slot(made, stub_slot::count), made.segments.size() - 1);
  std::uint64_t row = stub_slot::table;
  for (const Segment& each : made.segments) {
    if (each.name == "stub") continue;
    EXPECT_EQ(slot(made, row), each.mem) << each.name;
    EXPECT_EQ(slot(made, row + 8), each.bufsz) << each.name;
    EXPECT_EQ(slot(made, row + 16), fast_digest(bytes_of(each, kernel_))) << each.name;
    row += stub_slot::row;
  }
}

std::vector<Range> reservations(const Bytes& dtb) {
  std::vector<Range> all;
  for (int i = 0; i < fdt_num_mem_rsv(dtb.data()); ++i) {
    std::uint64_t start = 0, size = 0;
    EXPECT_EQ(fdt_get_mem_rsv(dtb.data(), i, &start, &size), 0);
    all.push_back({start, start + size});
  }
  return all;
}

TEST_P(PowerPc64, ReservesFirmwareAndTheNewInitrdAlone) {
  const Plan made = plan();
  const Bytes dtb = bytes_of(segment(made, "dtb"), kernel_);
  ASSERT_EQ(fdt_check_full(dtb.data(), dtb.size()), 0);
  const Segment initrd = segment(made, "initrd");
  EXPECT_THAT(reservations(dtb), testing::UnorderedElementsAre(rtas, Range{initrd.mem, initrd.mem + initrd.bufsz}));
  EXPECT_EQ(fdt_text(dtb, "/chosen", "bootargs"), request_.cmdline);
  EXPECT_EQ(fdt_number(dtb, "/chosen", "linux,initrd-start"), initrd.mem);
  EXPECT_EQ(fdt_number(dtb, "/rtas", "linux,rtas-base"), rtas.start);
  EXPECT_EQ(fdt_number(dtb, "/memory@0", "linux,usable-memory"), std::nullopt);
}

TEST_P(PowerPc64, RunsACrashKernelWhereItWasLoaded) {
  use("ppc64le-6.1-crash");
  const Plan made = plan();
  for (const Segment& each : made.segments) {
    EXPECT_TRUE(reservation.contains(range_of(each))) << each.name;
    EXPECT_FALSE(range_of(each).overlaps(rtas)) << each.name << ": RTAS lies inside of this reservation";
  }
  const Segment kernel = segment(made, "kernel");
  EXPECT_EQ(kernel.mem % page, 0U);
  const Bytes bytes = bytes_of(kernel, kernel_);
  EXPECT_EQ(read_int<std::uint32_t>(bytes, powerpc64::run_at_load, GetParam().order), 1U);
  EXPECT_EQ(bytes[powerpc64::run_at_load + 4], std::byte{powerpc64::run_at_load + 4}) << "the rest is the kernel's";
  EXPECT_EQ(bytes.size(), 0x10000U);
}

TEST_P(PowerPc64, TellsACrashKernelItsMemoryAndTheCoreHeader) {
  use("ppc64le-6.1-crash");
  const Plan made = plan();
  const Bytes dtb = bytes_of(segment(made, "dtb"), kernel_);
  ASSERT_EQ(fdt_check_full(dtb.data(), dtb.size()), 0);
  const Segment header = segment(made, "elfcorehdr");
  EXPECT_EQ(header.mem % page, 0U);
  EXPECT_THAT(fdt_text(dtb, "/chosen", "bootargs"), testing::EndsWith(" elfcorehdr=" + hex(header.mem)));
  EXPECT_THAT(reservations(dtb), testing::IsSupersetOf({Range{0x10000, reservation.start}, range_of(header), rtas}));
  int size = 0;
  const int node = fdt_path_offset(dtb.data(), "/memory@0");
  const auto* usable = static_cast<const std::byte*>(fdt_getprop(dtb.data(), node, "linux,usable-memory", &size));
  ASSERT_EQ(size, 16);
  EXPECT_EQ(read_int<std::uint64_t>({usable, 16}, 0, std::endian::big), 0U);
  EXPECT_EQ(read_int<std::uint64_t>({usable, 16}, 8, std::endian::big), reservation.end);
}

INSTANTIATE_TEST_SUITE_P(Orders, PowerPc64,
                         testing::Values(Order{"ppc64", std::endian::big}, Order{"ppc64le", std::endian::little}),
                         [](const auto& each) { return std::string(each.param.arch); });

class PowerPc64Refusal : public testing::TestWithParam<Refusal> {};

TEST_P(PowerPc64Refusal, SaysWhy) {
  samples::expect_refused(GetParam(), samples::machine("ppc64le-6.1-1g"), vmlinux("ppc64le", std::endian::little));
}

const Refusal refusals[] = {
    {"a_kernel_of_the_other_byte_order", [](auto&, Image& kernel, auto&) { kernel.arch = "ppc64"; }, Errc::wrong_arch,
     "the kernel is for ppc64, the machine is ppc64le"},
    {"no_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.clear(); }, Errc::not_found,
     "no device tree (/sys/firmware/fdt)"},
    {"cut_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.resize(machine.fdt.size() / 2); },
     Errc::corrupt, "device tree: FDT_ERR"},
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"a_kernel_shorter_than_its_head", [](auto&, Image& kernel, auto&) { kernel.parts[0].file_size = 0xff; },
     Errc::corrupt, "no 0x100 bytes at its entry"},
    {"no_memory_behind_the_kernels",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-03ffffff : System RAM\n");
     },
     Errc::no_space, "place segment kernel"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(2048, 'x'); },
     Errc::invalid_argument, "2048 bytes, this kernel takes 2047"},
    {"format_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; },
     Errc::unsupported, "no boot protocol for"},
};

INSTANTIATE_TEST_SUITE_P(Refusals, PowerPc64Refusal, testing::ValuesIn(refusals), samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
