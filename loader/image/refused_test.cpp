// SPDX-License-Identifier: Apache-2.0
// Files that are refused: each with the code and the words that a person needs to see what is wrong.
#include <gmock/gmock.h>

#include "kexlab/image.h"
#include "loader/image/samples.h"

namespace kexlab {
namespace {

using namespace samples;
using namespace std::string_view_literals;
using ::testing::HasSubstr;

struct Bad {
  const char* name;
  Bytes file;
  Errc code;
  std::string says;
};

void PrintTo(const Bad& row, std::ostream* out) { *out << row.name; }

Bytes at(std::size_t offset, std::string_view magic, std::size_t size = 1024) {
  Bytes bytes = noise(size);
  bytes[0x1fe] = std::byte{0};
  put(bytes, offset, magic);
  return bytes;
}

Bytes cut(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

template <class T>
Bytes with(Bytes bytes, std::size_t offset, T value) {
  write_int(bytes, offset, value, little);
  return bytes;
}

std::vector<Bad> not_kernels() {
  const auto u = Errc::unsupported;
  return {
      {"empty", {}, u, "an empty file"},
      {"zeros", Bytes(4096), u, "a file of zeros"},
      {"zeros_in_gzip", gzip(Bytes(4096)), u, "a file of zeros, inside gzip"},
      {"cpio", at(0, "070701"), u, "a cpio archive"},
      {"cpio_in_gzip", gzip(at(0, "070701")), u, "a cpio archive (an initramfs?), inside gzip"},
      {"cpio_in_zstd", zstd(at(0, "070701")), u, "a cpio archive (an initramfs?), inside zstd"},
      {"tar_in_xz", xz(at(257, "ustar")), u, "a tar archive, inside xz"},
      {"debian_package", at(0, "!<arch>\n"), u, "Debian package"},
      {"bzip2", at(0, "BZh9"), u, "a bzip2 file"},
      {"qcow2", at(0, "QFI\xfb"), u, "a qcow2 disk image"},
      {"device_tree", at(0, "\xd0\x0d\xfe\xed"), u, "a device tree blob"},
      {"uimage", at(0, "\x27\x05\x19\x56"), u, "a U-Boot uImage"},
      {"arm_zimage_of_old_big_endian_kernels", at(0x24, "\x01\x6f\x28\x18"), u, "a big-endian arm zImage"},
      {"arm_zimage_with_noise_for_its_size", at(0x24, "\x18\x28\x6f\x01"), Errc::truncated, "the zImage at"},
      {"script", text("#!/bin/sh\necho\n"), u, "a script"},
      {"text", text("menuentry 'Linux' {\n}\n"), u, "a text file"},
      {"efi_program", with(cut(arm64_image(), 1024), 0x38, std::uint32_t{0}), u, "an EFI or Windows program"},
      {"dos_program", at(0, "MZ"), u, "a DOS program"},
      {"start_of_an_efi_program", cut(bzimage(), 512), u, "a disk image or boot sector"},
      {"disk", at(0x1fe, "\x55\xaa"), u, "a disk image"},
      {"noise", at(0, "?"), u, "data of an unknown format"},
  };
}

std::vector<Bad> bad_s390_images() {
  return {
      {"s390_cut_in_the_parameters", cut(s390_image(), 0x10440), Errc::truncated, "the command line at 66688"},
      {"s390_cut_in_the_command_line", cut(s390_image(), 0x10500), Errc::truncated, "the command line at 67200"},
      {"s390_room_beyond_reason", s390_image({.cmdline_size = ~std::uint64_t{0}}), Errc::corrupt,
       "room for a command line of 18446744073709551615 bytes"},
  };
}

std::vector<Bad> bad_sh_zimages() {
  return {
      {"sh_without_kexecs_magic", sh_zimage({.magic = 0x400000f1}), Errc::unsupported, "data of an unknown format"},
      {"sh_that_does_not_know_where_it_is", sh_zimage({.mova = 0xe70e}), Errc::corrupt, "its third instruction"},
      {"sh_whose_own_address_is_too_low", sh_zimage({.linked = 0xffffffc0}), Errc::corrupt, "its third instruction"},
      {"sh_with_less_memory_than_bytes", sh_zimage({.heap = 0xffffff00}), Errc::corrupt, "and has "},
  };
}

std::vector<Bad> bad_bzimages() {
  const Bytes good = bzimage();
  return {
      {"cut_in_the_header", cut(good, 0x220), Errc::truncated, "ends at byte 544, the setup header at 560"},
      {"cut_in_the_setup", cut(good, 2048), Errc::truncated, "ends at byte 2048, the setup at 2560"},
      {"cut_in_the_code", cut(good, good.size() - 16), Errc::truncated, "(syssize) at " + std::to_string(good.size())},
      {"old_protocol", bzimage({.protocol = 0x203}), Errc::unsupported, "boot protocol 2.03"},
      {"zimage", bzimage({.loadflags = 0}), Errc::unsupported, "LOADED_HIGH"},
      {"no_jump", with(good, 0x200, std::uint8_t{0x90}), Errc::corrupt, "0x90, not the jump"},
      {"short_header", bzimage({.header_end = 0x260}), Errc::corrupt, "ends at 0x260, protocol 2.15 allows 0x26c"},
      {"long_header", bzimage({.header_end = 0x291}), Errc::corrupt, "to 0x290"},
      {"odd_alignment", bzimage({.alignment = 0x300000}), Errc::corrupt, "kernel_alignment 0x300000"},
      {"no_alignment", bzimage({.alignment = 0}), Errc::corrupt, "kernel_alignment 0x0"},
      {"no_code", with(good, 0x1f4, std::uint32_t{0}), Errc::corrupt, "syssize is 0"},
      {"huge_code", with(good, 0x1f4, ~std::uint32_t{0}), Errc::truncated, "(syssize) at 68719479280"},
      {"payload_outside", with(good, 0x24c, ~std::uint32_t{0}), Errc::corrupt, "the payload ends at 4294969919"},
      {"payload_far_away", with(good, 0x248, ~std::uint32_t{0}), Errc::corrupt, "the payload ends at"},
  };
}

std::vector<Bad> bad_elfs() {
  const Bytes good = vmlinux();
  const std::string size = std::to_string(kernel_data().size());
  const ElfSegment load{.bytes = kernel_data()};
  const Bytes big32 =
      elf({.is64 = false, .machine = 40, .segments = {{.physical = 0xfffff000, .memory_size = 0x1001}}});
  return {
      {"header_cut", cut(good, 40), Errc::truncated, "ends at byte 40, the ELF header at 64"},
      {"table_cut", cut(good, 100), Errc::truncated, "the 1 program headers at 64 at 120"},
      {"segment_cut", cut(good, good.size() - 1), Errc::truncated,
       "the PT_LOAD of " + size + " bytes at 120 at " + std::to_string(good.size())},
      {"bad_class", with(good, 4, std::uint8_t{3}), Errc::corrupt, "ELF class 3"},
      {"bad_byte_order", with(good, 5, std::uint8_t{0}), Errc::corrupt, "byte order 0"},
      {"unknown_machine", elf({.machine = 9999, .segments = {load}}), Errc::unsupported,
       "machine 9999 (64-bit, little-endian)"},
      {"x32", elf({.is64 = false, .machine = 62, .segments = {load}}), Errc::unsupported,
       "machine 62 (32-bit, little-endian)"},
      {"relocatable", elf({.type = 1, .segments = {}}), Errc::unsupported, "relocatable object"},
      {"core", elf({.type = 4, .segments = {load}}), Errc::unsupported, "an ELF core"},
      {"other_type", elf({.type = 7, .segments = {load}}), Errc::unsupported, "neither executable nor core"},
      {"dynamic_program", elf({.type = 3, .segments = {{.type = 3}, load}}), Errc::unsupported,
       "a dynamically linked ELF program"},
      {"static_program", elf({.segments = {load, {.type = 7}}}), Errc::unsupported, "a statically linked ELF program"},
      {"shared_library", elf({.type = 3, .entry = 0, .segments = {load}}), Errc::unsupported, "an ELF shared library"},
      {"no_program_headers", elf({.segments = {}}), Errc::unsupported, "without program headers"},
      {"nothing_to_load", elf({.segments = {{.type = 6}}}), Errc::unsupported, "without a PT_LOAD"},
      {"pn_xnum", with(good, 56, std::uint16_t{0xffff}), Errc::corrupt, "PN_XNUM"},
      {"odd_row_size", with(good, 54, std::uint16_t{32}), Errc::corrupt, "e_phentsize is 32"},
      {"table_far_away", with(good, 32, ~std::uint64_t{0}), Errc::truncated, "program headers"},
      {"more_bytes_than_memory", elf({.segments = {{.memory_size = 1, .bytes = noise(16)}}}), Errc::corrupt,
       "p_filesz 16 > p_memsz 1"},
      {"bytes_for_no_memory", elf({.segments = {{.memory_size = 0, .bytes = noise(16)}}}), Errc::corrupt,
       "p_filesz 16 > p_memsz 0"},
      {"address_wraps", elf({.segments = {{.physical = ~std::uint64_t{0}, .memory_size = 2}}}), Errc::corrupt,
       "end of the address space"},
      {"address_wraps_32", big32, Errc::corrupt, "end of the address space"},
      {"offset_far_away", with(good, 64 + 8, ~std::uint64_t{0}), Errc::truncated, "PT_LOAD"},
  };
}

std::vector<Bad> bad_riscv_images() {
  const Bytes good = riscv_image();
  return {
      {"cut_in_the_header", cut(good, 63), Errc::truncated, "the riscv Image header at 64"},
      {"cut_in_the_pe_header", cut(good, 80), Errc::truncated, "inside the PE header"},
      {"cut_in_the_kernel", cut(good, good.size() - 1), Errc::truncated, "the PE sections at"},
      {"big_endian", riscv_image({.flags = 1}), Errc::unsupported, "big-endian"},
      {"for_machine_mode", riscv_image({.text_offset = 0}), Errc::unsupported, "machine mode"},
      {"no_image_size", riscv_image({.image_size = 0}), Errc::corrupt, "image_size allow 64 to 0"},
      {"small_image_size", riscv_image({.image_size = good.size() - 1}), Errc::corrupt, "image_size allow 64 to"},
  };
}

std::vector<Bad> bad_loongarch_images() {
  const Bytes good = loongarch_image();
  return {
      {"cut_before_the_machine", cut(good, 63), Errc::unsupported, "the first 63 bytes of an EFI program"},
      {"cut_in_the_pe_header", cut(good, 80), Errc::truncated, "inside the PE header"},
      {"cut_in_the_kernel", cut(good, good.size() - 1), Errc::truncated, "the PE sections at"},
      {"of_32_bits", loongarch_image({.machine = 0x6232}), Errc::unsupported, "an EFI program"},
      {"linked_where_it_runs", loongarch_image({.entry = 0x9000000000201000}), Errc::unsupported, "virtual address"},
      {"no_image_size", loongarch_image({.image_size = 0}), Errc::corrupt, "the effective size allow 64 to 0"},
      {"small_image_size", loongarch_image({.image_size = good.size() - 1}), Errc::corrupt, "size allow 64 to"},
      {"entry_before_the_kernel", loongarch_image({.entry = 0x1fffff}), Errc::corrupt,
       "the entry 2097151 lies outside"},
      {"entry_behind_the_kernel", loongarch_image({.entry = 0x400000}), Errc::corrupt,
       "the entry 4194304 lies outside"},
  };
}

std::vector<Bad> bad_arm64_images() {
  const Bytes good = arm64_image();
  return {
      {"magic_cut", cut(good, 0x3b), Errc::unsupported, "the first 59 bytes of an EFI program"},
      {"header_cut", cut(good, 0x3e), Errc::truncated, "the arm64 Image header at 64"},
      {"pe_header_cut", cut(good, 100), Errc::truncated, "the file ends at byte 100, inside the PE header"},
      {"sections_cut", cut(good, good.size() - 1), Errc::truncated,
       "the PE sections at " + std::to_string(good.size())},
      {"no_pe_header", with(join(good, Bytes(65536)), 0x3c, std::uint32_t{0x44}), Errc::corrupt, "has no PE header"},
      {"no_image_size", arm64_image({.image_size = 0}), Errc::unsupported, "before 3.17"},
      {"small_image_size", arm64_image({.image_size = good.size() - 1}), Errc::corrupt,
       "image_size allow 64 to " + std::to_string(good.size() - 1)},
      {"wild_text_offset", arm64_image({.text_offset = 0x200000}), Errc::corrupt, "text_offset 0x200000"},
  };
}

std::vector<Bad> bad_wrappers() {
  const Bytes arm64 = arm64_image();
  Bytes flipped = gzip(arm64);
  flipped[flipped.size() - 6] ^= std::byte{1};  // in the checksum
  Bytes flipped_xz = xz(arm64);
  flipped_xz[60] ^= std::byte{1};
  Bytes flipped_lz4 = lz4_frame(arm64);
  flipped_lz4[40] ^= std::byte{1};
  const Bytes packed = gzip(arm64);
  return {
      {"gzip_cut", cut(packed, 100), Errc::truncated, "inside the gzip stream"},
      {"xz_cut", cut(xz(arm64), 100), Errc::truncated, "inside the xz stream"},
      {"lzma_cut", cut(lzma(arm64), 100), Errc::truncated, "inside the lzma stream"},
      {"zstd_cut", cut(zstd(arm64), 100), Errc::truncated, "inside the zstd stream"},
      {"lz4_cut", cut(lz4_frame(arm64), 100), Errc::truncated, "inside the lz4 stream"},
      {"lz4_legacy_cut", cut(lz4_legacy(arm64), 100), Errc::truncated, "inside the lz4 stream"},
      {"gzip_damaged", flipped, Errc::corrupt, "the gzip stream is damaged: incorrect data check"},
      {"xz_damaged", flipped_xz, Errc::corrupt, "the xz stream is damaged"},
      {"lz4_damaged", flipped_lz4, Errc::corrupt, "the lz4 stream is damaged"},
      {"zboot_header_cut", cut(zboot(packed, "gzip"), 40), Errc::truncated, "the EFI zboot header"},
      {"zboot_payload_cut", cut(zboot(packed, "gzip", {}), 200), Errc::truncated, "the EFI zboot payload"},
      {"zboot_lzo", zboot(packed, "lzo"), Errc::unsupported, "compressed with \"lzo\""},
      {"zboot_of_another_compression", zboot(packed, "zstd22"), Errc::corrupt,
       "names the compression \"zstd22\", its payload is not zstd"},
      {"zboot_of_nothing", zboot({}, "gzip"), Errc::corrupt, "its payload is not gzip"},
      {"zboot_of_a_cpio", zboot(gzip(at(0, "070701")), "gzip"), Errc::unsupported,
       "a cpio archive (an initramfs?), inside gzip, inside EFI zboot"},
      {"too_many_wrappers", gzip(gzip(gzip(gzip(gzip(arm64))))), Errc::no_space, "more than 4 wrappers"},
  };
}

class BadImage : public ::testing::TestWithParam<Bad> {};

TEST_P(BadImage, IsRefusedWithTheReason) {
  const auto image = parse_image(GetParam().file, "boot/vmlinuz");
  ASSERT_FALSE(image) << image->str();
  EXPECT_EQ(image.error().asked, "parse kernel image boot/vmlinuz");
  EXPECT_STREQ(to_string(image.error().code), to_string(GetParam().code)) << image.error().str();
  EXPECT_THAT(image.error().broke, HasSubstr(GetParam().says));
  EXPECT_FALSE(image.error().hint.empty() && image.error().code == Errc::truncated);
}

const auto named = [](const auto& row) { return row.param.name; };
INSTANTIATE_TEST_SUITE_P(NotAKernel, BadImage, ::testing::ValuesIn(not_kernels()), named);
INSTANTIATE_TEST_SUITE_P(S390, BadImage, ::testing::ValuesIn(bad_s390_images()), named);
INSTANTIATE_TEST_SUITE_P(ShZImage, BadImage, ::testing::ValuesIn(bad_sh_zimages()), named);
INSTANTIATE_TEST_SUITE_P(BzImage, BadImage, ::testing::ValuesIn(bad_bzimages()), named);
INSTANTIATE_TEST_SUITE_P(Elf, BadImage, ::testing::ValuesIn(bad_elfs()), named);
INSTANTIATE_TEST_SUITE_P(Riscv, BadImage, ::testing::ValuesIn(bad_riscv_images()), named);
INSTANTIATE_TEST_SUITE_P(LoongArch, BadImage, ::testing::ValuesIn(bad_loongarch_images()), named);
INSTANTIATE_TEST_SUITE_P(Arm64, BadImage, ::testing::ValuesIn(bad_arm64_images()), named);
INSTANTIATE_TEST_SUITE_P(Wrapper, BadImage, ::testing::ValuesIn(bad_wrappers()), named);

}  // namespace
}  // namespace kexlab
