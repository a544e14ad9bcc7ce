// SPDX-License-Identifier: Apache-2.0
// Kernels in ELF as kexec_file_load takes them: each number of the headers just right and just wrong.
#include "harness/model/file_elf.h"

#include <gtest/gtest.h>

#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

constexpr std::uint64_t page = 4096, all = ~std::uint64_t{0};
using Big = Elf64Fields<std::endian::big>;

void put(File& file, const HeaderField& field, std::uint64_t value) {
  Bytes wide(sizeof value);
  write_int<std::uint64_t>(wide, 0, value, field.order);
  const std::size_t first = field.order == std::endian::big ? wide.size() - field.size : 0;
  for (std::size_t i = 0; i < field.size; ++i) file.head.at(static_cast<std::size_t>(field.at) + i) = wide[first + i];
}

/// A kernel of 64 KiB with one segment of half as much, which asks for 1 MiB.
template <std::endian order>
File kernel() {
  using Fields = Elf64Fields<order>;
  File file{.kind = File::Kind::regular, .size = cut_bytes, .head = Bytes(File::head_bytes)};
  put(file, {0, 4, std::endian::big}, 0x7f454c46);
  put(file, {4, 1}, 2);
  put(file, {5, 1}, order == std::endian::big ? 2 : 1);
  put(file, {6, 1}, 1);
  const HeaderValue values[] = {{Fields::type, 2},    {Fields::machine, 21},      {Fields::version, 1},
                                {Fields::ehsize, 64}, {Fields::phentsize, 56},    {Fields::shentsize, 64},
                                {Fields::p_type, 1},  {Fields::p_memsz, 1 << 20}, {Fields::shoff, 7 << 20}};
  for (const auto& [field, value] : values) put(file, field, value);
  for (const auto& [field, value] : Fields::cut) put(file, field, value);
  return file;
}

Prediction predict_ppc64(const File& kernel, std::uint64_t ram_pages = 100'000) {
  Situation situation;
  situation.arch = "ppc64";
  situation.config = {{"KEXEC_FILE", "y"}};
  situation.ram_pages = ram_pages;
  const FileCall call{.kernel = kernel, .initrd = {}, .cmdline_size = 10, .flags = FileCall::no_initramfs};
  return predict(situation, call, {});
}

