// SPDX-License-Identifier: Apache-2.0
// Plans for sh4, read back as the kernel reads its page of parameters, and the mistakes they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kexlab/text.h"
#include "loader/arch/stub.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::little;
using samples::Refusal;
using samples::segment;
using testing::HasSubstr;

// arch/sh/Kconfig for this board: ZERO_PAGE_OFFSET, BOOT_LINK_OFFSET.
constexpr std::uint64_t parameters_offset = 0x10000, zimage_offset = 0x800000;
constexpr std::uint64_t zimage_size = 0x19f200, unpacker_memory = 0x1a6000;
constexpr std::uint64_t ram = 0xc000000, reservation = 0xe000000;

// A kernel whose memory begins at a physical address, as its zImage tells.
Image zimage(std::uint64_t memory = ram) {
  Image image;
  image.format = Format::sh_zimage;
  image.arch = "sh4";
  image.bytes.resize(zimage_size);
  const std::uint64_t start = 0x80000000 + memory;
  image.sh_zimage = ShZImageFacts{.kernel_entry = start + parameters_offset + 0x1000};
  image.parts = {{.file_size = zimage_size,
                  .physical = start + zimage_offset,
                  .memory_size = unpacker_memory,
                  .virtual_address = start + zimage_offset}};
  return image;
}

class Sh4 : public testing::Test {
 protected:
  explicit Sh4(const char* machine = "sh4-6.1-64m", std::uint64_t memory = ram)
      : machine_(samples::machine(machine)), kernel_(zimage(memory)) {
    request_ = samples::request(machine_, kernel_, 5 * mib + 1);
  }
  Plan plan() {
    const auto plan = plan_kernel(request_);
    EXPECT_TRUE(plan.has_value()) << plan.error().str();
    if (plan) samples::expect_sound(*plan, request_);
    return plan.value_or(Plan{});
  }
  static std::string cmdline(const Plan& plan) {
    return std::string(as_text(inline_bytes(segment(plan, "parameters"))).substr(0x100).data());
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

class Sh4Crash : public Sh4 {
 protected:
  Sh4Crash() : Sh4("sh4-6.1-crash", reservation) { request_.crash = true; }
};

TEST_F(Sh4, PutsTheZImageWhereItIsLinkedAndTheParametersInFrontOfTheKernel) {
  const Plan made = plan();
  EXPECT_EQ(segment(made, "kernel").mem, ram + zimage_offset);
  EXPECT_EQ(segment(made, "parameters").mem, ram + parameters_offset);
  EXPECT_EQ(segment(made, "parameters").memsz, 4096U);
  EXPECT_EQ(made.entry, segment(made, "stub").mem);
  const Bytes stub = inline_bytes(segment(made, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::entry), ram + zimage_offset);
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::console), 0xffe80000U);
}

TEST_F(Sh4, LeavesTheUnpackedKernelAndTheUnpackersHeapTheirRoom) {
  const Plan made = plan();
  const Range room{ram + parameters_offset, ram + zimage_offset + unpacker_memory + 0x10000};
  for (const char* other : {"stub", "initrd"})
    EXPECT_FALSE(samples::range_of(segment(made, other)).overlaps(room)) << made.str();
}

TEST_F(Sh4, TellsOfTheInitrdFromTheStartOfMemory) {
  const Plan made = plan();
  const Bytes block = inline_bytes(segment(made, "parameters"));
  EXPECT_EQ(little<std::uint32_t>(block, 0x0c), 1U) << "LOADER_TYPE";
  EXPECT_EQ(little<std::uint32_t>(block, 0x10), segment(made, "initrd").mem - ram) << "INITRD_START";
  EXPECT_EQ(little<std::uint32_t>(block, 0x14), 5 * mib + 1) << "INITRD_SIZE";
  EXPECT_EQ(cmdline(made), request_.cmdline);
}

TEST_F(Sh4, WithoutAnInitrdTellsOfNone) {
  request_.initrd = {};
  const Bytes block = inline_bytes(segment(plan(), "parameters"));
  for (std::uint64_t at = 0; at < 0x100; at += 4) EXPECT_EQ(little<std::uint32_t>(block, at), 0U) << at;
}

TEST_F(Sh4, TakesTheLongestCommandLine) {
  request_.cmdline.assign(511, 'x');
  EXPECT_EQ(cmdline(plan()), request_.cmdline);
}

TEST_F(Sh4Crash, LiesInTheReservationThatItIsLinkedFor) {
  const Plan made = plan();
  EXPECT_EQ(segment(made, "kernel").mem, reservation + zimage_offset);
  EXPECT_EQ(segment(made, "parameters").mem, reservation + parameters_offset);
  EXPECT_EQ(little<std::uint32_t>(inline_bytes(segment(made, "parameters")), 0x10),
            segment(made, "initrd").mem - reservation);
}

TEST_F(Sh4Crash, EndsItsMemoryBeforeTheCoreHeader) {
  request_.cmdline = "mem=1M elfcorehdr=7@8 panic=-1";
  const Plan made = plan();
  const Segment header = segment(made, "elfcorehdr");
  EXPECT_EQ(cmdline(made), "panic=-1 mem=" + std::to_string((header.mem - reservation) / 1024) +
                               "K elfcorehdr=0x1000@" + hex(header.mem));
  for (const char* kept : {"parameters", "kernel", "initrd"})
    EXPECT_LE(segment(made, kept).mem + segment(made, kept).memsz, header.mem) << kept;
  const Bytes core = inline_bytes(header);
  EXPECT_EQ(little<std::uint8_t>(core, 4), 1U) << "32 bits";
  EXPECT_EQ(little<std::uint16_t>(core, 18), 42U) << "EM_SH";
}

const Refusal refusals[] = {
    {"a_bzimage", [](auto&, Image& kernel, auto&) { kernel.format = Format::bzimage; }, Errc::unsupported,
     "give a zImage"},
    {"linked_below_p1", [](auto&, Image& kernel, auto&) { kernel.sh_zimage->kernel_entry = 0xc011000; }, Errc::corrupt,
     "not below it in P1"},
    {"linked_below_its_kernel", [](auto&, Image& kernel, auto&) { kernel.parts[0].physical = 0x8c001000; },
     Errc::corrupt, "not below it in P1"},
    {"linked_beyond_p1", [](auto&, Image& kernel, auto&) { kernel.parts[0].physical = 0x9fffff00; }, Errc::corrupt,
     "not below it in P1"},
    {"memory_elsewhere",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "08000000-0bffffff : System RAM\n");
     },
     Errc::no_space, "give the machine more memory"},
    {"room_for_all_but_the_heap",
     [](Machine& machine, auto&, auto&) {
       machine = samples::with_memory(machine, "0c000000-0c9b4fff : System RAM\n0e000000-0fffffff : System RAM\n");
     },
     Errc::no_space, "0xc010000"},
    {"crash_kernel_linked_elsewhere",
     [](Machine& machine, auto&, LoadRequest& request) {
       machine = samples::machine("sh4-6.1-crash");
       request.crash = true;
     },
     Errc::no_space, "CONFIG_MEMORY_START"},
    {"command_line_too_long", [](auto&, auto&, LoadRequest& request) { request.cmdline.assign(512, 'x'); },
     Errc::invalid_argument, "this kernel takes 511"},
};

TEST_F(Sh4, SaysWhatItRefuses) {
  for (const Refusal& refusal : refusals) samples::expect_refused(refusal, machine_, kernel_);
}

}  // namespace
}  // namespace kexlab
