// SPDX-License-Identifier: Apache-2.0
// The core header, read by libelf as the oracle and by the rules that a crash kernel applies to it.
#include <elf.h>
#include <gelf.h>
#include <gtest/gtest.h>
#include <libelf.h>

#include "kexlab/crash.h"
#include "loader/plan/machine_samples.h"

namespace kexlab {
namespace {

Machine x86_machine() {
  Machine machine;
  machine.arch = "x86_64";
  machine.memory = *parse_iomem(x86_iomem);
  machine.crash_notes = {{0x2fc1f000, 368}, {0x2fd1f000, 368}};
  machine.vmcoreinfo = CrashNote{0x13a01000, 0x1024};
  return machine;
}

const RangeSet two_ranges({{0x100000, 0x25000000}, {0x2f000000, 0x2ffdc000}});
const KernelTextMapping no_text{};

struct Variant {
  const char* name;
  unsigned bits;
  std::endian order;
  std::uint16_t machine;
};

constexpr Variant variants[] = {
    {"x86_64", 64, std::endian::little, EM_X86_64},
    {"s390x", 64, std::endian::big, EM_S390},
    {"arm", 32, std::endian::little, EM_ARM},
    {"ppc", 32, std::endian::big, EM_PPC},
};

// What parse_crash_elf64_headers and parse_crash_elf32_headers demand, and merge_note_headers_elf* takes for granted.
// Gives the PT_LOADs as (p_offset, p_memsz), the only fields that the crash kernel reads of them.
template <class Ehdr, class Phdr>
std::vector<Range> crash_kernel_reads(ByteView bytes, const Variant& variant) {
  std::vector<Range> loads;
  auto half = [&](std::size_t at) { return read_int<std::uint16_t>(bytes, at, variant.order).value_or(0xdead); };
  auto word = [&](std::size_t at, std::size_t size) {
    return size == 4 ? read_int<std::uint32_t>(bytes, at, variant.order).value_or(0xdead)
                     : read_int<std::uint64_t>(bytes, at, variant.order).value_or(0xdead);
  };
  EXPECT_EQ(as_text(bytes).substr(0, SELFMAG), ELFMAG);
  EXPECT_EQ(half(offsetof(Ehdr, e_type)), ET_CORE);
  EXPECT_EQ(half(offsetof(Ehdr, e_machine)), variant.machine);
  EXPECT_EQ(bytes[EI_CLASS], std::byte{sizeof(Ehdr) == sizeof(Elf64_Ehdr) ? ELFCLASS64 : ELFCLASS32});
  EXPECT_EQ(bytes[EI_VERSION], std::byte{EV_CURRENT});
  EXPECT_EQ(word(offsetof(Ehdr, e_version), 4), std::uint64_t{EV_CURRENT});
  EXPECT_EQ(half(offsetof(Ehdr, e_ehsize)), sizeof(Ehdr));
  EXPECT_EQ(half(offsetof(Ehdr, e_phentsize)), sizeof(Phdr));
  const std::size_t count = half(offsetof(Ehdr, e_phnum));
  EXPECT_EQ(bytes.size(), sizeof(Ehdr) + count * sizeof(Phdr))
      << "it reads the program headers right behind the header";
  bool loads_began = false;
  std::size_t notes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = sizeof(Ehdr) + i * sizeof(Phdr);
    const auto type = word(at + offsetof(Phdr, p_type), 4);
    const std::size_t wide = sizeof(Phdr{}.p_offset);
    const auto offset = word(at + offsetof(Phdr, p_offset), wide), memsz = word(at + offsetof(Phdr, p_memsz), wide);
    EXPECT_EQ(offset, word(at + offsetof(Phdr, p_paddr), wide));
    EXPECT_EQ(memsz, word(at + offsetof(Phdr, p_filesz), wide));
    EXPECT_GT(memsz, 0u);
    if (type == PT_NOTE) {
      ++notes;
      EXPECT_FALSE(loads_began) << "merging the notes would write over a PT_LOAD";
    } else {
      EXPECT_EQ(type, std::uint64_t{PT_LOAD});
      loads_began = true;
      loads.push_back({offset, offset + memsz});
    }
  }
  EXPECT_GT(notes, 0u) << "merging the notes would move the headers the wrong way";
  return loads;
}

std::vector<Range> crash_kernel_loads(ByteView bytes, const Variant& variant) {
  return variant.bits == 64 ? crash_kernel_reads<Elf64_Ehdr, Elf64_Phdr>(bytes, variant)
                            : crash_kernel_reads<Elf32_Ehdr, Elf32_Phdr>(bytes, variant);
}

// libelf's view of the program headers; it converts byte order and class by itself.
std::vector<GElf_Phdr> libelf_headers(const Bytes& bytes, const Variant& variant) {
  std::vector<GElf_Phdr> headers;
  EXPECT_NE(elf_version(EV_CURRENT), unsigned{EV_NONE});
  Bytes copy = bytes;
  Elf* elf = elf_memory(reinterpret_cast<char*>(copy.data()), copy.size());
  EXPECT_NE(elf, nullptr) << elf_errmsg(-1);
  if (elf == nullptr) return headers;
  GElf_Ehdr header{};
  EXPECT_NE(gelf_getehdr(elf, &header), nullptr) << elf_errmsg(-1);
  EXPECT_EQ(header.e_machine, variant.machine);
  EXPECT_EQ(header.e_type, ET_CORE);
  EXPECT_EQ(header.e_shnum, 0);
  EXPECT_EQ(gelf_getclass(elf), variant.bits == 64 ? ELFCLASS64 : ELFCLASS32);
  EXPECT_EQ(header.e_ident[EI_DATA], variant.order == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB);
  std::size_t count = 0;
  EXPECT_EQ(elf_getphdrnum(elf, &count), 0) << elf_errmsg(-1);
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr ph{};
    EXPECT_NE(gelf_getphdr(elf, static_cast<int>(i), &ph), nullptr) << elf_errmsg(-1);
    headers.push_back(ph);
  }
  elf_end(elf);
  return headers;
}

