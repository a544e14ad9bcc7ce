// SPDX-License-Identifier: Apache-2.0
// The compressions: streams behind each other, what the kernel's build appends, and limits against bombs.
#include "loader/image/codec.h"

#include <gmock/gmock.h>

#include "loader/image/samples.h"

namespace kexlab {
namespace {

using namespace samples;
using ::testing::HasSubstr;

struct Packer {
  const char* name;
  Bytes (*pack)(const Bytes&);
  Wrapper wrapper;
};
void PrintTo(const Packer& row, std::ostream* out) { *out << row.name; }

const Packer packers[] = {
    {"gzip", gzip, Wrapper::gzip},          {"xz", xz, Wrapper::xz},
    {"lzma", lzma, Wrapper::lzma},          {"zstd", zstd, Wrapper::zstd},
    {"lz4_frame", lz4_frame, Wrapper::lz4}, {"lz4_legacy", lz4_legacy, Wrapper::lz4},
};

class CodecTest : public ::testing::TestWithParam<Packer> {
 protected:
  static Result<Bytes> unpacked(const Bytes& packed, std::uint64_t limit = 1 << 20) {
    const Codec* codec = find_codec(packed);
    if (codec == nullptr) return fail(Errc::not_found, "find a codec", "none knows the bytes");
    EXPECT_EQ(codec->wrapper, GetParam().wrapper);
    return unpack(*codec, packed, "unpack", {.unpacked_bytes = limit});
  }
};

TEST_P(CodecTest, GivesBackWhatWasPacked) {
  for (const std::size_t size : {1, 1000, 300000}) {
    const Bytes plain = noise(size);
    EXPECT_EQ(unpacked(GetParam().pack(plain)).value(), plain);
  }
}

TEST_P(CodecTest, StreamsBehindEachOtherAreOne) {
  const Bytes first = noise(100);
  const Bytes second = noise(333);
  EXPECT_EQ(unpacked(join(GetParam().pack(first), GetParam().pack(second))).value(), join(first, second));
}

TEST_P(CodecTest, TheAppendedSizeIsIgnored) {
  const Bytes plain = noise(700);
  EXPECT_EQ(unpacked(with_size(GetParam().pack(plain), plain.size())).value(), plain);
}

TEST_P(CodecTest, TheLimitIsExact) {
  const Bytes packed = GetParam().pack(noise(5000));
  EXPECT_TRUE(unpacked(packed, 5000));
  const auto refused = unpacked(packed, 4999);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_THAT(refused.error().broke, HasSubstr("more than the limit of 4999 bytes"));
}

TEST_P(CodecTest, ABombIsRefused) {
  const auto refused = unpacked(GetParam().pack(Bytes(8 << 20)), 100000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
}

TEST_P(CodecTest, EveryCutIsTruncated) {
  const Bytes packed = GetParam().pack(noise(200));
  // Shorter than its magic number, a stream is not known at all; the bare LZMA header is 13 bytes.
  const std::size_t shortest = GetParam().wrapper == Wrapper::lzma ? 13 : 6;
  for (std::size_t size = shortest; size < packed.size(); ++size) {
    const auto cut = unpacked(Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size)));
    ASSERT_FALSE(cut) << size << " of " << packed.size();
    EXPECT_EQ(cut.error().code, Errc::truncated) << size << " of " << packed.size() << ": " << cut.error().str();
  }
}

INSTANTIATE_TEST_SUITE_P(Table, CodecTest, ::testing::ValuesIn(packers),
                         [](const auto& row) { return row.param.name; });

TEST(Codec, ALargeDictionaryIsRefusedBeforeItIsSetAside) {
  Bytes packed = lzma(noise(100));
  write_int<std::uint32_t>(packed, 1, std::uint32_t{1} << 30, little);
  const auto refused = unpack(*find_codec(packed), packed, "unpack", {.unpacked_bytes = 1 << 20});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_THAT(refused.error().broke, HasSubstr("allowed are 150994944")) << "128 MiB and 16 MiB of tables";
}

// Kernels since 6.12 are packed so, however small they are.
TEST(Codec, ADictionaryOf128MiBIsNotTooLargeForALittleKernel) {
  Bytes packed = lzma(noise(100));
  write_int<std::uint32_t>(packed, 1, std::uint32_t{128} << 20, little);
  const auto bytes = unpack(*find_codec(packed), packed, "unpack", {.unpacked_bytes = 1 << 20});
  ASSERT_TRUE(bytes) << bytes.error().str();
  EXPECT_EQ(*bytes, noise(100));
}

TEST(Codec, PlainBytesHaveNone) {
  for (const Bytes& plain : {Bytes{}, Bytes(16), noise(64), vmlinux(), bzimage(), arm64_image()}) {
    EXPECT_EQ(find_codec(plain), nullptr);
  }
}

}  // namespace
}  // namespace kexlab
