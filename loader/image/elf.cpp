// SPDX-License-Identifier: Apache-2.0
// ELF kernels (vmlinux) of either class and byte order. Every offset that a file gives is checked before it is used.
// Source: System V ABI, chapters 4 and 5; the numbers as in include/uapi/linux/elf.h and elf-em.h (6.1).
#include <array>

#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;

enum : std::uint16_t { et_rel = 1, et_exec = 2, et_dyn = 3, et_core = 4 };
enum : std::uint32_t { pt_load = 1, pt_interp = 3, pt_note = 4, pt_tls = 7 };
/// With this count the true one stands in a section header; no kernel has that many segments.
constexpr std::uint16_t pn_xnum = 0xffff;
/// Source: include/xen/interface/elfnote.h (6.1); the entry of Documentation "PVH boot protocol" in 32-bit mode.
constexpr std::uint32_t xen_phys32_entry = 18;

/// Offsets of the fields that are read here, for each class.
struct Layout {
  std::uint64_t header_size, word;
  std::uint64_t entry, phoff, phentsize, phnum;
  std::uint64_t row_size, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};
constexpr Layout layout32{52, 4, 24, 28, 42, 44, 32, 4, 8, 12, 16, 20, 28};
constexpr Layout layout64{64, 8, 24, 32, 54, 56, 56, 8, 16, 24, 32, 40, 48};

struct ProgramHeader {
  std::uint32_t type = 0;
  std::uint64_t offset = 0, vaddr = 0, paddr = 0, filesz = 0, memsz = 0, align = 0;
};

/// Integers of a file whose class and byte order are known. Precondition of `at`: the bytes are there.
struct Reader {
  ByteView file;
  bool is64 = false;
  std::endian order = std::endian::little;

  [[nodiscard]] const Layout& layout() const { return is64 ? layout64 : layout32; }
  template <class T>
  [[nodiscard]] T at(std::uint64_t offset) const {
    return read_int<T>(file, offset, order).value_or(0);
  }
  [[nodiscard]] std::uint64_t word(std::uint64_t offset) const {
    return is64 ? at<std::uint64_t>(offset) : at<std::uint32_t>(offset);
  }
};

/// Nothing where the identification is not one of an ELF file of a known class and byte order.
std::optional<Reader> open_elf(ByteView file) {
  if (!text::has(file, 0,
                 "\x7f"
                 "ELF") ||
      file.size() < 7)
    return std::nullopt;
  const auto kind = std::to_integer<unsigned>(file[4]);
  const auto data = std::to_integer<unsigned>(file[5]);
  if (kind < 1 || kind > 2 || data < 1 || data > 2) return std::nullopt;
  return Reader{file, kind == 2, data == 2 ? std::endian::big : std::endian::little};
}

ProgramHeader read_segment(const Reader& elf, std::uint64_t row) {
  const Layout& l = elf.layout();
  return {elf.at<std::uint32_t>(row), elf.word(row + l.p_offset), elf.word(row + l.p_vaddr), elf.word(row + l.p_paddr),
          elf.word(row + l.p_filesz), elf.word(row + l.p_memsz),  elf.word(row + l.p_align)};
}

Result<std::vector<ProgramHeader>> read_segments(const Reader& elf, const Ask& ask) {
  const Layout& l = elf.layout();
  const auto count = elf.at<std::uint16_t>(l.phnum);
  const auto row_size = elf.at<std::uint16_t>(l.phentsize);
  const std::uint64_t table = elf.word(l.phoff);
  if (count == 0) return fail(Errc::unsupported, ask.text, "an ELF file without program headers: nothing to load");
  if (count == pn_xnum) return contradicts(ask, "the program header count is PN_XNUM (65535)");
  if (row_size != l.row_size) {
    return contradicts(ask, cat("e_phentsize is ", row_size, ", its class has ", l.row_size));
  }
  if (!slice(elf.file, table, count * l.row_size)) {
    return ends_early(ask, elf.file, cat("the ", count, " program headers at ", table), table + count * l.row_size);
  }
  std::vector<ProgramHeader> segments;
  for (std::uint64_t i = 0; i < count; ++i) segments.push_back(read_segment(elf, table + i * l.row_size));
  return segments;
}

