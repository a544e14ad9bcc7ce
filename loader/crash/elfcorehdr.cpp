// SPDX-License-Identifier: Apache-2.0
// The core header: an ELF file of ET_CORE without contents, whose offsets are physical addresses of the dead kernel.
//
// The crash kernel reads it (fs/proc/vmcore.c), replaces all PT_NOTEs by one and each PT_LOAD's offset by a place in
// /proc/vmcore. What it relies on:
//  - the PT_NOTEs stand first, right behind the ELF header, and there is at least one: merge_note_headers_elf64 writes
//    the merged one over the first and closes the gap of (number - 1) behind it;
//  - of a PT_LOAD it reads p_offset and p_memsz alone, so p_offset is the physical address;
//  - class, byte order and machine are its own.
#include <algorithm>
#include <limits>

#include "kexlab/crash.h"
#include "kexlab/text.h"
#include "loader/arch/chosen.h"

namespace kexlab {
namespace {

// Numbers of the ELF format. Source: the System V gABI, chapters 4 and 5.
constexpr std::uint8_t class32 = 1, class64 = 2, little = 1, big = 2, current_version = 1;
constexpr std::uint16_t type_core = 4;
constexpr std::uint32_t pt_load = 1, pt_note = 4, read_write_execute = 7;
// e_phnum is 16 bits, and 0xffff means that the count stands elsewhere (PN_XNUM), which the kernel does not look for.
constexpr std::size_t most_headers = 0xfffe;

struct Layout {
  unsigned bits;
  std::endian order;
  [[nodiscard]] bool wide() const { return bits == 64; }
  [[nodiscard]] std::size_t header_size() const { return wide() ? 64 : 52; }
  [[nodiscard]] std::size_t program_header_size() const { return wide() ? 56 : 32; }
  [[nodiscard]] std::uint64_t most() const { return wide() ? std::numeric_limits<std::uint64_t>::max() : 0xffffffff; }
};

struct ProgramHeader {
  std::uint32_t type = pt_load;
  Range physical;
  std::uint64_t virtual_address = 0;
};

class Writer {
 public:
  explicit Writer(const Layout& layout) : layout_(layout) {}
  template <class T>
  void number(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    write_int<T>(bytes_, at, value, layout_.order);
  }
  // An address, offset or size: 4 or 8 bytes as the class says.
  void word(std::uint64_t value) {
    if (layout_.wide()) return number(value);
    number(static_cast<std::uint32_t>(value));
  }
  Bytes take() { return std::move(bytes_); }

