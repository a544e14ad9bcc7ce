// SPDX-License-Identifier: Apache-2.0
// s390x plans: one place for the kernel, its parameters in the image itself, nothing below 64 KiB.
#include <gtest/gtest.h>

#include "kexlab/fast_digest.h"
#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::range_of;
using samples::Refusal;
using samples::segment;

constexpr std::uint64_t file_size = 5066752;  // of Debian's 6.1.0-50

Image image() {
  Image image;
  image.format = Format::s390_image;
  image.arch = "s390x";
  image.s390 = S390Facts{.cmdline_size = 4096};
  image.bytes.resize(file_size, std::byte{0x5a});
  const std::uint64_t size = file_size - S390Facts::start;
  image.parts = {
      {.file_offset = S390Facts::start, .file_size = size, .physical = S390Facts::start, .memory_size = size}};
  return image;
}

Result<ByteView> kernel_only(void* context, const std::string&) {
  return ByteView(static_cast<const Image*>(context)->bytes);
}

/// What will lie at an absolute address.
class Memory {
 public:
  Memory(const Plan& plan, Image& kernel) : start_(segment(plan, "kernel").mem) {
    auto bytes = segment_bytes(segment(plan, "kernel"), kernel_only, &kernel);
    EXPECT_TRUE(bytes) << bytes.error().str();
    if (bytes) bytes_ = std::move(*bytes);
  }
  [[nodiscard]] std::uint64_t word(std::uint64_t address) const {
    return read_int<std::uint64_t>(bytes_, address - start_, std::endian::big).value_or(~std::uint64_t{0});
  }
  [[nodiscard]] std::string text(std::uint64_t address, std::uint64_t size) const {
    return std::string(as_text(ByteView(bytes_).subspan(address - start_, size)));
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::uint64_t start_;
  Bytes bytes_;
};

struct Layout {
  const char* name;
  std::string iomem;  // empty: as saved
  std::uint64_t initrd = 5 * mib + 1;
  std::uint64_t initrd_at = 0x4d5000;  // right behind the image
  std::uint64_t rewritten_to = 64 * mib;
};

class S390xLayout : public testing::TestWithParam<Layout> {
 protected:
  S390xLayout() : machine_(samples::machine("s390x-6.1-512m")) {
    if (!GetParam().iomem.empty()) machine_ = samples::with_memory(machine_, GetParam().iomem);
    request_ = samples::request(machine_, kernel_, GetParam().initrd);
  }
  Machine machine_;
  Image kernel_ = image();
  LoadRequest request_;
};

TEST_P(S390xLayout, KeepsTheBootProtocol) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x10000, 0x4d5000}));
  EXPECT_LT(plan->entry, 2 * gib) << "a short PSW";
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(read_int<std::uint64_t>(stub, stub_slot::entry, std::endian::big), 0x10000U);
  EXPECT_EQ(read_int<std::uint64_t>(stub, stub_slot::argument, std::endian::big), GetParam().rewritten_to);
  const Memory memory(*plan, kernel_);
  EXPECT_EQ(memory.size(), file_size - 0x10000);
  const Segment* initrd = samples::find_segment(*plan, "initrd");
  EXPECT_EQ(memory.word(0x10408), initrd == nullptr ? 0 : GetParam().initrd_at);
  EXPECT_EQ(memory.word(0x10410), GetParam().initrd);
  if (initrd != nullptr) {
    EXPECT_EQ(initrd->mem, GetParam().initrd_at);
  }
  EXPECT_EQ(memory.word(0x10418), 0U) << "no crashed kernel's memory";
  EXPECT_EQ(memory.word(0x10420), 0U);
  EXPECT_EQ(memory.text(0x10480, 4096), request_.cmdline + std::string(4096 - request_.cmdline.size(), '\0'));
  for (const std::uint64_t own : {0x10000, 0x10400, 0x10428, 0x10478, 0x11480}) {
    EXPECT_EQ(memory.word(own), 0x5a5a5a5a5a5a5a5aU) << own << " is the image's own";
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, S390xLayout,
                         testing::Values(Layout{"saved_512m", ""}, Layout{"no_initrd", "", 0},
                                         Layout{"memory_above_2g", "00000000-17fffffff : System RAM\n"},
                                         Layout{"initrd_above_a_hole",
                                                "00000000-1fffffff : System RAM\n  00500000-00500fff : reserved\n",
                                                5 * mib + 1, 0x501000, 0x500000}),
                         [](const auto& row) { return row.param.name; });

TEST(S390x, LeavesTheLowcoreAlone) {
  const Machine machine = samples::with_memory(samples::machine("s390x-6.1-512m"), "00000000-1fffffff : System RAM\n");
  EXPECT_EQ(find_arch("s390x")->usable(machine, false), RangeSet({{0x10000, 0x20000000}}));
}

