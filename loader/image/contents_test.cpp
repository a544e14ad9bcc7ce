// SPDX-License-Identifier: Apache-2.0
// What a kernel tells of itself, bare and inside a bzImage's payload.
#include <gmock/gmock.h>

#include "kexlab/image.h"
#include "loader/image/samples.h"

namespace kexlab {
namespace {

using namespace samples;
using namespace std::string_view_literals;
using ::testing::HasSubstr;
using ::testing::Optional;

struct Row {
  const char* name;
  Bytes file;
  bool readable;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

Bytes bzimage_of(const Bytes& payload) { return bzimage({.payload = payload}); }

std::vector<Row> kernels() {
  const Bytes kernel = vmlinux();
  const std::size_t size = kernel.size();
  return {
      {"vmlinux", kernel, true},
      {"arm64_image", arm64_image(), true},
      {"riscv_image", riscv_image(), true},
      {"loongarch_image", loongarch_image(), true},
      {"arm64_zboot", zboot(gzip(arm64_image()), "gzip"), true},
      {"bzimage_gzip", bzimage_of(gzip(kernel)), true},
      {"bzimage_xz", bzimage_of(with_size(xz(kernel), size)), true},
      {"bzimage_zstd", bzimage_of(with_size(zstd(kernel), size)), true},
      {"bzimage_lz4", bzimage_of(with_size(lz4_legacy(kernel), size)), true},
      {"bzimage_lzma", bzimage_of(with_size(lzma(kernel), size)), true},
      {"zimage_xz", zimage(), true},
      {"zimage_gzip", zimage({.payload = gzip(kernel_data())}), true},
      {"zimage_without_a_table", zimage({.table = false}), false},
      {"bzimage_bzip2", bzimage_of(text("BZh9 and what follows")), false},
      {"bzimage_lzo", bzimage_of(text("\x89LZO and what follows")), false},
      {"bzimage_without_payload", bzimage({.protocol = 0x207}), false},
      {"vmlinux_that_tells_nothing", elf({.segments = {{.bytes = noise(200)}}}), false},
  };
}

class Contents : public ::testing::TestWithParam<Row> {};

TEST_P(Contents, BannerAndConfigAreFoundWhereTheyCanBeRead) {
  const auto image = parse_image(GetParam().file, GetParam().name);
  ASSERT_TRUE(image) << image.error().str();
  if (GetParam().readable) {
    EXPECT_THAT(banner(*image), Optional(std::string(banner_text)));
    EXPECT_THAT(embedded_config(*image), Optional(std::string(config_text)));
  } else {
    EXPECT_EQ(banner(*image), std::nullopt);
    EXPECT_EQ(embedded_config(*image), std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Contents, ::testing::ValuesIn(kernels()),
                         [](const auto& row) { return row.param.name; });

TEST(Payload, IsTheVmlinux) {
  const auto image = parse_image(bzimage(), "bzimage");
  ASSERT_TRUE(image);
  EXPECT_EQ(unpack_payload(*image).value(), vmlinux());
}

TEST(Payload, KeepsToTheLimit) {
  const auto image = parse_image(bzimage(), "bzimage");
  ASSERT_TRUE(image);
  const auto refused = unpack_payload(*image, {.unpacked_bytes = 100});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);
  EXPECT_EQ(banner(*image, {.unpacked_bytes = 100}), std::nullopt);
  EXPECT_EQ(embedded_config(*image, {.unpacked_bytes = 100}), std::nullopt);
}

TEST(Payload, SaysWhyThereIsNone) {
  const auto arm64 = parse_image(arm64_image(), "Image");
  ASSERT_TRUE(arm64);
  EXPECT_EQ(unpack_payload(*arm64).error().code, Errc::unsupported);
  const auto bzip2 = parse_image(bzimage_of(text("BZh9 and what follows")), "bzimage");
  ASSERT_TRUE(bzip2);
  EXPECT_THAT(unpack_payload(*bzip2).error().broke, HasSubstr("a bzip2 file"));
}

TEST(Banner, EndsAtItsLineAndIsPrintable) {
  const Bytes kernel = text("Linux version %s\0Linux version 6.1\x1b[2J\nnext"sv);
  EXPECT_THAT(banner(ByteView(kernel)), Optional(std::string("Linux version 6.1?[2J")));
  EXPECT_EQ(banner(ByteView(text("Linux version "))), std::nullopt);
  EXPECT_EQ(banner(ByteView(text("Linux version 6" + std::string(1000, 'x'))))->size(), 512U);
}

TEST(Config, ADamagedOneIsNone) {
  Bytes kernel = kernel_data();
  kernel.resize(kernel.size() - 20);
  EXPECT_EQ(embedded_config(ByteView(kernel)), std::nullopt);
  EXPECT_EQ(embedded_config(ByteView(text("IKCFG_ST and no gzip"))), std::nullopt);
}

}  // namespace
}  // namespace kexlab