Status check_load(const Reader& elf, const ProgramHeader& s, const Ask& ask) {
  if (s.filesz > s.memsz) return contradicts(ask, cat("a PT_LOAD has p_filesz ", s.filesz, " > p_memsz ", s.memsz));
  const std::uint64_t last = elf.is64 ? ~std::uint64_t{0} : 0xffffffff;
  if (s.memsz - 1 > last - s.paddr) {
    return contradicts(
        ask, cat("a PT_LOAD of ", hex(s.memsz), " bytes at ", hex(s.paddr), " passes the end of the address space"));
  }
  if (!slice(elf.file, s.offset, s.filesz)) {
    return ends_early(ask, elf.file, cat("the PT_LOAD of ", s.filesz, " bytes at ", s.offset), s.offset + s.filesz);
  }
  return {};
}

Result<std::vector<LoadPart>> load_parts(const Reader& elf, const std::vector<ProgramHeader>& segments,
                                         const Ask& ask) {
  std::vector<LoadPart> parts;
  for (const ProgramHeader& s : segments) {
    if (s.type != pt_load || (s.memsz == 0 && s.filesz == 0)) continue;
    if (const Status ok = check_load(elf, s, ask); !ok) return tl::unexpected(ok.error());
    parts.push_back({s.offset, s.filesz, s.paddr, s.memsz, s.vaddr});
  }
  if (parts.empty()) return fail(Errc::unsupported, ask.text, "an ELF file without a PT_LOAD: nothing to load");
  return parts;
}