TEST(S390x, TheStubsTableCoversTheKernelWithItsParameters) {
  const Machine machine = samples::machine("s390x-6.1-512m");
  Image kernel = image();
  LoadRequest request = samples::request(machine, kernel, 12345);
  request.digest = LoadRequest::Digest::fast;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  const auto word = [&](std::uint64_t at) { return *read_int<std::uint64_t>(stub, at, std::endian::big); };
  ASSERT_EQ(word(stub_slot::count), 2U);
  std::uint64_t at = stub_slot::table;
  for (const Segment& each : plan->segments) {
    if (each.name == "stub") continue;
    EXPECT_EQ(word(at), each.mem) << each.name;
    EXPECT_EQ(word(at + 8), each.bufsz) << each.name;
    EXPECT_EQ(word(at + 16), fast_digest(*segment_bytes(each, kernel_only, &kernel))) << each.name;
    at += stub_slot::row;
  }
}

constexpr unsigned char code[] = {
#include "loader/arch/s390x_stub.inc"
};

// BRC 15 with a signed count of halfwords.
TEST(S390x, TheStubStartsWithAJumpOverItsEmptySlots) {
  const ByteView stub = std::as_bytes(std::span(code));
  ASSERT_LT(stub.size(), 4096U);
  EXPECT_EQ(*read_int<std::uint32_t>(stub, 0, std::endian::big), 0xa7f40000U | stub_slot::code / 2);
  for (std::uint64_t at = stub_slot::entry; at < stub_slot::code; ++at) EXPECT_EQ(stub[at], std::byte{0}) << at;
}

TEST(S390x, ACrashKernelLiesAsItWillLieFromZeroOn) {
  const Machine machine = samples::with_memory(samples::machine("s390x-6.1-512m"),
                                               "00000000-2fffffff : System RAM\n  20000000-29ffffff : Crash kernel\n");
  const Range reservation{0x20000000, 0x2a000000};
  Image kernel = image();
  LoadRequest request = samples::request(machine, kernel, 5 * mib + 1);
  request.crash = true;
  const auto plan = plan_kernel(request);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_TRUE(check_plan(*plan, machine.page_size).has_value());
  for (const Segment& each : plan->segments) EXPECT_TRUE(reservation.contains(range_of(each))) << each.name;
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x20010000, 0x204d5000}));
  EXPECT_EQ(range_of(segment(*plan, "lowcore")), (Range{0x20000000, 0x20001000}));
  EXPECT_EQ(segment(*plan, "lowcore").bufsz, 0U) << "zeros";
  const Memory memory(*plan, kernel);
  const std::uint64_t base = reservation.start;
  EXPECT_EQ(memory.word(base + 0x10408), 0x4d5000U) << "the initrd's address when it runs";
  EXPECT_EQ(memory.word(base + 0x10410), 5 * mib + 1);
  EXPECT_EQ(memory.word(base + 0x10418), reservation.start) << "OLDMEM_BASE";
  EXPECT_EQ(memory.word(base + 0x10420), reservation.size()) << "OLDMEM_SIZE";
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  const auto word = [&](std::uint64_t at) { return *read_int<std::uint64_t>(stub, at, std::endian::big); };
  EXPECT_EQ(word(stub_slot::entry), 0x10010U) << "STARTUP_KDUMP_OFFSET";
  EXPECT_EQ(word(stub_slot::argument), reservation.start);
  EXPECT_EQ(word(stub_slot::console), reservation.size());
}

class S390xRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(S390xRefusal, SaysWhy) { samples::expect_refused(GetParam(), samples::machine("s390x-6.1-512m"), image()); }

INSTANTIATE_TEST_SUITE_P(
    Refusals, S390xRefusal,
    testing::Values(Refusal{"command_line_too_long",
                            [](auto&, auto&, auto& request) { request.cmdline.assign(4096, 'x'); },
                            Errc::invalid_argument, "4096 bytes, this kernel takes 4095"},
                    Refusal{"vmlinux", [](auto&, auto& kernel, auto&) { kernel.format = Format::elf; },
                            Errc::unsupported, "no boot protocol for ELF"},
                    Refusal{"crash_kernel_without_a_reservation",
                            [](auto&, auto&, auto& request) { request.crash = true; }, Errc::no_space,
                            "no \"Crash kernel\" range"},
                    Refusal{"reservation_over_its_own_target",
                            [](auto& machine, auto&, auto& request) {
                              machine = samples::with_memory(
                                  machine, "00000000-2fffffff : System RAM\n  04000000-0bffffff : Crash kernel\n");
                              request.crash = true;
                            },
                            Errc::no_space, "overlaps the memory from 0 on"},
                    Refusal{"no_memory_at_64k",
                            [](auto& machine, auto&, auto&) {
                              machine = samples::with_memory(machine, "00100000-1fffffff : System RAM\n");
                            },
                            Errc::no_space, "segment kernel"},
                    Refusal{"nothing_below_2g_for_the_stub",
                            [](auto& machine, auto&, auto&) {
                              machine = samples::with_memory(
                                  machine, "00010000-004d4fff : System RAM\n80000000-9fffffff : System RAM\n");
                            },
                            Errc::no_space, "segment stub"}),
    samples::row_name<Refusal>);

}  // namespace
}  // namespace kexlab
