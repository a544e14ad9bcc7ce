// SPDX-License-Identifier: Apache-2.0
// Headers of a dump, and what can be said by them alone.
#include "harness/engine/dump.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <sstream>

#include "harness/engine/vmcoreinfo.h"
#include "harness/model/contract.h"
#include "kexlab/crash.h"
#include "kexlab/text.h"

namespace kexlab::engine {
namespace {

constexpr const char* asked = "parse /proc/vmcore";

std::endian order_of(ByteView head) {
  return std::to_integer<int>(head[EI_DATA]) == ELFDATA2MSB ? std::endian::big : std::endian::little;
}

template <class Word, class Phdr>
Result<DumpPart> parse_part(ByteView header, std::endian order, unsigned number) {
  const std::uint64_t size = *read_int<Word>(header, offsetof(Phdr, p_memsz), order),
                      stored = *read_int<Word>(header, offsetof(Phdr, p_filesz), order);
  const auto physical = Range::sized(*read_int<Word>(header, offsetof(Phdr, p_paddr), order), size);
  if (!physical)
    return fail(Errc::corrupt, asked, fmt::format("program header {} passes the end of the address space", number));
  if (stored != size)
    return fail(Errc::corrupt, asked,
                fmt::format("program header {} has p_filesz 0x{:x} and p_memsz 0x{:x}", number, stored, size));
  return DumpPart{*read_int<std::uint32_t>(header, offsetof(Phdr, p_type), order),
                  *read_int<Word>(header, offsetof(Phdr, p_offset), order), *physical,
                  *read_int<Word>(header, offsetof(Phdr, p_vaddr), order)};
}

template <class Word, class Ehdr, class Phdr>
Result<Dump> parse_headers(ByteView head, std::endian order) {
  if (head.size() < sizeof(Ehdr)) return fail(Errc::truncated, asked, "it ends in its ELF header");
  if (*read_int<std::uint16_t>(head, offsetof(Ehdr, e_type), order) != ET_CORE)
    return fail(Errc::corrupt, asked, "e_type is not ET_CORE");
  if (*read_int<std::uint16_t>(head, offsetof(Ehdr, e_phentsize), order) != sizeof(Phdr))
    return fail(Errc::corrupt, asked, "e_phentsize is not that of its class");
  const auto phoff = *read_int<Word>(head, offsetof(Ehdr, e_phoff), order);
  const auto phnum = *read_int<std::uint16_t>(head, offsetof(Ehdr, e_phnum), order);
  Dump dump{.parts = {}, .order = order};
  for (unsigned i = 0; i < phnum; ++i) {
    const auto header = slice(head, phoff + std::uint64_t{i} * sizeof(Phdr), sizeof(Phdr));
    if (!header)
      return fail(Errc::truncated, asked,
                  fmt::format("program header {} of {} lies behind the first {} bytes", i, phnum, head.size()));
    auto part = parse_part<Word, Phdr>(*header, order, i);
    if (!part) return tl::unexpected(part.error());
    dump.parts.push_back(*part);
  }
  return dump;
}

std::string text_of(const RangeSet& set) {
  std::string text;
  for (const auto& range : set.ranges()) text += (text.empty() ? "" : ", ") + range.str();
  return text;
}

// Where a crash kernel's command line says that the dump's headers lie: elfcorehdr=[size@]address, each with a suffix
// perhaps. Nothing where there is no such word. Source: kernel/crash_dump.c, later fs/proc/vmcore.c (setup_elfcorehdr).
std::optional<std::uint64_t> elfcorehdr_of(const std::string& cmdline) {
  constexpr std::string_view word = "elfcorehdr=";
  std::istringstream words(cmdline);
  std::optional<std::uint64_t> found;  // the last counts
  for (std::string one; words >> one;) {
    if (!one.starts_with(word)) continue;
    std::string_view value = std::string_view(one).substr(word.size());
    if (const auto at = value.find('@'); at != std::string_view::npos) value.remove_prefix(at + 1);
    constexpr std::string_view suffixes = "KMG";
    const auto suffix = value.empty() ? std::string_view::npos : suffixes.find(value.back());
    if (suffix != std::string_view::npos) value.remove_suffix(1);
    const auto number = value.starts_with("0x") ? parse_hex(value) : parse_unsigned(value, 10);
    if (number) found = suffix == std::string_view::npos ? *number : *number << (10 * (suffix + 1));
  }
  return found;
}

std::optional<std::uint64_t> physical_of(std::string_view vmcoreinfo, const Machine& crashed, std::uint64_t address) {
  const auto& dumped = model::contract_of(crashed.arch).dumped;
  if (dumped.physical == nullptr) return std::nullopt;
  return dumped.physical(address, [&](std::string_view key) {
    const bool has_kind = key.find('(') != std::string_view::npos;  // NUMBER(…), OFFSET(…)
    return has_kind ? number_in_vmcoreinfo(vmcoreinfo, key) : hex_in_vmcoreinfo(vmcoreinfo, key);
  });
}

// The first MiB is the crash kernel's to use on PCs, so no dump has it: arch/x86/kernel/crash.c,
// elf_header_exclude_ranges.
constexpr Range first_mib{0, std::uint64_t{1} << 20};

/// What of the dump is no memory of the crashed kernel's. Headers name bytes where memory ends inside a page, and the
/// rest of the page is then seen as well. Hot-plugged memory has a word more: "System RAM (kmem)".
RangeSet beside_ram(RangeSet have, const Machine& crashed) {
  for (const MemoryEntry& entry : crashed.memory.entries) {
    if (!entry.name.starts_with("System RAM")) continue;
    have.remove({align_down(entry.range.start, crashed.page_size),
                 align_up(entry.range.end, crashed.page_size).value_or(entry.range.end)});
  }
  return have;
}

}  // namespace

std::uint64_t Dump::end() const {
  std::uint64_t end = 0;
  for (const auto& part : parts) end = std::max(end, part.offset + part.physical.size());
  return end;
}

const DumpPart* Dump::holds(std::uint64_t physical) const {
  for (const auto& part : parts) {
    if (part.type == PT_LOAD && part.physical.contains(physical)) return &part;
  }
  return nullptr;
}

RangeSet Dump::memory() const {
  RangeSet set;
  for (const auto& part : parts) {
    if (part.type == PT_LOAD) set.add(part.physical);
  }
  return set;
}

Result<Dump> parse_dump(ByteView head) {
  if (head.size() < EI_NIDENT || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0)
    return fail(Errc::corrupt, asked, "it does not start with an ELF header");
  switch (std::to_integer<int>(head[EI_CLASS])) {
    case ELFCLASS32:
      return parse_headers<std::uint32_t, Elf32_Ehdr, Elf32_Phdr>(head, order_of(head));
    case ELFCLASS64:
      return parse_headers<std::uint64_t, Elf64_Ehdr, Elf64_Phdr>(head, order_of(head));
    default:
      return fail(Errc::unsupported, asked, "it is an ELF file of no known class");
  }
}

std::string wrong_memory(const Dump& dump, const Machine& crashed, bool made_by_kernel) {
  const auto& dumped = model::contract_of(crashed.arch).dumped;
  const bool firmware_too = dumped.firmware_in_reservation;
  const RangeSet have = dump.memory();
  RangeSet want = dumpable_ram(crashed);
  want.remove(first_mib);
  for (const auto& range : have.ranges()) want.remove(range);
  if (!want.ranges().empty()) return "memory of the crashed kernel is not in it: " + text_of(want);
  for (const Range& reservation : crashed.memory.named("Crash kernel")) {
    if (firmware_too ? have.contains(reservation) : have.overlaps(reservation))
      return "the crash kernel's own memory is in it: " + reservation.str();
  }
  if (made_by_kernel && dumped.first_mib_left_out && have.overlaps(first_mib))
    return "memory of the first MiB is in it, which the crash kernel uses";
  // A crash kernel that makes the headers does so by what the machine has, which mem= may keep from the crashed kernel.
  if (dumped.made_by_crash_kernel || crashed.memory.ram().ranges().empty()) return {};
  if (const RangeSet beside = beside_ram(have, crashed); !beside.ranges().empty())
    return "what was no memory of the crashed kernel is in it: " + text_of(beside);
  return {};
}

std::string wrong_addresses(const Dump& dump, std::uint64_t text) {
  std::optional<std::uint64_t> map;
  bool has_text = false;
  for (const auto& part : dump.parts) {
    if (part.type != PT_LOAD) continue;
    if (text >= part.virtual_start && text - part.virtual_start < part.physical.size()) {
      has_text = true;
      continue;
    }
    const std::uint64_t base = part.virtual_start - part.physical.start;
    if (base == 0) return fmt::format("the part at 0x{:x} has no virtual address of its own", part.physical.start);
    if (base != map.value_or(base))
      return fmt::format("the part at 0x{:x} is at 0x{:x}, outside the map of all memory", part.physical.start,
                         part.virtual_start);
    map = base;
  }
  if (has_text) return {};
  return fmt::format("no part of it has the kernel's text, at the virtual address 0x{:x}", text);
}

std::string wrong_headers_place(const Machine& crash_kernel) {
  if (!model::contract_of(crash_kernel.arch).dumped.headers_left_out) return {};
  const auto headers = elfcorehdr_of(crash_kernel.cmdline);
  if (!headers || !crash_kernel.memory.ram().contains(Range{*headers, *headers + 1})) return {};
  return fmt::format("the dump's headers at 0x{:x} lie in its System RAM", *headers);
}

std::string wrong_identity(const Dump& dump, std::string_view vmcoreinfo, const Machine& crashed) {
  if (!model::contract_of(crashed.arch).dumped.made_by_crash_kernel) return {};
  if (hex_in_vmcoreinfo(vmcoreinfo, "IDENTITYBASE")) return {};
  for (const auto& part : dump.parts) {
    if (part.type == PT_LOAD && part.virtual_start != part.physical.start)
      return fmt::format("the part at 0x{:x} has the virtual address 0x{:x}, and the kernel's are the physical ones",
                         part.physical.start, part.virtual_start);
  }
  return {};
}

std::string wrong_text(std::string_view vmcoreinfo, const Machine& crashed) {
  const auto text = symbol_in_vmcoreinfo(vmcoreinfo, "_stext");
  const auto code = crashed.memory.named("Kernel code");
  if (!text || code.empty()) return {};
  const auto physical = physical_of(vmcoreinfo, crashed, *text);
  if (!physical) return {};
  if (std::any_of(code.begin(), code.end(), [&](const Range& range) { return range.contains(*physical); })) return {};
  return fmt::format("by its vmcoreinfo the kernel's text at 0x{:x} lies at 0x{:x}, but \"Kernel code\" was {}", *text,
                     *physical, code.front().str());
}

Result<std::optional<std::uint64_t>> release_in_dump(const Dump& dump, std::string_view vmcoreinfo,
                                                     const Machine& crashed) {
  // struct new_utsname: sysname, nodename, release, … of 65 bytes each. Source: include/uapi/linux/utsname.h.
  constexpr std::uint64_t to_release = 2 * 65;
  const auto uts = symbol_in_vmcoreinfo(vmcoreinfo, "init_uts_ns");
  const auto name = number_in_vmcoreinfo(vmcoreinfo, "OFFSET(uts_namespace.name)");
  if (!uts || !name) return std::optional<std::uint64_t>();
  const auto physical = physical_of(vmcoreinfo, crashed, *uts + *name + to_release);
  if (!physical) return std::optional<std::uint64_t>();
  const DumpPart* part = dump.holds(*physical);
  if (part == nullptr)
    return fail(Errc::corrupt, asked,
                fmt::format("init_uts_ns is at 0x{:x} by its vmcoreinfo, which is in no PT_LOAD", *physical));
  return std::optional(part->offset + (*physical - part->physical.start));
}

std::vector<std::uint64_t> swap_border(const Machine& crashed) {
  if (!model::contract_of(crashed.arch).dumped.made_by_crash_kernel) return {};
  std::vector<std::uint64_t> out;
  for (const Range& reservation : crashed.memory.named("Crash kernel")) {
    if (reservation.size() <= crashed.page_size) continue;
    out.push_back(reservation.size() - crashed.page_size);
    out.push_back(reservation.size());
  }
  return out;
}

std::vector<std::uint64_t> pages_inside(const DumpPart& part, std::uint64_t page) {
  constexpr std::uint64_t most = 8;
  const auto begin = align_up(part.offset, page);
  const std::uint64_t end = align_down(part.offset + part.physical.size(), page);
  if (!begin || *begin >= end) return {};
  const std::uint64_t pages = (end - *begin) / page, count = std::min(pages, most);
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(*begin + (2 * i + 1) * pages / (2 * count) * page);
  return out;
}

std::vector<std::uint64_t> borders(const Dump& dump, std::uint64_t page) {
  std::vector<std::uint64_t> out;
  for (const auto& part : dump.parts) {
    const std::uint64_t begin = part.offset / page * page;
    if (begin != 0 && begin < dump.end()) out.push_back(begin);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<Range> windows(const Dump& dump, const std::vector<std::uint64_t>& known, std::uint64_t page) {
  std::uint64_t first = dump.end();
  for (const auto& part : dump.parts) {
    if (part.type == PT_LOAD) first = std::min(first, part.offset);
  }
  std::vector<Range> made{{0, first / page * page + page}};
  for (const auto physical : known) {
    const DumpPart* part = dump.holds(physical);
    if (part == nullptr) continue;
    const std::uint64_t at = part->offset + (physical - part->physical.start);
    made.push_back({at >= part->offset + page ? at - page : at,
                    std::min(at + 2 * page, (part->offset + part->physical.size()) / page * page)});
  }
  for (const auto border : borders(dump, page)) {
    if (border > first && border + page <= dump.end()) made.push_back({border - page, border + page});
  }
  return made;
}

}  // namespace kexlab::engine
