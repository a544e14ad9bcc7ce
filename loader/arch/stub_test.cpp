// SPDX-License-Identifier: Apache-2.0
// The stubs' bytes: slots where stub.h promises them, and a digest's table that covers every other segment.
#include "loader/arch/stub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "kexlab/fast_digest.h"
#include "loader/arch/test_samples.h"

namespace kexlab {
namespace {

using samples::inline_bytes;
using samples::little;
using samples::segment;

constexpr unsigned char x86_64_code[] = {
#include "loader/arch/x86_64_stub.inc"
};
constexpr unsigned char i386_code[] = {
#include "loader/arch/i386_stub.inc"
};
constexpr unsigned char arm64_code[] = {
#include "loader/arch/arm64_stub.inc"
};
constexpr unsigned char riscv64_code[] = {
#include "loader/arch/riscv64_stub.inc"
};

constexpr unsigned char arm_code[] = {
#include "loader/arch/arm_stub.inc"
};

TEST(Stub, KeepsItsSlotsEmptyAndItsCodeBehindThem) {
  const std::pair<const char*, ByteView> stubs[] = {{"x86_64", std::as_bytes(std::span(x86_64_code))},
                                                    {"i386", std::as_bytes(std::span(i386_code))},
                                                    {"arm", std::as_bytes(std::span(arm_code))},
                                                    {"arm64", std::as_bytes(std::span(arm64_code))},
                                                    {"riscv64", std::as_bytes(std::span(riscv64_code))}};
  for (const auto& [name, code] : stubs) {
    ASSERT_GT(code.size(), stub_slot::code) << name;
    EXPECT_LT(code.size(), 4096U) << name << ": one page";
    for (std::uint64_t at = stub_slot::entry; at < stub_slot::code; ++at) {
      EXPECT_EQ(code[at], std::byte{0}) << name << " at " << at;
    }
    EXPECT_NE(code[stub_slot::code], std::byte{0}) << name;
  }
}

// The x86 jump over the slots: e9 rel32 or eb rel8. The arm64 one: 000101 imm26, in units of 4 bytes.
// The riscv one: jal with x0, whose bits 30 to 21 are the distance's bits 10 to 1.
TEST(Stub, StartsWithAJumpOverTheSlots) {
  for (const ByteView code :
       {ByteView(std::as_bytes(std::span(x86_64_code))), ByteView(std::as_bytes(std::span(i386_code)))}) {
    const Bytes x86 = to_bytes(code);
    ASSERT_EQ(little<std::uint8_t>(x86, 0), 0xe9U);
    EXPECT_EQ(5 + little<std::uint32_t>(x86, 1), stub_slot::code);
  }
  const Bytes arm = to_bytes(std::as_bytes(std::span(arm64_code)));
  EXPECT_EQ(little<std::uint32_t>(arm, 0), 0x14000000U | stub_slot::code / 4);
  const Bytes narrow = to_bytes(std::as_bytes(std::span(arm_code)));
  EXPECT_EQ(little<std::uint32_t>(narrow, 0), 0xea000000U | (stub_slot::code - 8) / 4) << "pc is two words ahead";
  const Bytes riscv = to_bytes(std::as_bytes(std::span(riscv64_code)));
  EXPECT_EQ(little<std::uint32_t>(riscv, 0), stub_slot::code << 20 | 0x6fU);
}

class StubDigest : public testing::TestWithParam<const char*> {
 protected:
  StubDigest() : machine_(samples::machine(GetParam())) {
    for (std::size_t i = 0; i < kernel_.bytes.size(); ++i) kernel_.bytes[i] = static_cast<std::byte>(i * 7);
    kernel_.format = Format::elf;
    kernel_.arch = machine_.arch;
    kernel_.elf.emplace();
    kernel_.elf->entry = 0x1000000;
    kernel_.parts = {{.file_offset = 0x1000, .file_size = 0x2345, .physical = 0x1000000, .memory_size = 0x10000}};
    request_ = samples::request(machine_, kernel_, 12345);
    request_.crash = true;
    request_.digest = LoadRequest::Digest::fast;
  }

  Machine machine_;
  Image kernel_ = [] {
    Image image;
    image.bytes.resize(0x4000);
    return image;
  }();
  LoadRequest request_;
};

Result<ByteView> kernel_only(void* context, const std::string& source) {
  if (source == "kernel") return ByteView(static_cast<Image*>(context)->bytes);
  return fail(Errc::not_found, "read a source", source);
}

TEST_P(StubDigest, CoversEveryOtherSegment) {
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  ASSERT_EQ(little<std::uint64_t>(stub, stub_slot::count), plan->segments.size() - 1);
  std::uint64_t at = stub_slot::table;
  for (const Segment& each : plan->segments) {
    if (each.name == "stub") continue;
    const auto bytes = segment_bytes(each, kernel_only, &kernel_);
    ASSERT_TRUE(bytes.has_value()) << bytes.error().str();
    EXPECT_EQ(little<std::uint64_t>(stub, at), each.mem) << each.name;
    EXPECT_EQ(little<std::uint64_t>(stub, at + 8), each.bufsz) << each.name;
    EXPECT_EQ(little<std::uint64_t>(stub, at + 16), fast_digest(*bytes)) << each.name;
    at += stub_slot::row;
  }
}

TEST_P(StubDigest, ReadsTheInitrdThroughTheCallersResolver) {
  request_.initrd.pieces = {Piece::of_source("initrd", 1, 99)};
  const auto refused = plan_kernel(request_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::not_found);
  EXPECT_THAT(refused.error().str(), testing::HasSubstr("bytes of initrd are not at hand"));

  Bytes initrd(100, std::byte{3});
  request_.resolve_context = &initrd;
  request_.resolve = [](void* context, const std::string&) -> Result<ByteView> {
    return ByteView(*static_cast<Bytes*>(context));
  };
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  const Bytes stub = inline_bytes(segment(*plan, "stub"));
  EXPECT_EQ(little<std::uint64_t>(stub, stub_slot::table + stub_slot::row + 16), fast_digest(Bytes(99, std::byte{3})));
}

TEST_P(StubDigest, IsNotThereByDefault) {
  request_.digest = LoadRequest::Digest::none;
  const auto plan = plan_kernel(request_);
  ASSERT_TRUE(plan.has_value()) << plan.error().str();
  EXPECT_EQ(little<std::uint64_t>(inline_bytes(segment(*plan, "stub")), stub_slot::count), 0U);
}

INSTANTIATE_TEST_SUITE_P(Archs, StubDigest,
                         testing::Values("x86_64-6.1-crash", "arm64-6.1-crash", "riscv64-6.12-crash"),
                         [](const auto& each) {
                           return std::string(each.param).substr(0, std::strcspn(each.param, "-"));
                         });

}  // namespace
}  // namespace kexlab
