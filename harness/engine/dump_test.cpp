// SPDX-License-Identifier: Apache-2.0
// What is said of a dump's headers.
#include "harness/engine/dump.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <utility>

#include "harness/engine/vmcoreinfo_sample.h"

namespace kexlab::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint64_t mib = 1 << 20, page = 4096;
constexpr std::uint64_t stext = 0xffffffffb4800000;  // of the sample
// By the sample's phys_base, -199229440, the text lies here.
constexpr std::uint64_t code = stext - 0xffffffff80000000 - 199229440;

Machine machine() {
  Machine crashed;
  crashed.arch = "x86_64";
  crashed.page_size = page;
  crashed.memory.entries = {{{1 * mib, 1024 * mib}, 0, "System RAM"},
                            {{code, code + 14 * mib}, 1, "Kernel code"},
                            {{512 * mib, 640 * mib}, 1, "Crash kernel"}};
  return crashed;
}

DumpPart load(std::uint64_t offset, const Range& physical, std::uint64_t at) { return {PT_LOAD, offset, physical, at}; }

constexpr std::uint64_t map = 0xff11000000000000;  // page_offset_base

/// As kexec_file_load has it: notes, the kernel's text, and memory on both sides of the reservation.
Dump dump() {
  const std::uint64_t first = page + 30 * mib, second = first + 511 * mib;
  return {.parts = {{PT_NOTE, 0x1000 - 0x800, {0, 0x800}, 0},
                    load(page, {code, code + 30 * mib}, stext),
                    load(first, {1 * mib, 512 * mib}, map + 1 * mib),
                    load(second, {640 * mib, 1024 * mib}, map + 640 * mib)}};
}

Bytes header(std::uint64_t filesz, std::uint16_t phentsize = sizeof(Elf64_Phdr)) {
  Bytes out(sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr));
  const unsigned char ident[] = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT};
  std::transform(std::begin(ident), std::end(ident), out.begin(), [](unsigned char c) { return std::byte{c}; });
  write_int<std::uint16_t>(out, offsetof(Elf64_Ehdr, e_type), ET_CORE, std::endian::little);
  write_int<std::uint64_t>(out, offsetof(Elf64_Ehdr, e_phoff), sizeof(Elf64_Ehdr), std::endian::little);
  write_int<std::uint16_t>(out, offsetof(Elf64_Ehdr, e_phentsize), phentsize, std::endian::little);
  write_int<std::uint16_t>(out, offsetof(Elf64_Ehdr, e_phnum), 1, std::endian::little);
  const std::uint64_t at = sizeof(Elf64_Ehdr);
  write_int<std::uint32_t>(out, at + offsetof(Elf64_Phdr, p_type), PT_LOAD, std::endian::little);
  write_int<std::uint64_t>(out, at + offsetof(Elf64_Phdr, p_vaddr), map, std::endian::little);
  write_int<std::uint64_t>(out, at + offsetof(Elf64_Phdr, p_paddr), 0x10000, std::endian::little);
  write_int<std::uint64_t>(out, at + offsetof(Elf64_Phdr, p_memsz), 0x4000, std::endian::little);
  write_int<std::uint64_t>(out, at + offsetof(Elf64_Phdr, p_filesz), filesz, std::endian::little);
  return out;
}

TEST(ParseDump, takes_places_and_addresses) {
  const auto parsed = parse_dump(header(0x4000));
  ASSERT_TRUE(parsed) << parsed.error().str();
  ASSERT_EQ(parsed->parts.size(), 1u);
  EXPECT_EQ(parsed->parts[0].physical, (Range{0x10000, 0x14000}));
  EXPECT_EQ(parsed->parts[0].virtual_start, map);
}

TEST(ParseDump, refuses_parts_that_are_not_all_there) {
  EXPECT_THAT(parse_dump(header(0)).error().broke, HasSubstr("p_filesz 0x0 and p_memsz 0x4000"));
  EXPECT_THAT(parse_dump(header(0x4000, 32)).error().broke, HasSubstr("e_phentsize"));
  const Bytes whole = header(0x4000);
  EXPECT_EQ(parse_dump(ByteView(whole).first(80)).error().code, Errc::truncated);
}

