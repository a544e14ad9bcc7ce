// SPDX-License-Identifier: Apache-2.0
// Plans for the three MIPS targets, read back as YAMON's callee reads them, and the mistakes they refuse.
#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::range_of;
using samples::Refusal;
using samples::segment;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t sign = 0xffffffff00000000;

struct Variant {
  const char* name;
  std::endian order;
  unsigned bits;
  /// A KSEG0 address as the variant's ELF files and command lines have it.
  [[nodiscard]] std::uint64_t kseg0(std::uint64_t physical) const {
    return (physical + 0x80000000) | (bits == 64 ? sign : 0);
  }
};
const Variant variants[] = {
    {"mips", std::endian::big, 32}, {"mipsel", std::endian::little, 32}, {"mips64el", std::endian::little, 64}};

// As malta_defconfig lays out Linux, or for a crash kernel CONFIG_PHYSICAL_START.
Image vmlinux(const Variant& variant, std::uint64_t at = 0x100000) {
  Image image;
  image.format = Format::elf;
  image.arch = variant.name;
  image.elf.emplace();
  image.elf->is64 = variant.bits == 64;
  image.elf->order = variant.order;
  image.elf->machine = EM_MIPS;
  image.elf->entry = variant.kseg0(at + 0x4a0);
  image.bytes.resize(mib);
  image.parts = {{.file_offset = 0x10000,
                  .file_size = 0x4d2a10,
                  .physical = variant.kseg0(at),
                  .memory_size = 0x501230,
                  .virtual_address = variant.kseg0(at)}};
  return image;
}

class Mips : public testing::TestWithParam<Variant> {
 protected:
  explicit Mips(const char* state = "256m")
      : machine_(samples::machine(std::string("mipsel-6.1-") + state)),
        kernel_(vmlinux(GetParam())),
        request_(samples::request(machine_, kernel_, 5 * mib + 1)) {
    machine_.arch = GetParam().name;  // the board is the same
  }

  std::uint64_t number(const Bytes& bytes, std::uint64_t at, unsigned size) const {
    return size == 8 ? read_int<std::uint64_t>(bytes, at, GetParam().order).value_or(0)
                     : read_int<std::uint32_t>(bytes, at, GetParam().order).value_or(0);
  }
  /// Strings of a list of pointers inside the segment "arguments", up to its 0.
  std::vector<std::string> strings(const Plan& plan, std::uint64_t list) const {
    const Segment arguments = segment(plan, "arguments");
    const Bytes bytes = inline_bytes(arguments);
    const std::uint64_t base = 0x80000000 + arguments.mem;
    std::vector<std::string> all;
    for (std::uint64_t at = list - base; at < bytes.size() && number(bytes, at, 4) != 0; at += 4) {
      const std::uint64_t text = number(bytes, at, 4) - base;
      EXPECT_LT(text, bytes.size());
      if (text < bytes.size()) all.emplace_back(reinterpret_cast<const char*>(&bytes[text]));
    }
    return all;
  }
  std::uint64_t reg(const Plan& plan, unsigned index) const {
    return number(inline_bytes(segment(plan, "arguments")), 4 * index, 4);
  }
  std::string cmdline(const Plan& plan) const {
    const auto argv = strings(plan, reg(plan, 1));
    EXPECT_EQ(argv.size(), 2U);
    return argv.size() == 2 ? argv[1] : "";
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

TEST_P(Mips, PutsTheKernelWhereItIsLinkedAndTheStubInFrontOfIt) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(range_of(segment(*plan, "kernel")), (Range{0x100000, 0x602000})) << plan->str();
  EXPECT_EQ(plan->entry, segment(*plan, "stub").mem);
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(number(stub, stub_slot::entry, 8), 0x1004a0U) << "a physical address";
  EXPECT_EQ(number(stub, stub_slot::argument, 8), segment(*plan, "arguments").mem);
  EXPECT_EQ(number(stub, stub_slot::console, 8), 0x180003f8U);
}

TEST_P(Mips, TellsTheKernelAsYamonDoes) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Segment initrd = segment(*plan, "initrd");
  EXPECT_EQ(reg(*plan, 0), 2U) << "argc";
  EXPECT_EQ(
      cmdline(*plan), request_.cmdline + " rd_start=" + (GetParam().bits == 64 ? "0xffffffff" : "0x") +
                          std::to_string(8) +
                          [&] {
                            char digits[16];
                            std::snprintf(digits, sizeof digits, "%07x", static_cast<unsigned>(initrd.mem));
                            return std::string(digits);
                          }() +
                          " rd_size=0x500001");
  EXPECT_THAT(strings(*plan, reg(*plan, 2)), ElementsAre("memsize", "268435456", "ememsize", "268435456"));
  EXPECT_EQ(reg(*plan, 3), 256 * mib);
}

