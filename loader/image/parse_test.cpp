// SPDX-License-Identifier: Apache-2.0
// Images that are understood: what is read from them, bare and packed, and what is left of them when they are cut.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "kexlab/image.h"
#include "loader/image/samples.h"

namespace kexlab {
namespace {

using namespace samples;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Whether a cut file is an error, or nothing in the format tells how long the file is.
enum class Cut { shows, is_missed };

struct Good {
  const char* name;
  Bytes file;
  Bytes kernel;      // what is left without the wrappers
  const char* told;  // Image::str() up to the size
  Cut cut = Cut::shows;
};

void PrintTo(const Good& row, std::ostream* out) { *out << row.name; }

Bytes elf_for(std::uint16_t machine, bool is64, std::endian order) {
  return elf({.is64 = is64, .order = order, .machine = machine, .segments = {{.bytes = kernel_data()}}});
}

std::vector<Good> good_images() {
  const Bytes bz = bzimage();
  const Bytes bz0 = bzimage({.setup_sectors = 0});
  const Bytes bz32 = bzimage({.xloadflags = 0x7e});
  const Bytes bz211 = bzimage({.protocol = 0x20b});
  const Bytes bz204 = bzimage({.protocol = 0x204});
  const Bytes arm64 = arm64_image();
  const Bytes arm64_16k = arm64_image({.flags = 0xc});
  const Bytes arm64_be = arm64_image({.flags = 0xf});
  const Bytes arm64_0 = arm64_image({.flags = 0});
  const Bytes arm64_flat = arm64_image({.pe = false});
  const Bytes zi = zimage();
  const Bytes zi_be = zimage({.order = 0x01020304});
  const Bytes sh = sh_zimage();
  const Bytes s390 = s390_image();
  const Bytes riscv = riscv_image();
  const Bytes riscv32 = riscv_image({.text_offset = 0x400000});
  const Bytes riscv_flat = riscv_image({.pe = false});
  const Bytes loongarch = loongarch_image();
  const Bytes elf_x86 = vmlinux();
  const Bytes elf_arm = elf_for(40, false, std::endian::little);
  const Bytes elf_ppc = elf_for(20, false, std::endian::big);
  const Bytes elf_s390 = elf_for(22, true, std::endian::big);
  return {
      {"bzimage", bz, bz, "bzImage for x86_64, protocol 2.15"},
      {"bzimage_32_bit", bz32, bz32, "bzImage for i386, protocol 2.15"},
      {"bzimage_before_the_64_bit_flag", bz211, bz211, "bzImage for x86_64, protocol 2.11"},
      {"bzimage_before_payloads", bz204, bz204, "bzImage for i386, protocol 2.04", Cut::is_missed},
      {"bzimage_said_to_have_0_setup_sectors", bz0, bz0, "bzImage for x86_64, protocol 2.15"},
      {"arm64", arm64, arm64, "arm64 Image for arm64, 4 KiB pages"},
      {"arm64_16k", arm64_16k, arm64_16k, "arm64 Image for arm64, 16 KiB pages"},
      {"arm64_64k_big_endian", arm64_be, arm64_be, "arm64 Image for arm64, 64 KiB pages, big-endian"},
      {"arm64_page_size_unsaid", arm64_0, arm64_0, "arm64 Image for arm64"},
      {"arm64_without_efi", arm64_flat, arm64_flat, "arm64 Image for arm64, 4 KiB pages", Cut::is_missed},
      {"zimage", zi, zi, "zImage for arm"},
      {"zimage_big_endian", zi_be, zi_be, "zImage for arm, big-endian"},
      {"superh_zimage", sh, sh, "SuperH zImage for sh4", Cut::is_missed},
      {"s390", s390, s390, "s390 image for s390x", Cut::is_missed},
      {"s390_in_gzip", gzip(s390), s390, "s390 image for s390x, packed in gzip"},
      {"riscv64", riscv, riscv, "riscv Image for riscv64"},
      {"riscv32", riscv32, riscv32, "riscv Image for riscv32"},
      {"riscv64_without_efi", riscv_flat, riscv_flat, "riscv Image for riscv64", Cut::is_missed},
      {"zboot_of_riscv64", zboot(gzip(riscv), "gzip"), riscv, "riscv Image for riscv64, packed in EFI zboot and gzip"},
      {"loongarch64", loongarch, loongarch, "LoongArch Image for loongarch64"},
      {"zboot_of_loongarch64", zboot(zstd(loongarch), "zstd22"), loongarch,
       "LoongArch Image for loongarch64, packed in EFI zboot and zstd"},
      {"vmlinux_x86_64", elf_x86, elf_x86, "ELF for x86_64, 64-bit"},
      {"vmlinux_arm", elf_arm, elf_arm, "ELF for arm, 32-bit"},
      {"vmlinux_ppc", elf_ppc, elf_ppc, "ELF for ppc, 32-bit"},
      {"vmlinux_s390x", elf_s390, elf_s390, "ELF for s390x, 64-bit"},
      {"gzip", gzip(arm64), arm64, "arm64 Image for arm64, packed in gzip, 4 KiB pages"},
      {"xz", xz(arm64), arm64, "arm64 Image for arm64, packed in xz, 4 KiB pages"},
      {"lzma", lzma(arm64), arm64, "arm64 Image for arm64, packed in lzma, 4 KiB pages"},
      {"zstd", zstd(arm64), arm64, "arm64 Image for arm64, packed in zstd, 4 KiB pages"},
      {"lz4_frame", lz4_frame(arm64), arm64, "arm64 Image for arm64, packed in lz4, 4 KiB pages"},
      {"lz4_legacy", lz4_legacy(arm64), arm64, "arm64 Image for arm64, packed in lz4, 4 KiB pages"},
      {"bzimage_in_zstd", zstd(bz), bz, "bzImage for x86_64, packed in zstd, protocol 2.15"},
      {"vmlinux_in_xz", xz(elf_x86), elf_x86, "ELF for x86_64, packed in xz, 64-bit"},
      {"zboot_gzip", zboot(gzip(arm64), "gzip", {}), arm64,
       "arm64 Image for arm64, packed in EFI zboot and gzip, 4 KiB pages"},
      {"zboot_xz", zboot(xz(arm64), "xzkern"), arm64, "arm64 Image for arm64, packed in EFI zboot and xz, 4 KiB pages"},
      {"zboot_zstd", zboot(zstd(arm64), "zstd22"), arm64,
       "arm64 Image for arm64, packed in EFI zboot and zstd, 4 KiB pages"},
      {"zboot_lz4", zboot(lz4_legacy(arm64), "lz4"), arm64,
       "arm64 Image for arm64, packed in EFI zboot and lz4, 4 KiB pages"},
      {"zboot_lzma", zboot(lzma(arm64), "lzma"), arm64,
       "arm64 Image for arm64, packed in EFI zboot and lzma, 4 KiB pages"},
      {"three_wrappers", xz(zboot(gzip(arm64), "gzip")), arm64,
       "arm64 Image for arm64, packed in xz and EFI zboot and gzip, 4 KiB pages"},
  };
}

class GoodImage : public ::testing::TestWithParam<Good> {};

void expect_sound(const Image& image) {
  ASSERT_FALSE(image.parts.empty());
  for (const LoadPart& part : image.parts) {
    EXPECT_TRUE(slice(image.bytes, part.file_offset, part.file_size)) << part.file_offset << "+" << part.file_size;
    EXPECT_LE(part.file_size, part.memory_size);
  }
  const unsigned facts = unsigned{image.bzimage.has_value()} + image.arm64.has_value() + image.riscv.has_value() +
                         image.elf.has_value() + image.zimage.has_value() + image.s390.has_value() +
                         image.loongarch.has_value() + image.sh_zimage.has_value();
  EXPECT_EQ(facts, 1U);
  EXPECT_TRUE(expect_arch(image, image.arch));
}

TEST_P(GoodImage, IsUnderstood) {
  const auto image = parse_image(GetParam().file, GetParam().name);
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->bytes, GetParam().kernel);
  EXPECT_EQ(image->str(), std::string(GetParam().told) + ", " + std::to_string(GetParam().kernel.size()) +
                              " bytes, version 6.1.0-test");
  expect_sound(*image);
}

// Whatever is cut off is either missed, or was no part of the kernel: the same parts with the same bytes are found.
TEST_P(GoodImage, CutAnywhereIsAnErrorOrTheSame) {
  const Bytes& file = GetParam().file;
  const auto whole = parse_image(file, "whole");
  ASSERT_TRUE(whole);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto cut = parse_image(ByteView(file).first(size), "cut");
    if (!cut) {
      EXPECT_THAT(cut.error().asked, HasSubstr("cut"));
      EXPECT_FALSE(cut.error().broke.empty());
      continue;
    }
    expect_sound(*cut);
    if (GetParam().cut == Cut::is_missed) continue;
    EXPECT_EQ(cut->parts, whole->parts) << "cut to " << size << " of " << file.size();
    EXPECT_EQ(cut->wrappers, whole->wrappers);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, GoodImage, ::testing::ValuesIn(good_images()),
                         [](const auto& row) { return row.param.name; });

TEST(ZImage, TellsHowMuchItUnpacksTo) {
  const Bytes file = zimage();
  const auto image = parse_image(file, "zImage");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->zimage->kernel_size, kernel_data().size());
  EXPECT_EQ(image->zimage->bss_size, 0x12000U);
  EXPECT_EQ(image->zimage->text_offset, 0x8000U);
  EXPECT_EQ(image->zimage->payload_offset, 0xa0U) << "not the unpacker's own magic number before it";
  EXPECT_THAT(image->parts, ElementsAre(LoadPart{.file_size = file.size(), .memory_size = file.size()}));
}

