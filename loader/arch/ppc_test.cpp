// SPDX-License-Identifier: Apache-2.0
// Plans for ppc: where segments go, what the device tree says, and the mistakes they refuse.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfdt.h>

#include "loader/arch/memory_nodes.h"
#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::range_of;
using samples::Refusal;
using samples::segment;
using testing::EndsWith;

constexpr std::uint64_t direct_map = 0xc0000000;

// One part with its entry at its start, as vmlinux.lds.S lays it out.
Image vmlinux() {
  Image image;
  image.format = Format::elf;
  image.arch = "ppc";
  image.elf.emplace();
  image.elf->order = std::endian::big;
  image.elf->machine = EM_PPC;
  image.elf->entry = direct_map;
  image.bytes.resize(mib);
  image.parts = {{.file_offset = 0x10000,
                  .file_size = 0x80000,
                  .physical = 0,
                  .memory_size = 0x412340,
                  .virtual_address = direct_map}};
  return image;
}

class Ppc : public testing::Test {
 protected:
  explicit Ppc(const char* machine = "ppc-6.1-512m") : machine_(samples::machine(machine)), kernel_(vmlinux()) {
    request_ = samples::request(machine_, kernel_, 5 * mib + 1);
    request_.crash = std::string_view(machine).ends_with("crash");
  }

  Plan plan() {
    auto plan = plan_kernel(request_);
    EXPECT_TRUE(plan.has_value()) << plan.error().str();
    if (!plan) return {};
    samples::expect_sound(*plan, request_);
    return *plan;
  }
  static std::uint64_t slot(const Plan& plan, std::uint64_t at) {
    return read_int<std::uint64_t>(inline_bytes(segment(plan, "stub")), at, std::endian::big).value_or(0);
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

TEST_F(Ppc, PutsTheKernelWhereItIsLinkedAndTheTreeIntoItsFirstMapping) {
  const Plan made = plan();
  EXPECT_EQ(range_of(segment(made, "kernel")), (Range{0, 0x413000})) << made.str();
  EXPECT_LE(range_of(segment(made, "dtb")).end, 64 * mib);
  EXPECT_EQ(slot(made, stub_slot::entry), 0U);
  EXPECT_EQ(slot(made, stub_slot::argument), segment(made, "dtb").mem);
  EXPECT_EQ(slot(made, stub_slot::console), 0xe0004500U);
}

TEST_F(Ppc, StaysInLowMemory) {
  machine_ = samples::with_memory(machine_, "00000000-9fffffff : System RAM\n");
  for (const Segment& each : plan().segments) EXPECT_LE(range_of(each).end, 768 * mib) << each.name;
}

TEST_F(Ppc, ItsPayloadsMayLieWhereTheJumpMaps) {
  machine_ = samples::with_memory(machine_, "00000000-9fffffff : System RAM\n");
  EXPECT_EQ(find_arch("ppc")->usable(machine_, false), RangeSet({{0, 2 * gib}}));
}

TEST_F(Ppc, TellsOfTheInitrdAndTheCommandLine) {
  const Plan made = plan();
  const Bytes tree = inline_bytes(segment(made, "dtb"));
  const Segment initrd = segment(made, "initrd");
  EXPECT_EQ(fdt_text(tree, "/chosen", "bootargs"), request_.cmdline);
  EXPECT_EQ(fdt_number(tree, "/chosen", "linux,initrd-start"), initrd.mem);
  EXPECT_EQ(fdt_number(tree, "/chosen", "linux,initrd-end"), initrd.mem + 5 * mib + 1);
  EXPECT_EQ(first_memory(tree), (Range{0, 512 * mib}));
}

TEST_F(Ppc, HasAStubWithItsSlotsWherePromised) {
  const Bytes stub = inline_bytes(segment(plan(), "stub"));
  EXPECT_EQ(read_int<std::uint32_t>(stub, 0, std::endian::big), 0x48000000U | stub_slot::code) << "b start";
  EXPECT_LT(stub.size(), 4096U);
  EXPECT_EQ(read_int<std::uint64_t>(stub, stub_slot::count, std::endian::big), 0U);
  EXPECT_NE(read_int<std::uint32_t>(stub, stub_slot::code, std::endian::big), 0U);
}

const Refusal refusals[] = {
    {"a_bzimage", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; }, Errc::unsupported,
     "use the vmlinux"},
    {"no_pt_load", [](auto&, Image& kernel, auto&) { kernel.parts.clear(); }, Errc::corrupt, "no PT_LOAD"},
    {"entry_outside_the_kernel", [](auto&, Image& kernel, auto&) { kernel.elf->entry = 0x80000000; }, Errc::corrupt,
     "entry"},
    {"no_device_tree", [](Machine& machine, auto&, auto&) { machine.fdt.clear(); }, Errc::not_found, "device tree"},
    {"memory_that_does_not_begin_at_0",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00100000-1fffffff : System RAM\n");
     },
     Errc::no_space, "kernel"},
    {"no_room_for_the_device_tree",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-00412fff : System RAM\n04000000-1fffffff : System RAM\n");
     },
     Errc::no_space, "dtb"},
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(2048, 'x'); },
     Errc::invalid_argument, "this kernel takes 2047"},
};

