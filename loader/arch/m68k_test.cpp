// SPDX-License-Identifier: Apache-2.0
// Plans for m68k, read back as the kernel reads its bootinfo, and the mistakes they refuse.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"
#include "loader/plan/bootinfo.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::range_of;
using samples::Refusal;
using samples::segment;

// As vmlinux-std.lds lays it out: text, and behind it data up to _end, which is at a page.
Image vmlinux() {
  return samples::big_elf32("m68k", EM_68K, 0x2000,
                            {{.file_offset = 0x1000,
                              .file_size = 0x20000,
                              .physical = 0x1000,
                              .memory_size = 0x20000,
                              .virtual_address = 0x1000},
                             {.file_offset = 0x21000,
                              .file_size = 0x9000,
                              .physical = 0x21000,
                              .memory_size = 0x1f000,
                              .virtual_address = 0x21000}});
}

class M68k : public testing::Test {
 protected:
  M68k() : machine_(samples::machine("m68k-6.1-256m")), kernel_(vmlinux()) {
    request_ = samples::request(machine_, kernel_, 5 * mib + 1);
  }

  /// The data of the only record of this tag in a plan's bootinfo; nothing where there is none.
  static std::optional<Bytes> record(const Plan& plan, std::uint16_t tag) {
    const Bytes list = inline_bytes(segment(plan, "bootinfo"));
    const auto records = parse_bootinfo(list);
    EXPECT_TRUE(records.has_value());
    std::optional<Bytes> found;
    for (const BootRecord& each : *records) {
      EXPECT_FALSE(found.has_value() && each.tag == tag) << "twice: " << tag;
      if (each.tag == tag) found = to_bytes(each.data);
    }
    return found;
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

TEST_F(M68k, PutsTheKernelWhereItIsLinkedAndItsBootinfoRightBehindIt) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x1000, 0x21000})) << plan->str();
  EXPECT_EQ(range_of(segment(*plan, "kernel.1")), (Range{0x21000, 0x40000}));
  EXPECT_EQ(segment(*plan, "bootinfo").mem, 0x40000U);
  EXPECT_EQ(plan->entry, segment(*plan, "stub").mem);
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(read_int<std::uint64_t>(stub, stub_slot::entry, std::endian::big), 0x2000U);
  EXPECT_EQ(read_int<std::uint64_t>(stub, stub_slot::console, std::endian::big), 0xff008000U);
}

TEST_F(M68k, LeavesTheFirstPageTablesTheirRoom) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Range tables{0x41000, 0x41000 + mib};
  for (const Segment& each : plan->segments) EXPECT_FALSE(range_of(each).overlaps(tables)) << each.name;
}

TEST_F(M68k, TellsOfTheInitrdAndTheCommandLineAnew) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(record(*plan, bootinfo::ramdisk), record_pair(segment(*plan, "initrd").mem, 5 * mib + 1));
  const auto text = record(*plan, bootinfo::command_line);
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(std::string(as_text(*text).data()), request_.cmdline);
  EXPECT_EQ(text->size() % 4, 0U) << "records follow each other at whole words";
}

TEST_F(M68k, TellsTheRestAsTheRunningKernelWasTold) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const auto told = parse_bootinfo(machine_.boot_params);
  ASSERT_TRUE(told.has_value()) << told.error().str();
  unsigned kept = 0;
  for (const BootRecord& each : *told) {
    if (each.tag >= bootinfo::ramdisk && each.tag <= bootinfo::rng_seed) continue;
    EXPECT_EQ(record(*plan, each.tag), to_bytes(each.data)) << each.tag;
    ++kept;
  }
  EXPECT_GE(kept, 11U) << "machine, CPU, FPU, MMU, memory, QEMU's version and five devices";
  EXPECT_EQ(record(*plan, bootinfo::rng_seed), std::nullopt) << "the running kernel has wiped it";
}

TEST_F(M68k, WithoutAnInitrdTellsOfNone) {
  request_.initrd = {};
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(record(*plan, bootinfo::ramdisk), std::nullopt);
}

TEST_F(M68k, ABoardWithoutAGoldfishTtyHasASilentStub) {
  Bytes list;
  append_record(list, bootinfo::memchunk, record_pair(0, 0x10000000));
  append_record(list, bootinfo::last, {});
  machine_.boot_params = list;
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(read_int<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::console, std::endian::big), 0U);
}

const Refusal refusals[] = {
    {"a_bzimage", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; }, Errc::unsupported,
     "no boot protocol for"},
    {"bss_that_ends_inside_a_page", [](auto&, Image& kernel, auto&) { kernel.parts[1].memory_size -= 4; },
     Errc::unsupported, "does not end at a page"},
    {"no_pt_load", [](auto&, Image& kernel, auto&) { kernel.parts.clear(); }, Errc::corrupt, "no PT_LOAD"},
    {"no_bootinfo", [](Machine& machine, auto&, auto&) { machine.boot_params.clear(); }, Errc::not_found,
     "CONFIG_BOOTINFO_PROC"},
    {"cut_bootinfo", [](Machine& machine, auto&, auto&) { machine.boot_params.resize(6); }, Errc::corrupt, "bootinfo"},
    {"no_room_for_the_bootinfo",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-0003ffff : System RAM\n01000000-0fffffff : System RAM\n");
     },
     Errc::no_space, "bootinfo"},
    {"no_room_for_the_first_page_tables",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-000fffff : System RAM\n01000000-0fffffff : System RAM\n");
     },
     Errc::no_space, "first page tables"},
    {"crash_kernel", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::unsupported,
     "no crash kernels"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(256, 'x'); },
     Errc::invalid_argument, "this kernel takes 255"},
};

TEST_F(M68k, SaysWhatItRefuses) {
  for (const Refusal& refusal : refusals) samples::expect_refused(refusal, machine_, kernel_);
}

// The stub in words: bra.w over the slots (distance from behind its first word), nothing in them.
TEST_F(M68k, HasAStubWithItsSlotsWherePromised) {
  request_.initrd = {};
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(read_int<std::uint32_t>(stub, 0, std::endian::big), 0x60000000U | (stub_slot::code - 2));
  EXPECT_LT(stub.size(), 4096U);
  EXPECT_EQ(read_int<std::uint64_t>(stub, stub_slot::count, std::endian::big), 0U);
  EXPECT_NE(read_int<std::uint32_t>(stub, stub_slot::code, std::endian::big), 0U);
}

}  // namespace
}  // namespace kexlab