TEST(ZImage, OfOlderKernelsTellsLess) {
  const auto short_table = parse_image(zimage({.words = 4}), "5.9");
  ASSERT_TRUE(short_table);
  EXPECT_EQ(short_table->zimage->bss_size, 0x12000U);
  EXPECT_EQ(short_table->zimage->text_offset, 0x208000U) << "not told: the largest that is usual";
  const auto none = parse_image(zimage({.table = false}), "4.14");
  ASSERT_TRUE(none);
  EXPECT_EQ(none->zimage->kernel_size, 0U);
  EXPECT_EQ(none->zimage->payload_offset, 0U);
  EXPECT_EQ(none->version, "");
}

TEST(ZImage, WhatFollowsItIsNotLoaded) {
  Bytes file = zimage();
  const std::size_t size = file.size();
  file.resize(size + 100);  // an appended device tree
  const auto image = parse_image(file, "appended");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->parts[0].file_size, size);
}

TEST(ZImage, ThatContradictsItselfIsRefused) {
  Bytes file = zimage();
  write_int<std::uint32_t>(file, 0x2c, 0x10, std::endian::little);
  const auto image = parse_image(file, "zImage");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().code, Errc::corrupt);
}

TEST(BzImage, TellsItsSetupHeader) {
  const Bytes file = bzimage({.init_size = 0x123000});
  const auto image = parse_image(file, "bzimage");
  ASSERT_TRUE(image) << image.error().str();
  const BzImageFacts& facts = *image->bzimage;
  EXPECT_EQ(facts.protocol, 0x20f);
  EXPECT_EQ(facts.setup_size, 2560U);
  EXPECT_EQ(facts.pref_address, 0x1000000U);
  EXPECT_EQ(facts.kernel_alignment, 0x200000U);
  EXPECT_EQ(facts.init_size, 0x123000U);
  EXPECT_EQ(facts.cmdline_size, 2047U);
  EXPECT_EQ(facts.initrd_addr_max, 0x7fffffffU);
  EXPECT_EQ(facts.xloadflags, 0x7f);
  EXPECT_TRUE(facts.relocatable);
  EXPECT_EQ(facts.setup_header_end, 0x26cU);
  EXPECT_EQ(facts.payload_offset, 2560U + 64);
  EXPECT_EQ(facts.version, "6.1.0-test (builder@host) #1 SMP");
  EXPECT_THAT(image->parts,
              ElementsAre(LoadPart{.file_offset = 2560, .file_size = file.size() - 2560, .memory_size = 0x123000}));
}