/// The Xen note with the PVH entry in one PT_NOTE: name size, descriptor size, type, name, descriptor, each padded to
/// the segment's alignment of 4 or 8.
std::optional<std::uint64_t> pvh_in(const Reader& elf, const ProgramHeader& segment) {
  const auto notes = slice(elf.file, segment.offset, segment.filesz);
  if (!notes) return std::nullopt;
  const std::uint64_t pad = segment.align == 8 ? 7 : 3;
  for (std::uint64_t at = 0; notes->size() - at >= 12;) {
    const auto name_size = *read_int<std::uint32_t>(*notes, at, elf.order);
    const auto size = *read_int<std::uint32_t>(*notes, at + 4, elf.order);
    const auto type = *read_int<std::uint32_t>(*notes, at + 8, elf.order);
    const std::uint64_t body = (at + 12 + name_size + pad) & ~pad;
    const bool is_entry = type == xen_phys32_entry && name_size == 4 && text::has(*notes, at + 12, {"Xen\0", 4});
    if (is_entry && size == 8) return read_int<std::uint64_t>(*notes, body, elf.order);
    if (is_entry && size == 4) return read_int<std::uint32_t>(*notes, body, elf.order);
    at = (body + size + pad) & ~pad;
    if (at > notes->size()) break;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> pvh_entry(const Reader& elf, const std::vector<ProgramHeader>& segments) {
  for (const ProgramHeader& s : segments) {
    if (s.type != pt_note) continue;
    if (const auto entry = pvh_in(elf, s)) return entry;
  }
  return std::nullopt;
}

/// What an ELF file is where it is no kernel, else nothing. A kernel is ET_EXEC, or ET_DYN where it relocates itself
/// (arm64, s390x, ppc64); what only programs for user space have tells those apart.
const char* not_a_kernel(std::uint16_t type, std::uint64_t entry, const std::vector<ProgramHeader>& segments) {
  if (type == et_rel) return "an ELF relocatable object (a kernel module or .o file), not a linked kernel";
  if (type == et_core) return "an ELF core (a memory dump), not a kernel";
  if (type != et_exec && type != et_dyn) return "an ELF file of a type that is neither executable nor core";
  for (const ProgramHeader& s : segments) {
    if (s.type == pt_interp) return "a dynamically linked ELF program for user space, not a kernel";
    if (s.type == pt_tls) return "a statically linked ELF program for user space, not a kernel";
  }
  if (type == et_dyn && entry == 0) return "an ELF shared library, not a kernel";
  return nullptr;
}

struct ArchRow {
  std::uint16_t machine;
  bool is64;
  std::optional<std::endian> order;  ///< nothing: either, the CPU and its boot protocol are the same
  std::string_view arch;
};
constexpr auto big = std::endian::big;
constexpr auto little = std::endian::little;
constexpr std::array arch_rows{
    ArchRow{3, false, little, "i386"},
    ArchRow{62, true, little, "x86_64"},
    ArchRow{183, true, {}, "arm64"},
    ArchRow{40, false, {}, "arm"},
    ArchRow{20, false, big, "ppc"},
    ArchRow{21, true, big, "ppc64"},
    ArchRow{21, true, little, "ppc64le"},
    ArchRow{22, true, big, "s390x"},
    ArchRow{42, false, little, "sh4"},
    ArchRow{8, false, big, "mips"},
    ArchRow{8, false, little, "mipsel"},
    ArchRow{8, true, big, "mips64"},
    ArchRow{8, true, little, "mips64el"},
    ArchRow{4, false, big, "m68k"},
    ArchRow{15, false, big, "parisc"},
    ArchRow{15, true, big, "parisc64"},
    ArchRow{243, false, little, "riscv32"},
    ArchRow{243, true, little, "riscv64"},
    ArchRow{258, true, little, "loongarch64"},
};

Result<Image> build(const Reader& elf, const std::vector<ProgramHeader>& segments, const Ask& ask) {
  ElfFacts facts{elf.is64, elf.order, elf.at<std::uint16_t>(18), elf.word(elf.layout().entry),
                 pvh_entry(elf, segments)};
  Image image;
  image.format = Format::elf;
  image.arch = elf_arch(facts.machine, facts.is64, facts.order);
  image.elf = facts;
  if (image.arch.empty()) {
    return fail(Errc::unsupported, ask.text,
                cat("an ELF file for machine ", facts.machine, elf.is64 ? " (64-bit, " : " (32-bit, ",
                    elf.order == big ? "big-endian), which is no target" : "little-endian), which is no target"));
  }
  auto parts = load_parts(elf, segments, ask);
  if (!parts) return tl::unexpected(parts.error());
  image.parts = std::move(*parts);
  return image;
}

}  // namespace

std::string_view elf_arch(std::uint16_t machine, bool is64, std::endian order) {
  for (const ArchRow& row : arch_rows) {
    if (row.machine == machine && row.is64 == is64 && row.order.value_or(order) == order) return row.arch;
  }
  return {};
}

std::string_view elf_arch(ByteView file) {
  const auto elf = open_elf(file);
  return elf ? elf_arch(elf->at<std::uint16_t>(18), elf->is64, elf->order) : std::string_view{};
}

bool probe_elf(ByteView file) {
  return text::has(file, 0,
                   "\x7f"
                   "ELF");
}

Result<Image> parse_elf(ByteView file, const Ask& ask) {
  if (file.size() < layout32.header_size) return ends_early(ask, file, "the ELF header", layout64.header_size);
  const auto elf = open_elf(file);
  if (!elf) {
    return contradicts(ask, cat("ELF class ", std::to_integer<unsigned>(file[4]), " and byte order ",
                                std::to_integer<unsigned>(file[5]), ", known are 1 and 2 for each"));
  }
  const Layout& l = elf->layout();
  if (file.size() < l.header_size) return ends_early(ask, file, "the ELF header", l.header_size);
  const auto type = elf->at<std::uint16_t>(16);
  const auto entry = elf->word(l.entry);
  if (const char* what = not_a_kernel(type, entry, {})) return fail(Errc::unsupported, ask.text, what);
  const auto segments = read_segments(*elf, ask);
  if (!segments) return tl::unexpected(segments.error());
  if (const char* what = not_a_kernel(type, entry, *segments)) return fail(Errc::unsupported, ask.text, what);
  return build(*elf, *segments, ask);
}

}  // namespace kexlab