TEST_F(Ppc, SaysWhatItRefuses) {
  for (const Refusal& refusal : refusals) samples::expect_refused(refusal, machine_, kernel_);
}

class PpcCrash : public Ppc {
 protected:
  PpcCrash() : Ppc("ppc-6.1-crash") {}
};

TEST_F(PpcCrash, StaysInTheReservationAndIsToldOfIt) {
  const Plan made = plan();
  EXPECT_EQ(segment(made, "kernel").mem, 64 * mib) << "the first multiple of it in the reservation";
  EXPECT_EQ(slot(made, stub_slot::entry), 64 * mib);
  EXPECT_LE(range_of(segment(made, "dtb")).end, 128 * mib);
  for (const Segment& each : made.segments) EXPECT_GE(each.mem, 64 * mib) << each.name;
  const Bytes tree = inline_bytes(segment(made, "dtb"));
  const std::string cmdline = fdt_text(tree, "/chosen", "bootargs");
  char word[64];
  std::snprintf(word, sizeof word, " elfcorehdr=0x%llx",
                static_cast<unsigned long long>(segment(made, "elfcorehdr").mem));
  EXPECT_EQ(cmdline, request_.cmdline + word);
}

TEST_F(PpcCrash, MayUseMemoryFromWhereTheKernelLiesToTheReservationsEnd) {
  const Range reservation = *crash_reservation(machine_.memory);
  ASSERT_LT(reservation.start, 64 * mib);
  const Plan made = plan();
  const Bytes tree = inline_bytes(segment(made, "dtb"));
  const int node = fdt_node_offset_by_prop_value(tree.data(), -1, "device_type", "memory", sizeof "memory");
  ASSERT_GE(node, 0);
  int size = 0;
  const auto* usable = static_cast<const std::byte*>(fdt_getprop(tree.data(), node, "linux,usable-memory", &size));
  ASSERT_NE(usable, nullptr);
  ASSERT_EQ(size, 16) << "one range of two cells each";
  const ByteView value(usable, 16);
  EXPECT_EQ(read_int<std::uint64_t>(value, 0, std::endian::big), 64 * mib);
  EXPECT_EQ(read_int<std::uint64_t>(value, 8, std::endian::big), reservation.end - 64 * mib);
  std::uint64_t start = 0, length = 0;
  ASSERT_EQ(fdt_num_mem_rsv(tree.data()), 2) << "the other is the initrd's";
  fdt_get_mem_rsv(tree.data(), 0, &start, &length);
  EXPECT_EQ((Range{start, start + length}), range_of(segment(made, "elfcorehdr")));
}

TEST_F(PpcCrash, WantsAMultipleOf64MiBInTheReservation) {
  machine_ = samples::with_memory(machine_, "00000000-1fffffff : System RAM\n  02000000-03ffffff : Crash kernel\n");
  const auto plan = plan_kernel(request_);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Errc::no_space);
}

TEST_F(PpcCrash, ItsCoreHeaderIsOfThisClassAndByteOrder) {
  const Bytes elf = inline_bytes(segment(plan(), "elfcorehdr"));
  EXPECT_EQ(std::to_integer<unsigned>(elf[EI_CLASS]), unsigned{ELFCLASS32});
  EXPECT_EQ(std::to_integer<unsigned>(elf[EI_DATA]), unsigned{ELFDATA2MSB});
  EXPECT_EQ(read_int<std::uint16_t>(elf, offsetof(Elf32_Ehdr, e_machine), std::endian::big), EM_PPC);
}

}  // namespace
}  // namespace kexlab
