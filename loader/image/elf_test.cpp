// SPDX-License-Identifier: Apache-2.0
// The ELF reader against libelf, which knows nothing of ours, and the facts that only kernels have.
#include <gelf.h>
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "kexlab/image.h"
#include "loader/image/format.h"
#include "loader/image/samples.h"

namespace kexlab {
namespace {

using namespace samples;
using ::testing::Eq;
using ::testing::Optional;

/// The PT_LOADs that libelf reads; empty where it reads none.
std::vector<LoadPart> oracle(Bytes file) {
  elf_version(EV_CURRENT);
  Elf* elf = elf_memory(reinterpret_cast<char*>(file.data()), file.size());
  std::vector<LoadPart> parts;
  std::size_t count = 0;
  elf_getphdrnum(elf, &count);
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr row;
    if (gelf_getphdr(elf, static_cast<int>(i), &row) == nullptr || row.p_type != PT_LOAD) continue;
    parts.push_back({row.p_offset, row.p_filesz, row.p_paddr, row.p_memsz, row.p_vaddr});
  }
  elf_end(elf);
  return parts;
}

Bytes read_self() {
  std::ifstream stream("/proc/self/exe", std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  return text(bytes);
}

struct Kind {
  const char* arch;
  std::uint16_t machine;
  bool is64;
  std::endian order;
};
void PrintTo(const Kind& row, std::ostream* out) { *out << row.arch; }

const Kind kinds[] = {
    {"i386", EM_386, false, std::endian::little},     {"x86_64", EM_X86_64, true, std::endian::little},
    {"arm", EM_ARM, false, std::endian::little},      {"arm64", EM_AARCH64, true, std::endian::little},
    {"ppc", EM_PPC, false, std::endian::big},         {"ppc64", EM_PPC64, true, std::endian::big},
    {"ppc64le", EM_PPC64, true, std::endian::little}, {"s390x", EM_S390, true, std::endian::big},
    {"sh4", EM_SH, false, std::endian::little},       {"mips", EM_MIPS, false, std::endian::big},
    {"mipsel", EM_MIPS, false, std::endian::little},  {"mips64el", EM_MIPS, true, std::endian::little},
    {"m68k", EM_68K, false, std::endian::big},        {"parisc", EM_PARISC, false, std::endian::big},
    {"riscv64", EM_RISCV, true, std::endian::little}, {"loongarch64", EM_LOONGARCH, true, std::endian::little},
};

class ElfOf : public ::testing::TestWithParam<Kind> {};

TEST_P(ElfOf, IsReadAsLibelfReadsIt) {
  const Kind& kind = GetParam();
  const Bytes file = elf({.is64 = kind.is64,
                          .order = kind.order,
                          .machine = kind.machine,
                          .entry = 0x1000040,
                          .segments = {{.physical = 0x1000000, .memory_size = 0x3000, .bytes = noise(300)},
                                       {.type = PT_NOTE, .bytes = noise(64)},
                                       {.physical = 0x2000000, .memory_size = 0x1000, .bytes = noise(77)},
                                       {.physical = 0x3000000, .memory_size = 0x800}}});
  const auto image = parse_image(file, kind.arch);
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_EQ(image->arch, kind.arch);
  EXPECT_EQ(image->elf->machine, kind.machine);
  EXPECT_EQ(image->elf->is64, kind.is64);
  EXPECT_EQ(image->elf->order, kind.order);
  EXPECT_EQ(image->elf->entry, 0x1000040U);
  EXPECT_EQ(image->parts.size(), 3U);
  EXPECT_EQ(image->parts, oracle(file));
}

INSTANTIATE_TEST_SUITE_P(Table, ElfOf, ::testing::ValuesIn(kinds), [](const auto& row) { return row.param.arch; });

// A linker's own work, not the builder's: this very program with the mark of a program for user space taken out.
TEST(Elf, ARealProgramIsReadAsLibelfReadsIt) {
  Bytes file = read_self();
  const std::uint64_t table = *read_int<std::uint64_t>(file, 32, std::endian::native);
  const auto count = *read_int<std::uint16_t>(file, 56, std::endian::native);
  for (std::uint64_t row = table; row < table + 56 * count; row += 56) {
    const auto type = *read_int<std::uint32_t>(file, row, std::endian::native);
    if (type == PT_INTERP || type == PT_TLS) write_int<std::uint32_t>(file, row, PT_NULL, std::endian::native);
  }
  const auto image = parse_image(file, "self");
  ASSERT_TRUE(image) << image.error().str();
  EXPECT_GE(image->parts.size(), 2U);
  EXPECT_EQ(image->parts, oracle(file));
}

Bytes with_note(const Bytes& notes) {
  return elf({.segments = {{.bytes = noise(16)}, {.type = PT_NOTE, .physical = 0, .memory_size = 0, .bytes = notes}}});
}

std::optional<std::uint64_t> pvh_of(const Bytes& notes) {
  const auto image = parse_image(with_note(notes), "pvh");
  return image ? image->elf->pvh_entry : std::nullopt;
}

TEST(Pvh, TheEntryIsFoundAmongOtherNotes) {
  const Bytes other = note("GNU", 3, noise(20));
  const Bytes longer = note("Xen", 5, noise(7));
  const Bytes padded = note("Padded", 1, noise(5));
  const Bytes entry64 = note("Xen", 18, text({"\x00\x01\x02\x03\0\0\0\0", 8}));
  const Bytes entry32 = note("Xen", 18, text({"\x00\x01\x02\x03", 4}));
  EXPECT_THAT(pvh_of(entry64), Optional(Eq(0x03020100U)));
  EXPECT_THAT(pvh_of(entry32), Optional(Eq(0x03020100U)));
  EXPECT_THAT(pvh_of(join(join(join(other, longer), padded), entry64)), Optional(Eq(0x03020100U)));
  EXPECT_EQ(pvh_of(join(other, longer)), std::nullopt);
  EXPECT_EQ(pvh_of(note("Xfn", 18, noise(8))), std::nullopt);
}

TEST(Pvh, NotesThatLieAboutTheirSizeAreNone) {
  for (const std::size_t field : {0, 4}) {
    Bytes lying = note("GNU", 3, noise(20));
    write_int<std::uint32_t>(lying, field, ~std::uint32_t{0}, little);
    EXPECT_EQ(pvh_of(join(lying, note("Xen", 18, noise(8)))), std::nullopt);
  }
  Bytes cut = note("Xen", 18, noise(8));
  cut.resize(cut.size() - 4);
  EXPECT_EQ(pvh_of(cut), std::nullopt);
}

}  // namespace
}  // namespace kexlab