TEST(Elfcorehdr, LibelfAndTheCrashKernelReadTheSameInEveryClassAndOrder) {
  for (const Variant& variant : variants) {
    SCOPED_TRACE(variant.name);
    const auto bytes =
        build_elfcorehdr(x86_machine(), two_ranges, variant.machine, variant.order, variant.bits, 0, no_text);
    ASSERT_TRUE(bytes) << bytes.error().str();
    EXPECT_EQ(crash_kernel_loads(*bytes, variant), two_ranges.ranges());
    const auto headers = libelf_headers(*bytes, variant);
    ASSERT_EQ(headers.size(), 5u);
    EXPECT_EQ(headers[0].p_type, unsigned{PT_NOTE});
    EXPECT_EQ(headers[0].p_offset, 0x2fc1f000u);
    EXPECT_EQ(headers[0].p_memsz, 368u);
    EXPECT_EQ(headers[2].p_type, unsigned{PT_NOTE});
    EXPECT_EQ(headers[2].p_paddr, 0x13a01000u);
    EXPECT_EQ(headers[2].p_filesz, 0x1024u);
    EXPECT_EQ(headers[2].p_flags, 0u);
    EXPECT_EQ(headers[4].p_type, unsigned{PT_LOAD});
    EXPECT_EQ(headers[4].p_paddr, 0x2f000000u);
    EXPECT_EQ(headers[4].p_vaddr, 0u);
    EXPECT_EQ(headers[4].p_filesz, 0xfdc000u);
    EXPECT_EQ(headers[4].p_flags, unsigned{PF_R | PF_W | PF_X});
  }
}

TEST(Elfcorehdr, DirectMapAndTextGiveVirtualAddresses) {
  const KernelTextMapping text{{0x11000000, 0x13a00000}, 0xffffffff9a000000};
  const auto bytes =
      build_elfcorehdr(x86_machine(), two_ranges, EM_X86_64, std::endian::little, 64, 0xffff888000000000, text);
  ASSERT_TRUE(bytes) << bytes.error().str();
  const auto headers = libelf_headers(*bytes, variants[0]);
  ASSERT_EQ(headers.size(), 6u);
  EXPECT_EQ(headers[3].p_paddr, 0x11000000u);
  EXPECT_EQ(headers[3].p_vaddr, 0xffffffff9a000000u);
  EXPECT_EQ(headers[3].p_memsz, 0x2a00000u);
  EXPECT_EQ(headers[4].p_vaddr, 0xffff888000100000u);
  EXPECT_EQ(headers[5].p_vaddr, 0xffff88802f000000u);
}