 private:
  Layout layout_;
  Bytes bytes_;
};

void write_elf_header(Writer& out, const Layout& layout, std::uint16_t machine, std::size_t count) {
  const std::uint8_t ident[16] = {0x7f,
                                  'E',
                                  'L',
                                  'F',
                                  layout.wide() ? class64 : class32,
                                  layout.order == std::endian::little ? little : big,
                                  current_version};
  for (const std::uint8_t byte : ident) out.number(byte);
  out.number(type_core);
  out.number(machine);
  out.number(std::uint32_t{current_version});
  out.word(0);                     // e_entry
  out.word(layout.header_size());  // e_phoff
  out.word(0);                     // e_shoff
  out.number(std::uint32_t{0});    // e_flags
  out.number(static_cast<std::uint16_t>(layout.header_size()));
  out.number(static_cast<std::uint16_t>(layout.program_header_size()));
  out.number(static_cast<std::uint16_t>(count));
  for (int i = 0; i < 3; ++i) out.number(std::uint16_t{0});  // no sections
}

// ELF64 has p_flags second and ELF32 second to last, each where its alignment is best.
void write_program_header(Writer& out, const Layout& layout, const ProgramHeader& header) {
  const std::uint32_t flags = header.type == pt_load ? read_write_execute : 0;
  out.number(header.type);
  if (layout.wide()) out.number(flags);
  out.word(header.physical.start);  // p_offset: where the crash kernel finds the bytes
  out.word(header.virtual_address);
  out.word(header.physical.start);  // p_paddr
  out.word(header.physical.size());
  out.word(header.physical.size());
  if (!layout.wide()) out.number(flags);
  out.word(0);  // p_align: none
}

tl::unexpected<Error> refuse(Errc code, std::string broke, std::string hint = {}) {
  return fail(code, "build the elfcorehdr", std::move(broke), std::move(hint));
}

Status add_note(const CrashNote& note, const std::string& whose, std::vector<ProgramHeader>& headers) {
  const auto range = Range::sized(note.address, note.size);
  if (!range || range->empty()) {
    return refuse(Errc::invalid_argument, whose + " has " + hex(note.size) + " bytes at " + hex(note.address));
  }
  headers.push_back({pt_note, *range, 0});
  return {};
}

Result<std::vector<ProgramHeader>> note_headers(const Machine& machine) {
  std::vector<ProgramHeader> headers;
  for (std::size_t cpu = 0; cpu < machine.crash_notes.size(); ++cpu) {
    const auto added = add_note(machine.crash_notes[cpu], "the crash note of CPU " + std::to_string(cpu), headers);
    if (!added) return tl::unexpected<Error>(added.error());
  }
  if (machine.vmcoreinfo) {
    const auto added = add_note(*machine.vmcoreinfo, "vmcoreinfo", headers);
    if (!added) return tl::unexpected<Error>(added.error());
  }
  if (headers.empty()) {
    return refuse(Errc::invalid_argument,
                  "the machine has neither a CPU's crash note nor vmcoreinfo, and the crash kernel needs one PT_NOTE",
                  "read /sys/devices/system/cpu/cpu*/crash_notes as root; it takes CONFIG_KEXEC");
  }
  return headers;
}

std::uint64_t virtual_of(const Layout& layout, std::uint64_t base, const Range& range) {
  if (base == 0) return 0;
  const std::uint64_t address = base + range.start;
  // Memory that a 32-bit kernel cannot map directly (highmem): -1, as readers of such dumps know it.
  return address + range.size() - 1 > layout.most() ? layout.most() : address;
}

Status check_fit(const Layout& layout, const std::vector<ProgramHeader>& headers) {
  if (headers.size() > most_headers) {
    return refuse(Errc::unsupported, std::to_string(headers.size()) + " program headers, an ELF header counts " +
                                         std::to_string(most_headers));
  }
  for (const ProgramHeader& header : headers) {
    if (header.physical.end - 1 <= layout.most()) continue;
    return refuse(Errc::unsupported, header.physical.str() + " does not fit in ELF32",
                  "ask for 64 bits, 32-bit kernels read ELF64 too");
  }
  return {};
}

}  // namespace

Result<Bytes> build_elfcorehdr(const Machine& machine, const RangeSet& ram, std::uint16_t elf_machine,
                               std::endian order, unsigned bits, std::uint64_t direct_map_base,
                               const KernelTextMapping& text) {
  if (bits != 32 && bits != 64)
    return refuse(Errc::invalid_argument, std::to_string(bits) + " bits is neither 32 nor 64");
  if (ram.ranges().empty()) return refuse(Errc::invalid_argument, "there is no memory to dump");
  const Layout layout{bits, order};
  auto headers = note_headers(machine);
  if (!headers) return tl::unexpected<Error>(headers.error());
  if (!text.physical.empty()) headers->push_back({pt_load, text.physical, text.virtual_address});
  for (const Range& range : ram.ranges()) {
    headers->push_back({pt_load, range, virtual_of(layout, direct_map_base, range)});
  }
  if (auto fits = check_fit(layout, *headers); !fits) return tl::unexpected<Error>(fits.error());
  Writer out(layout);
  write_elf_header(out, layout, elf_machine, headers->size());
  for (const ProgramHeader& header : *headers) write_program_header(out, layout, header);
  return out.take();
}

RangeSet dumpable_ram(const Machine& machine) {
  RangeSet ram = machine.memory.ram();
  for (const Range& range : machine.memory.named("Crash kernel")) ram.remove(range);
  const RangeSet foreign = foreign_memory(machine.fdt);
  for (const Range& range : foreign.ranges()) ram.remove(range);
  RangeSet pages;
  for (const Range& range : ram.ranges()) {
    // The kernel uses whole pages only, so the parts of pages at the edges hold nothing of it.
    const auto start = align_up(range.start, machine.page_size);
    const std::uint64_t end = align_down(range.end, machine.page_size);
    if (start && *start < end) pages.add({*start, end});
  }
  return pages;
}

}  // namespace kexlab