TEST(BzImage, WhatFollowsTheCodeIsNotLoaded) {
  Bytes file = bzimage();
  const std::size_t size = file.size();
  file.resize(size + 1472);  // a signature for secure boot stands there
  const auto image = parse_image(file, "signed");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->parts[0].file_size, size - 2560);
}

TEST(BzImage, MayHaveNoVersion) {
  const auto image = parse_image(bzimage({.version = ""}), "bzimage");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->bzimage->version, "");
  EXPECT_THAT(image->str(), ::testing::EndsWith(" bytes"));
}

TEST(BzImage, FieldsOfLaterProtocolsAreNotRead) {
  const auto image = parse_image(bzimage({.protocol = 0x205}), "old");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->bzimage->cmdline_size, 255U);
  EXPECT_EQ(image->bzimage->pref_address, 0U);
  EXPECT_EQ(image->bzimage->init_size, 0U);
  EXPECT_EQ(image->bzimage->payload_offset, 0U);
  EXPECT_EQ(image->bzimage->xloadflags, 0U);
}

TEST(BzImage, WhatItsVersionSaysIsMadePrintable) {
  const auto image = parse_image(bzimage({.version = "6.1\x1b[2J (x)"}), "hostile");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->bzimage->version, "6.1?[2J (x)");
}