TEST(DumpMemory, is_all_but_the_reservation) { EXPECT_EQ(wrong_memory(dump(), machine()), ""); }

TEST(DumpMemory, that_is_missing_is_told) {
  Dump short_one = dump();
  short_one.parts[3].physical.end -= page;
  EXPECT_THAT(wrong_memory(short_one, machine()), HasSubstr("memory of the crashed kernel is not in it"));
}

TEST(DumpMemory, of_the_reservation_is_told_to_the_page) {
  for (const bool front : {true, false}) {
    Dump too_much = dump();
    if (front) too_much.parts[2].physical.end += page;
    if (!front) too_much.parts[3].physical.start -= page;
    EXPECT_THAT(wrong_memory(too_much, machine()), HasSubstr("the crash kernel's own memory is in it")) << front;
  }
}

TEST(DumpMemory, of_firmware_in_the_reservation_may_be_in_it_on_powerpc) {
  Machine crashed = machine();
  crashed.arch = "ppc64le";
  Dump with_firmware = dump();
  with_firmware.parts[3].physical.start -= page;
  EXPECT_EQ(wrong_memory(with_firmware, crashed), "");
  with_firmware.parts[3].physical.start = 512 * mib;
  EXPECT_NE(wrong_memory(with_firmware, crashed), "");
}

TEST(DumpMemory, is_all_memory) {
  Machine hole = machine();
  hole.memory.entries[0].range.end = 1023 * mib;
  EXPECT_THAT(wrong_memory(dump(), hole),
              HasSubstr("what was no memory of the crashed kernel is in it: 0x3ff00000-0x3fffffff (1 MiB)"));
  hole.memory.entries.push_back({{1023 * mib, 1024 * mib}, 0, "System RAM (kmem)"});
  EXPECT_EQ(wrong_memory(dump(), hole), "");
  Machine inside_a_page = machine();
  inside_a_page.memory.entries[0].range.end -= 512;
  EXPECT_EQ(wrong_memory(dump(), inside_a_page), "");
  inside_a_page.memory.entries[0].range.end -= page;
  EXPECT_NE(wrong_memory(dump(), inside_a_page), "");
}

TEST(DumpMemory, is_what_the_machine_has_where_the_crash_kernel_makes_the_headers) {
  Machine crashed = machine();
  crashed.arch = "s390x";
  crashed.memory.entries[0].range.end = 1023 * mib;  // mem=1023M
  EXPECT_EQ(wrong_memory(dump(), crashed), "");
}

TEST(DumpMemory, has_nothing_of_the_first_mib_where_the_kernel_makes_the_headers) {
  Machine crashed = machine();
  crashed.memory.entries.push_back({{page, mib}, 0, "System RAM"});
  EXPECT_EQ(wrong_memory(dump(), crashed, true), "");
  Dump low = dump();
  low.parts.push_back(load(page, {mib - page, mib}, map + mib - page));
  EXPECT_EQ(wrong_memory(low, crashed), "");
  EXPECT_THAT(wrong_memory(low, crashed, true), HasSubstr("memory of the first MiB is in it"));
  crashed.arch = "arm64";
  EXPECT_EQ(wrong_memory(low, crashed, true), "");
}

TEST(DumpHeaders, lie_outside_a_pcs_memory_map) {
  Machine crash_kernel;
  crash_kernel.arch = "x86_64";
  crash_kernel.memory.entries = {{{512 * mib, 639 * mib}, 0, "System RAM"}};
  const auto said = [&](const char* cmdline) {
    crash_kernel.cmdline = cmdline;
    return wrong_headers_place(crash_kernel);
  };
  EXPECT_EQ(said("console=ttyS0"), "");
  EXPECT_EQ(said("elfcorehdr=0x27f00000 console=ttyS0"), "");
  EXPECT_EQ(said("elfcorehdr=0x27efffff"), "the dump's headers at 0x27efffff lie in its System RAM");
  EXPECT_NE(said("console=ttyS0 elfcorehdr=0x1000@0x20000000"), "");
  EXPECT_NE(said("elfcorehdr=638M"), "");
  EXPECT_EQ(said("elfcorehdr=639M"), "");
  EXPECT_EQ(said("noelfcorehdr=638M elfcorehdr="), "");
  crash_kernel.arch = "mips64el";
  EXPECT_EQ(said("elfcorehdr=638M"), "");
}