struct Row {
  const char* name;
  HeaderField field;
  std::uint64_t value;
  const char* rule;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class ElfHeaders : public testing::TestWithParam<Row> {};

TEST_P(ElfHeaders, DecideOneByOne) {
  File file = kernel<std::endian::big>();
  put(file, GetParam().field, GetParam().value);
  EXPECT_EQ(predict_ppc64(file).rule->name, GetParam().rule);
}

INSTANTIATE_TEST_SUITE_P(
    Refused, ElfHeaders,
    testing::Values(Row{"magic", {0, 4, std::endian::big}, 0x7f454c47, "file_format"},
                    Row{"class_32", {4, 1}, 1, "file_format"}, Row{"other_order", {5, 1}, 1, "file_format"},
                    Row{"no_order", {5, 1}, 0, "file_format"}, Row{"ident_version", {6, 1}, 0, "file_format"},
                    Row{"version", Big::version, 2, "file_format"}, Row{"object", Big::type, 1, "file_format"},
                    Row{"core", Big::type, 4, "file_format"}, Row{"machine", Big::machine, 20, "file_format"},
                    Row{"ehsize", Big::ehsize, 52, "file_format"}, Row{"phentsize", Big::phentsize, 57, "file_format"},
                    Row{"no_program_headers", Big::phnum, 0, "file_format"},
                    Row{"nowhere", Big::phoff, 0, "file_format"}, Row{"phoff_wraps", Big::phoff, all, "file_format"},
                    Row{"phoff_behind", Big::phoff, cut_bytes - 55, "file_format"},
                    Row{"more_than_the_file", Big::phnum, 1170, "file_format"},
                    Row{"sections_behind", Big::shnum, 1, "file_format"},
                    Row{"interpreter", Big::p_type, 3, "file_format"},
                    Row{"segment_behind", Big::p_filesz, cut_bytes + 1, "file_format"},
                    Row{"segment_wraps", Big::p_filesz, all, "file_format"},
                    Row{"offset_behind", Big::p_offset, cut_bytes / 2 + 1, "file_format"},
                    Row{"address_wraps", Big::p_paddr, all - (1 << 20) + 1, "file_format"},
                    Row{"nothing_left_of_its_last_page", Big::p_memsz, all, "file_bufsz"},
                    Row{"more_than_half", Big::p_memsz, 50'001 * page, "file_half_of_ram"},
                    Row{"more_than_all", Big::p_memsz, 100'001 * page, "file_place"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(Taken, ElfHeaders,
                         testing::Values(Row{"as_it_is", Big::machine, 21, "file_accepted"},
                                         Row{"position_independent", Big::type, 3, "file_accepted"},
                                         Row{"section_size_of_none", Big::shentsize, 1, "file_accepted"},
                                         Row{"headers_up_to_the_end", Big::phnum, 1169, "file_accepted"},
                                         Row{"segment_up_to_the_end", Big::p_filesz, cut_bytes, "file_accepted"},
                                         Row{"less_memory_than_file", Big::p_memsz, 1, "file_accepted"},
                                         Row{"no_memory", Big::p_memsz, 0, "file_accepted"},
                                         Row{"nothing_to_load", Big::p_type, 4, "file_accepted"},
                                         Row{"half", Big::p_memsz, 50'000 * page, "file_accepted"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ElfKernels, HaveEitherByteOrder) {
  EXPECT_TRUE(is_elf64(kernel<std::endian::big>(), 21));
  EXPECT_TRUE(is_elf64(kernel<std::endian::little>(), 21));
  EXPECT_EQ(elf64_needs(kernel<std::endian::little>()).pieces.at(0).memory, 1U << 20);
}

TEST(ElfKernels, AreRefusedWhereTheHeadIsMissing) {
  File file = kernel<std::endian::big>();
  file.size = 63;
  file.head.resize(63);
  EXPECT_FALSE(is_elf64(file, 21));
}

TEST(LongestAllocation, IsTheConfiguredOne) {
  Situation situation;
  situation.arch = "ppc64";
  situation.config = {{"KEXEC_FILE", "y"}, {"ARCH_FORCE_MAX_ORDER", "13"}};
  FileCall call{.kernel = kernel<std::endian::big>(), .initrd = {}, .cmdline_size = 16 << 20, .flags = 4};
  EXPECT_EQ(predict(situation, call, {}).error, 0);
  ++call.cmdline_size;
  EXPECT_EQ(predict(situation, call, {}).rule->name, "file_cmdline_memory");
  situation.minor = 4;
  EXPECT_EQ(predict(situation, call, {}).error, 0) << "since 6.4 the number is the order itself";
}

TEST(ArchitecturesWithoutTheCall, SayEnosysWhateverIsKnownOfTheKernel) {
  Situation situation;
  for (const char* arch : {"i386", "arm", "mips", "mipsel", "mips64el", "m68k", "ppc", "sh4"}) {
    situation.arch = arch;
    EXPECT_EQ(predict(situation, FileCall{}, {}).rule->name, std::string_view("file_configured")) << arch;
    EXPECT_FALSE(can_be_built_with(arch, "KEXEC_FILE")) << arch;
    EXPECT_TRUE(can_be_built_with(arch, "KEXEC")) << arch;
  }
  for (const char* arch : {"x86_64", "arm64", "ppc64", "s390x", "parisc", "riscv64", "loongarch64"})
    EXPECT_TRUE(can_be_built_with(arch, "KEXEC_FILE")) << arch;
}

}  // namespace
}  // namespace kexlab::model
