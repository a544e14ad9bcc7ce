// SPDX-License-Identifier: Apache-2.0
// Encoding a plan: what goes in comes out, and no prefix, no changed byte and no lie about a size does harm.
#include <gtest/gtest.h>

#include "kexlab/plan.h"

namespace kexlab {
namespace {

// One of everything, so that a field that is forgotten shows.
Plan full_plan() {
  Plan plan;
  plan.arch = "x86_64";
  plan.entry = 0xfedcba9876543210;
  plan.flags = 0x003e0001;
  plan.array = Pointer::guarded;
  plan.nr_segments = 0xffffffffffffffff;
  plan.segments.resize(3);
  plan.segments[0] = {"kernel", {Piece::of_source("/boot/Image", 0x100000001, 0x200000000)}, 1, 2, 3, Pointer::half};
  plan.segments[1] = {
      "cmdline", {Piece::of(to_bytes(as_bytes("console=ttyS0"))), Piece::of_pattern(0xdeadbeef, 4096)}, 4, 5, 6};
  plan.segments[2] = {"", {}, 0, 0, 0, Pointer::no_access};
  return plan;
}

TEST(PlanCodec, DecodingGivesTheSamePlan) {
  const Plan plan = full_plan();
  const auto decoded = decode_plan(encode_plan(plan));
  ASSERT_TRUE(decoded) << decoded.error().str();
  EXPECT_EQ(*decoded, plan);
  EXPECT_EQ(*decode_plan(encode_plan(Plan{})), Plan{});
}

TEST(PlanCodec, EachKindOfPointerAndPieceSurvives) {
  for (int value = 0; value <= static_cast<int>(Pointer::address); ++value) {
    Plan plan;
    plan.array = static_cast<Pointer>(value);
    plan.segments.push_back({"s", {}, 0, 0, 0, static_cast<Pointer>(value)});
    if (plan.array == Pointer::address) plan.array_address = 0x800000000000, plan.segments[0].buf_address = 7;
    EXPECT_EQ(decode_plan(encode_plan(plan)), plan) << to_string(plan.array);
  }
}

TEST(PlanCodec, NoSegmentCountIsNotACountOfZero) {
  Plan none, zero;
  zero.nr_segments = 0;
  EXPECT_EQ(decode_plan(encode_plan(none))->nr_segments, std::nullopt);
  EXPECT_EQ(decode_plan(encode_plan(zero))->nr_segments, 0u);
}

// The bytes themselves, as a guest of any byte order writes and reads them.
TEST(PlanCodec, IsLittleEndianAndFixed) {
  Plan plan;
  plan.arch = "ppc";
  plan.entry = 0x0102030405060708;
  plan.segments.push_back({"k", {Piece::of_pattern(0x0a0b0c0d, 0x1000)}, 0x1000, 0x2000, 0x3000});
  const unsigned char expected[] = {
      'K', 'X',  'P', 'L', 1, 3, 0, 0, 0,   'p',  'p', 'c',              // magic, version, arch
      8,   7,    6,   5,   4, 3, 2, 1, 0,   0,    0,   0,   0, 0, 0, 0,  // entry, flags
      0,   0,    0,   0,   0, 0, 0, 0, 0,   0,                           // array, has_nr, nr_segments
      1,   0,    0,   0,   1, 0, 0, 0, 'k',                              // count, name
      0,   0x10, 0,   0,   0, 0, 0, 0, 0,   0x20, 0,   0,   0, 0, 0, 0, 0,    0x30, 0,    0,
      0,   0,    0,   0,                   // bufsz, mem, memsz
      0,   1,    0,   0,   0,              // buf, pieces
      2,   0,    0,   0,   0, 0, 0, 0, 0,  // kind, no bytes, no source
      0,   0,    0,   0,   0, 0, 0, 0, 0,   0x10, 0,   0,   0, 0, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a,  // offset, size, seed
  };
  EXPECT_EQ(encode_plan(plan), to_bytes(std::as_bytes(std::span(expected))));
}

TEST(PlanCodec, EveryShorterInputIsTruncated) {
  const Bytes bytes = encode_plan(full_plan());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_plan(ByteView(bytes).first(size));
    ASSERT_FALSE(decoded) << size;
    ASSERT_EQ(decoded.error().code, Errc::truncated) << size << ": " << decoded.error().str();
  }
}

TEST(PlanCodec, EveryChangedByteIsRefusedOrIsAnotherPlanWithThatEncoding) {
  const Bytes good = encode_plan(full_plan());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      Bytes bytes = good;
      bytes[at] ^= static_cast<std::byte>(flip);
      const auto decoded = decode_plan(bytes);
      if (decoded) {
        ASSERT_EQ(encode_plan(*decoded), bytes) << at;
      }
    }
  }
}

struct BadRow {
  const char* name;
  std::size_t at;  ///< byte to change in the encoding of an empty plan
  unsigned char value;
  const char* message;
};

TEST(PlanCodec, SaysWhatIsWrongAndWhere) {
  // Offsets follow the format in codec.cpp with an empty arch.
  const BadRow rows[] = {
      {"magic", 1, 'Y', "do not begin with KXPL, at byte 2 of 39"},
      {"version", 4, 2, "version 2 is not 1"},
      {"arch too long", 7, 1, "arch is 65536, at most 4096"},
      {"array pointer", 25, 12, "array pointer is 12, at most 11"},
      {"nr mark", 26, 2, "nr_segments mark is 2"},
      {"hidden nr", 27, 5, "nr_segments is 0x5 though it is marked as absent"},
      {"too many segments", 36, 5, "number of segments is 1280, at most 1024"},
  };
  for (const BadRow& row : rows) {
    SCOPED_TRACE(row.name);
    Bytes bytes = encode_plan(Plan{});
    ASSERT_EQ(bytes.size(), 39u);
    bytes[row.at] = static_cast<std::byte>(row.value);
    const auto decoded = decode_plan(bytes);
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, Errc::corrupt);
    EXPECT_NE(decoded.error().broke.find(row.message), std::string::npos) << decoded.error().str();
  }
}

TEST(PlanCodec, BytesBehindTheEndAreRefused) {
  Bytes bytes = encode_plan(full_plan());
  bytes.push_back(std::byte{0});
  const auto decoded = decode_plan(bytes);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Errc::corrupt);
}

TEST(PlanCodec, RefusesMoreThanItsLimitUnread) {
  const auto decoded = decode_plan(Bytes(PlanLimits::encoded_bytes + 1));
  ASSERT_FALSE(decoded);
  EXPECT_NE(decoded.error().broke.find("at most 16777216"), std::string::npos) << decoded.error().str();
}

}  // namespace
}  // namespace kexlab