TEST(DumpAddresses, are_the_physical_ones_where_the_kernels_are) {
  Machine crashed = machine();
  crashed.arch = "s390x";
  Dump low{.parts = {{PT_NOTE, 0x1000, {0, 0x800}, 0},
                     load(page, {0, 512 * mib}, 0),
                     load(513 * mib, {640 * mib, 1024 * mib}, 640 * mib)}};
  EXPECT_EQ(wrong_identity(low, "KERNELOFFSET=0\n", crashed), "");
  low.parts[2].virtual_start = 0;
  EXPECT_THAT(wrong_identity(low, "KERNELOFFSET=0\n", crashed), HasSubstr("the part at 0x28000000 has the virtual"));
  EXPECT_EQ(wrong_identity(low, "IDENTITYBASE=f000000000\nKERNELOFFSET=0\n", crashed), "");
  EXPECT_EQ(wrong_identity(low, "", machine()), "");
}

TEST(DumpAddresses, have_the_text_and_one_map) { EXPECT_EQ(wrong_addresses(dump(), stext), ""); }

TEST(DumpAddresses, that_are_wrong_are_told) {
  Dump no_text = dump();
  no_text.parts[1].virtual_start = map + code;
  EXPECT_THAT(wrong_addresses(no_text, stext), HasSubstr("no part of it has the kernel's text"));
  Dump astray = dump();
  astray.parts[3].virtual_start += page;
  EXPECT_THAT(wrong_addresses(astray, stext), HasSubstr("outside the map of all memory"));
  Dump without = dump();
  for (unsigned i : {2, 3}) without.parts[i].virtual_start = without.parts[i].physical.start;
  EXPECT_THAT(wrong_addresses(without, stext), HasSubstr("has no virtual address of its own"));
}

TEST(DumpText, lies_where_vmcoreinfo_says) {
  EXPECT_EQ(wrong_text(sample_vmcoreinfo(), machine()), "");
  Machine moved = machine();
  moved.memory.entries[1].range = {code + 32 * mib, code + 46 * mib};
  EXPECT_THAT(wrong_text(sample_vmcoreinfo(), moved), HasSubstr("\"Kernel code\" was"));
  moved.arch = "mips";  // how its addresses are found is not known here
  EXPECT_EQ(wrong_text(sample_vmcoreinfo(), moved), "");
}

/// The kernel's text by vmcoreinfo, and where it lies.
struct Text {
  const char* arch;
  const char* vmcoreinfo;
  std::uint64_t physical;
};
void PrintTo(const Text& text, std::ostream* out) { *out << text.arch; }
class DumpTexts : public testing::TestWithParam<Text> {};

TEST_P(DumpTexts, are_found_to_the_page) {
  Machine crashed;
  crashed.arch = GetParam().arch;
  for (const bool right : {true, false}) {
    const std::uint64_t start = GetParam().physical + (right ? 0 : page);
    crashed.memory.entries = {{{start, start + mib}, 1, "Kernel code"}};
    EXPECT_EQ(wrong_text(GetParam().vmcoreinfo, crashed).empty(), right) << start;
  }
}