TEST(ShZImage, TellsWhereItIsLinkedAndWhereItsKernelIsEntered) {
  const Bytes file = sh_zimage();
  const auto image = parse_image(file, "zImage");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->sh_zimage->kernel_entry, 0x8c011000U);
  EXPECT_THAT(image->parts, ElementsAre(LoadPart{.file_size = file.size(),
                                                 .physical = 0x8c800000,
                                                 .memory_size = file.size() + 0x9000,
                                                 .virtual_address = 0x8c800000}));
  EXPECT_EQ(image->version, "6.1.0-test") << "from the kernel inside";
  EXPECT_EQ(unpack_payload(*image).value(), kernel_data());
}

TEST(ShZImage, OneWhoseKernelCannotBeUnpackedCanBeLoaded) {
  const auto image = parse_image(sh_zimage({.payload = noise(100)}), "zImage");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->version, "");
  EXPECT_EQ(unpack_payload(*image).error().code, Errc::unsupported);
}

TEST(S390, TellsWhereItLiesAndHowLongItsCommandLineMayBe) {
  const Bytes file = s390_image();
  const auto image = parse_image(file, "image");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->s390->cmdline_size, 512U);
  const std::uint64_t size = file.size() - 0x10000;
  EXPECT_THAT(image->parts, ElementsAre(LoadPart{
                                .file_offset = 0x10000, .file_size = size, .physical = 0x10000, .memory_size = size}));
}

TEST(S390, OlderImagesTellLess) {
  const auto image = parse_image(s390_image({.cmdline_size = 0, .version = 0}), "old");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->s390->cmdline_size, 896U);
  EXPECT_EQ(image->version, "6.1.0-test") << "from the banner";
}

TEST(Arm64, TellsItsHeader) {
  const auto image = parse_image(arm64_image({.text_offset = 0x80000, .image_size = 0x345000, .flags = 0xb}), "arm64");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->arm64->text_offset, 0x80000U);
  EXPECT_EQ(image->arm64->image_size, 0x345000U);
  EXPECT_EQ(image->arm64->flags, 0xbU);
  EXPECT_EQ(image->arm64->page_size, 4096U);
  EXPECT_TRUE(image->arm64->big_endian);
  EXPECT_THAT(image->parts, ElementsAre(LoadPart{.file_size = image->bytes.size(), .memory_size = 0x345000}));
}

TEST(ExpectArch, AnotherArchitectureIsRefusedWithBothNames) {
  const auto image = parse_image(arm64_image(), "Image");
  ASSERT_TRUE(image);
  EXPECT_TRUE(expect_arch(*image, "arm64"));
  const auto status = expect_arch(*image, "x86_64");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::wrong_arch);
  EXPECT_EQ(status.error().broke, "the image is for arm64, the target is x86_64");
}

class ReadImage : public ::testing::Test {
 protected:
  ReadImage()
      : folder_(std::filesystem::path(::testing::TempDir()) / ("kexlab_read_image_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ReadImage() override { std::filesystem::remove_all(folder_); }
  std::string write(const char* name, const Bytes& bytes) {
    const std::string path = folder_ / name;
    std::ofstream(path, std::ios::binary) << as_text(bytes);
    return path;
  }
  std::filesystem::path folder_;
};

TEST_F(ReadImage, ReadsWhatParseImageParses) {
  for (const Bytes& file : {vmlinux(), gzip(vmlinux()), zboot(gzip(arm64_image()), "gzip")}) {
    const auto read = read_image(write("kernel", file));
    const auto parsed = parse_image(file, "kernel");
    ASSERT_TRUE(read && parsed);
    EXPECT_EQ(read->bytes, parsed->bytes);
    EXPECT_EQ(read->str(), parsed->str());
  }
}

TEST_F(ReadImage, ErrorsNameThePath) {
  const auto missing = read_image(folder_ / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().asked, HasSubstr("missing"));

  const auto folder = read_image(folder_);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, Errc::io);

  const auto empty = read_image(write("empty", {}));
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Errc::unsupported);
  EXPECT_THAT(empty.error().str(), HasSubstr("empty file"));
}

}  // namespace
}  // namespace kexlab
