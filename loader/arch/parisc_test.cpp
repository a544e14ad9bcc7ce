// SPDX-License-Identifier: Apache-2.0
// Plans for parisc, read back as the stub and the kernel read their arguments, and the mistakes they refuse.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::Layout;
using samples::range_of;
using samples::Refusal;
using samples::segment;

// As vmlinux.lds.S lays it out: linked for PAGE_OFFSET + 1 MiB, physical addresses virtual ones too.
Image vmlinux() {
  return samples::big_elf32("parisc", EM_PARISC, 0x10100000,
                            {{.file_offset = 0x1000,
                              .file_size = 0x50000,
                              .physical = 0x10100000,
                              .memory_size = 0x50000,
                              .virtual_address = 0x10100000},
                             {.file_offset = 0x51000,
                              .file_size = 0x9000,
                              .physical = 0x10200000,
                              .memory_size = 0x31f000,
                              .virtual_address = 0x10200000}});
}

std::uint64_t slot(const Plan& plan, std::uint64_t at) {
  return read_int<std::uint64_t>(inline_bytes(segment(plan, "stub")), at, std::endian::big).value_or(0);
}

// What the stub puts into arg1, arg2 and arg3: words of the block that its slot names.
std::uint32_t argument(const Plan& plan, unsigned number) {
  const Segment block = segment(plan, "arguments");
  EXPECT_EQ(slot(plan, stub_slot::argument), block.mem);
  return read_int<std::uint32_t>(inline_bytes(block), 4 * (number - 1), std::endian::big).value_or(0);
}

std::string cmdline(const Plan& plan) {
  const Segment block = segment(plan, "arguments");
  const Bytes bytes = inline_bytes(block);
  const std::uint64_t at = argument(plan, 1) - block.mem;
  EXPECT_LT(at, bytes.size());
  EXPECT_EQ(bytes.back(), std::byte{0});
  return at < bytes.size() ? std::string(as_text(bytes).substr(at).data()) : "";
}

constexpr const char* whole_gigabytes = "00000000-7fffffff : System RAM\n";

const Layout layouts[] = {
    {.name = "as_saved", .kernel_at = 0x100000},
    {.name = "small", .iomem = "00000000-01ffffff : System RAM\n", .kernel_at = 0x100000},
    {.name = "more_than_1_gib", .iomem = whole_gigabytes, .kernel_at = 0x100000},
    {.name = "no_initrd", .initrd = 0, .kernel_at = 0x100000},
    {.name = "linked_higher",
     .kernel_at = 0x400000,
     .change =
         [](Image& kernel) {
           kernel.elf->entry += 0x300000;
           for (LoadPart& part : kernel.parts) {
             part.physical += 0x300000;
             part.virtual_address += 0x300000;
           }
         }},
};

class PariscLayout : public samples::LayoutTest {
 protected:
  PariscLayout() : LayoutTest("parisc-6.1-512m", vmlinux()) {}
};

TEST_P(PariscLayout, PutsTheKernelWhereItRunsAndTheRestClearOfTheFirmware) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(segment(*plan, "kernel").mem, GetParam().kernel_at) << plan->str();
  EXPECT_EQ(segment(*plan, "kernel.1").mem, GetParam().kernel_at + 0x100000);
  EXPECT_EQ(plan->entry, segment(*plan, "stub").mem);
  EXPECT_EQ(slot(*plan, stub_slot::entry), GetParam().kernel_at) << "a physical address";
  for (const Segment& each : plan->segments) {
    EXPECT_GE(each.mem, 64 * kib) << each.name << " lies over the firmware's memory";
    EXPECT_LE(range_of(each).end, gib) << each.name;
  }
}

TEST_P(PariscLayout, TellsTheKernelAsPaloDoes) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(cmdline(*plan), request_.cmdline);
  if (GetParam().initrd == 0) {
    EXPECT_EQ(argument(*plan, 2), 0U);
    EXPECT_EQ(argument(*plan, 3), 0U);
  } else {
    EXPECT_EQ(argument(*plan, 2), segment(*plan, "initrd").mem);
    EXPECT_EQ(argument(*plan, 3) - argument(*plan, 2), GetParam().initrd);
  }
}

// Only [0, _end) is mapped when the kernel reads it, and its own memory is loaded or cleared by then.
TEST_P(PariscLayout, TheCommandLineLiesBelowTheKernel) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_LE(range_of(segment(*plan, "arguments")).end, GetParam().kernel_at);
}

// The kernel's copying writes 32 bytes behind each segment.
TEST_P(PariscLayout, WhatLiesBehindASegmentIsCopiedAfterIt) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  for (std::size_t i = 1; i < plan->segments.size(); ++i) {
    EXPECT_LT(plan->segments[i - 1].mem, plan->segments[i].mem) << plan->str();
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, PariscLayout, testing::ValuesIn(layouts), samples::row_name<Layout>);

class Parisc : public testing::Test {
 protected:
  Machine machine_ = samples::machine("parisc-6.1-512m");
  Image kernel_ = vmlinux();
};

const Refusal refusals[] = {
    {"a_kernel_of_64_bits", [](auto&, Image& kernel, auto&) { kernel.arch = "parisc64"; }, Errc::wrong_arch,
     "the kernel is for parisc64"},
    {"a_bzimage", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; }, Errc::unsupported,
     "no boot protocol for"},
    {"no_parts", [](auto&, Image& kernel, auto&) { kernel.parts.clear(); }, Errc::corrupt, "no PT_LOAD"},
    {"linked_below_page_offset",
     [](auto&, Image& kernel, auto&) {
       for (LoadPart& part : kernel.parts) part.physical = part.virtual_address -= 0x10000000;
       kernel.elf->entry -= 0x10000000;
     },
     Errc::unsupported, "not at PAGE_OFFSET"},
    {"no_memory_where_the_kernel_runs",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-003fffff : System RAM\n01000000-0fffffff : System RAM\n");
     },
     Errc::no_space, "kernel"},
    {"no_memory_below_the_kernel",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-0000ffff : System RAM\n00100000-0fffffff : System RAM\n");
     },
     Errc::no_space, "arguments"},
    {"a_crash_kernel", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::unsupported,
     "no crash kernels"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(1024, 'x'); },
     Errc::invalid_argument, "this kernel takes 1023"},
};

TEST_F(Parisc, SaysWhatItRefuses) {
  for (const Refusal& refusal : refusals) samples::expect_refused(refusal, machine_, kernel_);
}

// The stub in words: b,n over the slots, nothing in them.
TEST_F(Parisc, HasAStubWithItsSlotsWherePromised) {
  const LoadRequest request = samples::request(machine_, kernel_);
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  // The distance counts from 8 bytes behind the branch, in words, its bits moved about; here they are the lowest ten.
  EXPECT_EQ(read_int<std::uint32_t>(stub, 0, std::endian::big), 0xe8000002U | (stub_slot::code - 8) / 4 << 3);
  EXPECT_LT(stub.size(), 4096U);
  EXPECT_EQ(slot(*plan, stub_slot::count), 0U);
  EXPECT_EQ(slot(*plan, stub_slot::console), 0xffd05800U);
  EXPECT_NE(read_int<std::uint32_t>(stub, stub_slot::code, std::endian::big), 0U);
}

}  // namespace
}  // namespace kexlab