INSTANTIATE_TEST_SUITE_P(arches, DumpTexts,
                         testing::Values(Text{"riscv64",
                                              "SYMBOL(_stext)=ffffffff80002000\nNUMBER(KERNEL_LINK_ADDR)="
                                              "0xffffffff80000000\nNUMBER(va_kernel_pa_offset)=0xfffffffeffe00000\n",
                                              0x80202000},
                                         Text{"loongarch64", "SYMBOL(_stext)=9000000000201000\n", 0x201000},
                                         Text{"ppc", "SYMBOL(_stext)=c0001000\n", 0x1000},
                                         Text{"s390x", "SYMBOL(_stext)=100000\nKERNELOFFSET=0\n", 0x100000}),
                         [](const auto& row) { return std::string(row.param.arch); });

TEST(DumpText, is_not_looked_for_where_its_place_is_not_told) {
  Machine crashed;
  crashed.memory.entries = {{{mib, 2 * mib}, 1, "Kernel code"}};
  for (const auto& [arch, told] :
       {std::pair("riscv64", "SYMBOL(_stext)=ffffffff80002000\n"),
        std::pair("loongarch64", "SYMBOL(_stext)=ffff800000201000\n"), std::pair("ppc", "SYMBOL(_stext)=80001000\n"),
        std::pair("s390x", "SYMBOL(_stext)=3ffe0100000\nIDENTITYBASE=ab00000000\n")}) {
    crashed.arch = arch;
    EXPECT_EQ(wrong_text(told, crashed), "") << arch;
  }
}

TEST(DumpRelease, stands_in_init_uts_ns) {
  const auto at = release_in_dump(dump(), sample_vmcoreinfo(), machine());
  ASSERT_TRUE(at) << at.error().str();
  ASSERT_TRUE(*at);
  // SYMBOL(init_uts_ns) of the sample; release is the third string of 65 bytes.
  EXPECT_EQ(**at, page + (0xffffffffb63f9b60 - stext) + 130);
  Dump cut = dump();
  cut.parts.resize(1);
  EXPECT_THAT(release_in_dump(cut, sample_vmcoreinfo(), machine()).error().broke, HasSubstr("in no PT_LOAD"));
}

TEST(DumpWindows, span_the_border_of_the_swap) {
  Machine crashed = machine();
  EXPECT_THAT(swap_border(crashed), testing::IsEmpty());
  crashed.arch = "s390x";  // the reservation has 128 MiB
  EXPECT_THAT(swap_border(crashed), ElementsAre(128 * mib - page, 128 * mib));
  const Dump low{.parts = {{PT_NOTE, 0x1000, {0, 0x800}, 0}, load(2 * page, {0, 512 * mib}, 0)}};
  EXPECT_THAT(
      windows(low, swap_border(crashed), page),
      testing::IsSupersetOf({Range{128 * mib, 128 * mib + 3 * page}, Range{128 * mib + page, 128 * mib + 4 * page}}));
}

TEST(DumpPages, are_whole_and_spread_over_the_part) {
  EXPECT_THAT(pages_inside(load(0x2000, {0, 16 * page}, 0), page),
              ElementsAre(0x3000, 0x5000, 0x7000, 0x9000, 0xb000, 0xd000, 0xf000, 0x11000));
  EXPECT_THAT(pages_inside(load(0x2000, {0, page}, 0), page), ElementsAre(0x2000));
  EXPECT_THAT(pages_inside(load(0x2800, {0x800, 0x2000}, 0), page), ElementsAre(0x3000));
  EXPECT_THAT(pages_inside(load(0x2800, {0x800, 0x1800}, 0), page), testing::IsEmpty());
}

TEST(DumpWindows, span_every_border) {
  Dump little{.parts = {{PT_NOTE, 0x1000, {0, 0x800}, 0},
                        load(0x2000, {0, 3 * page}, 0),
                        load(0x5000, {0x100000, 0x102000}, 0)}};
  EXPECT_THAT(borders(little, page), ElementsAre(0x1000, 0x2000, 0x5000));
  EXPECT_THAT(windows(little, {0x100000}, page),
              ElementsAre(Range{0, 0x3000}, Range{0x5000, 0x7000}, Range{0x4000, 0x6000}));
}

}  // namespace
}  // namespace kexlab::engine