TEST(Elfcorehdr, TheDirectMapMayWrap) {
  // arm64: PAGE_OFFSET 0xffff000000000000 maps the start of RAM, 0x40000000.
  const std::uint64_t base = 0xffff000000000000 - 0x40000000;
  const auto bytes = build_elfcorehdr(x86_machine(), RangeSet({{0x40000000, 0x41000000}}), EM_AARCH64,
                                      std::endian::little, 64, base, no_text);
  EXPECT_EQ(libelf_headers(*bytes, {"arm64", 64, std::endian::little, EM_AARCH64})[3].p_vaddr, 0xffff000000000000u);
}

TEST(Elfcorehdr, HighmemOf32BitKernelsHasNoVirtualAddress) {
  const auto bytes = build_elfcorehdr(x86_machine(), RangeSet({{0x100000, 0x200000}, {0x40000000, 0x50000000}}), EM_386,
                                      std::endian::little, 32, 0xc0000000, no_text);
  ASSERT_TRUE(bytes) << bytes.error().str();
  const auto headers = libelf_headers(*bytes, {"i386", 32, std::endian::little, EM_386});
  EXPECT_EQ(headers[3].p_vaddr, 0xc0100000u);
  EXPECT_EQ(headers[4].p_vaddr, 0xffffffffu);
}

TEST(Elfcorehdr, OneNoteIsEnoughAndNoneIsRefused) {
  Machine machine = x86_machine();
  machine.crash_notes.clear();
  EXPECT_TRUE(build_elfcorehdr(machine, two_ranges, EM_X86_64, std::endian::little, 64, 0, no_text));
  machine.vmcoreinfo.reset();
  const auto none = build_elfcorehdr(machine, two_ranges, EM_X86_64, std::endian::little, 64, 0, no_text);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::invalid_argument);
}

struct BadRow {
  const char* name;
  Machine machine;
  RangeSet ram;
  unsigned bits;
  Errc code;
  const char* message;
};

TEST(Elfcorehdr, BadTable) {
  Machine empty_note = x86_machine(), wrapping = x86_machine(), many = x86_machine(), high_note = x86_machine();
  empty_note.crash_notes[1].size = 0;
  wrapping.vmcoreinfo = CrashNote{~std::uint64_t{0}, 4096};
  many.crash_notes.assign(0xffff, {0x1000, 16});
  high_note.crash_notes[0].address = 0x100000000;
  const RangeSet above_4g({{0x100000000, 0x140000000}});
  const BadRow rows[] = {
      {"no memory", x86_machine(), RangeSet{}, 64, Errc::invalid_argument, "no memory to dump"},
      {"16 bits", x86_machine(), two_ranges, 16, Errc::invalid_argument, "16 bits"},
      {"empty note", empty_note, two_ranges, 64, Errc::invalid_argument, "the crash note of CPU 1 has 0x0 bytes"},
      {"note that wraps", wrapping, two_ranges, 64, Errc::invalid_argument,
       "vmcoreinfo has 0x1000 bytes at 0xffffffffffffffff"},
      {"too many headers", many, two_ranges, 64, Errc::unsupported, "65538 program headers"},
      {"RAM above 4 GiB in ELF32", x86_machine(), above_4g, 32, Errc::unsupported, "0x100000000-0x13fffffff"},
      {"note above 4 GiB in ELF32", high_note, two_ranges, 32, Errc::unsupported, "does not fit in ELF32"},
  };
  for (const BadRow& row : rows) {
    SCOPED_TRACE(row.name);
    const auto bytes = build_elfcorehdr(row.machine, row.ram, EM_X86_64, std::endian::little, row.bits, 0, no_text);
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().code, row.code);
    EXPECT_NE(bytes.error().broke.find(row.message), std::string::npos) << bytes.error().str();
  }
  EXPECT_TRUE(build_elfcorehdr(x86_machine(), RangeSet({{0xfffff000, 0x100000000}}), EM_386, std::endian::little, 32, 0,
                               no_text))
      << "the last page below 4 GiB";
}

TEST(DumpableRam, IsRamWithoutTheReservationInWholePages) {
  const Machine machine = x86_machine();
  EXPECT_EQ(dumpable_ram(machine).ranges(),
            (std::vector<Range>{{0x1000, 0x9f000}, {0x100000, 0x25000000}, {0x2f000000, 0x2ffdc000}}));
  Machine large_pages = machine;
  large_pages.page_size = 65536;
  EXPECT_EQ(dumpable_ram(large_pages).ranges(),
            (std::vector<Range>{{0x10000, 0x90000}, {0x100000, 0x25000000}, {0x2f000000, 0x2ffd0000}}));
  EXPECT_EQ(dumpable_ram(Machine{}), RangeSet{});
}

}  // namespace
}  // namespace kexlab