TEST_P(Mips, TakesOutWhatALoaderBeforeItPutThere) {
  request_.cmdline = "rd_start=0x80a00000 rd_size=4096  console=ttyS0 rd_start elfcorehdr=1@2 mem=32M";
  request_.initrd = {};
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(cmdline(*plan), "console=ttyS0 rd_start mem=32M");
}

TEST_P(Mips, GivesTheNextKernelTheWholeMemoryAlsoWhereThisOneLeftItsLastPage) {
  machine_ = samples::with_memory(machine_, "00000000-07ffefff : System RAM\n");
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(reg(*plan, 3), 128 * mib);
}

TEST_P(Mips, StaysInKseg0) {
  machine_ = samples::with_memory(machine_, "00000000-0fffffff : System RAM\n90000000-9fffffff : System RAM\n");
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  for (const Segment& each : plan->segments) EXPECT_LE(range_of(each).end, 512 * mib) << each.name;
}

TEST_P(Mips, WorksWithPagesOf16K) {
  machine_.page_size = 16 * kib;
  machine_ = samples::with_memory(machine_, "00000000-0fffffff : System RAM\n");
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
}

const Refusal refusals[] = {
    {"a_kernel_of_another_architecture", [](auto&, Image& kernel, auto&) { kernel.arch = "x86_64"; }, Errc::wrong_arch,
     "the kernel is for x86_64"},
    {"a_bzimage", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; }, Errc::unsupported,
     "no boot protocol for"},
    {"a_kernel_outside_kseg0",
     [](auto&, Image& kernel, auto&) {
       for (auto* address : {&kernel.parts[0].physical, &kernel.parts[0].virtual_address, &kernel.elf->entry})
         *address += 0x20000000;
     },
     Errc::unsupported, "which is not in KSEG0"},
    {"no_memory_where_the_kernel_runs",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "00000000-003fffff : System RAM\n");
     },
     Errc::no_space, "the kernel runs at"},
    {"no_reservation", [](auto&, auto&, LoadRequest& request) { request.crash = true; }, Errc::no_space,
     "crashkernel="},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(4090, 'x'); },
     Errc::invalid_argument, "this kernel takes 4095"},
};

TEST_P(Mips, SaysWhatItRefuses) {
  for (const Refusal& refusal : refusals) samples::expect_refused(refusal, machine_, kernel_);
}

INSTANTIATE_TEST_SUITE_P(Variants, Mips, testing::ValuesIn(variants),
                         [](const auto& each) { return std::string(each.param.name); });

class MipsCrash : public Mips {
 protected:
  MipsCrash() : Mips("crash") {
    kernel_ = vmlinux(GetParam(), 0x4000000);
    request_.crash = true;
  }
};

TEST_P(MipsCrash, StaysInTheReservationAndIsToldOfIt) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  samples::expect_sound(*plan, request_);
  EXPECT_EQ(segment(*plan, "kernel").mem, 0x4000000U);
  const Segment header = segment(*plan, "elfcorehdr");
  EXPECT_THAT(cmdline(*plan), testing::StartsWith(request_.cmdline + " rd_start="));
  char digits[64];
  std::snprintf(digits, sizeof digits, " mem=65536K@65536K memmap=64K$0K elfcorehdr=0x1000@0x%x",
                static_cast<unsigned>(header.mem));
  EXPECT_THAT(cmdline(*plan), testing::EndsWith(digits));
  const Bytes elf = inline_bytes(header);
  EXPECT_EQ(std::to_integer<unsigned>(elf[EI_CLASS]), GetParam().bits == 64 ? ELFCLASS64 : ELFCLASS32);
  EXPECT_EQ(std::to_integer<unsigned>(elf[EI_DATA]), GetParam().order == std::endian::big ? ELFDATA2MSB : ELFDATA2LSB);
}

TEST_P(MipsCrash, WantsAKernelThatIsLinkedForTheReservation) {
  kernel_ = vmlinux(GetParam());
  const auto plan = plan_kernel(request_);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, Errc::no_space);
  EXPECT_THAT(plan.error().str(), HasSubstr("CONFIG_PHYSICAL_START inside the reservation"));
}

INSTANTIATE_TEST_SUITE_P(Variants, MipsCrash, testing::ValuesIn(variants),
                         [](const auto& each) { return std::string(each.param.name); });

// The stub in words: a branch over the slots (beq zero, zero, offset in instructions from the next), nothing in them.
TEST_P(Mips, HasAStubWithItsSlotsWherePromised) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(number(stub, 0, 4), 0x10000000U | (stub_slot::code / 4 - 1));
  EXPECT_LT(stub.size(), 4096U);
  EXPECT_EQ(number(stub, stub_slot::count, 8), 0U);
  EXPECT_NE(number(stub, stub_slot::code, 4), 0U);
}

}  // namespace
}  // namespace kexlab
