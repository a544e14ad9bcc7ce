// SPDX-License-Identifier: Apache-2.0
// Is /proc/vmcore true? Its headers, the memory it covers, the notes, and known pages of the kernel that crashed.
#include <elf.h>
#include <fmt/format.h>

#include <cstring>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"
#include "harness/engine/vmcoreinfo.h"
#include "harness/model/contract.h"
#include "kexlab/arch.h"
#include "kexlab/crash.h"

namespace kexlab::engine {
namespace {

constexpr const char* vmcore = "/proc/vmcore";

/// A PT_LOAD or PT_NOTE of the dump.
struct Part {
  std::uint32_t type = 0;
  std::uint64_t offset = 0;
  Range physical;
};

struct Dump {
  std::vector<Part> parts;
  /// Offset behind the last byte.
  [[nodiscard]] std::uint64_t end() const {
    std::uint64_t end = 0;
    for (const auto& part : parts) end = std::max(end, part.offset + part.physical.size());
    return end;
  }
  [[nodiscard]] const Part* holds(std::uint64_t physical) const {
    for (const auto& part : parts) {
      if (part.type == PT_LOAD && part.physical.contains(physical)) return &part;
    }
    return nullptr;
  }
};

Verdict bad(std::string reason) { return {Outcome::failed, "/proc/vmcore is not true: " + std::move(reason), {}}; }

std::endian order_of(ByteView head) {
  return std::to_integer<int>(head[EI_DATA]) == ELFDATA2MSB ? std::endian::big : std::endian::little;
}

template <class Word, class Ehdr, class Phdr>
Result<Dump> parse_headers(ByteView head, std::endian order) {
  const char* asked = "parse /proc/vmcore";
  if (head.size() < sizeof(Ehdr)) return fail(Errc::truncated, asked, "it ends in its ELF header");
  if (*read_int<std::uint16_t>(head, offsetof(Ehdr, e_type), order) != ET_CORE)
    return fail(Errc::corrupt, asked, "e_type is not ET_CORE");
  const auto phoff = *read_int<Word>(head, offsetof(Ehdr, e_phoff), order);
  const auto phnum = *read_int<std::uint16_t>(head, offsetof(Ehdr, e_phnum), order);
  Dump dump;
  for (unsigned i = 0; i < phnum; ++i) {
    const auto header = slice(head, phoff + std::uint64_t{i} * sizeof(Phdr), sizeof(Phdr));
    if (!header)
      return fail(Errc::truncated, asked,
                  fmt::format("program header {} of {} lies behind the first {} bytes", i, phnum, head.size()));
    const auto physical = Range::sized(*read_int<Word>(*header, offsetof(Phdr, p_paddr), order),
                                       *read_int<Word>(*header, offsetof(Phdr, p_memsz), order));
    if (!physical)
      return fail(Errc::corrupt, asked, fmt::format("program header {} passes the end of the address space", i));
    dump.parts.push_back({*read_int<std::uint32_t>(*header, offsetof(Phdr, p_type), order),
                          *read_int<Word>(*header, offsetof(Phdr, p_offset), order), *physical});
  }
  return dump;
}

/// Program headers of a dump of either class and byte order. Errors: corrupt, truncated, unsupported.
Result<Dump> parse_dump(ByteView head) {
  const char* asked = "parse /proc/vmcore";
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

struct Note {
  std::uint32_t type = 0;
  std::string name;  ///< without its NUL
  std::string contents;
};

/// The notes of a PT_NOTE as far as they make sense; name and contents are padded to 4 bytes each.
std::vector<Note> parse_notes(ByteView bytes, std::endian order) {
  auto padded = [](std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; };
  std::vector<Note> notes;
  std::uint64_t at = 0;
  while (const auto header = slice(bytes, at, sizeof(Elf64_Nhdr))) {
    const std::uint64_t name_size = *read_int<std::uint32_t>(*header, 0, order);
    const std::uint64_t contents_size = *read_int<std::uint32_t>(*header, 4, order);
    const auto name = slice(bytes, at + sizeof(Elf64_Nhdr), name_size);
    const auto contents = slice(bytes, at + sizeof(Elf64_Nhdr) + padded(name_size), contents_size);
    if (name_size == 0 || !name || !contents) break;
    notes.push_back({*read_int<std::uint32_t>(*header, 8, order), std::string(as_text(*name).substr(0, name_size - 1)),
                     std::string(as_text(*contents))});
    at += sizeof(Elf64_Nhdr) + padded(name_size) + padded(contents_size);
  }
  return notes;
}

/// What depends on the word of the kernel that crashed, whatever class its dump is of.
struct Word {
  unsigned bytes;
  std::uint64_t pid, registers;  ///< offsets in struct elf_prstatus: include/linux/elfcore.h
};

const Word& word_of(const Machine& machine) {
  static constexpr Word narrow{4, 24, 72}, wide{8, 32, 112};
  const Arch* arch = find_arch(machine.arch);
  return arch != nullptr && arch->bits == 32 ? narrow : wide;
}

bool holds_registers(const Note& note, const Word& word) {
  return note.contents.size() > word.registers &&
         note.contents.find_first_not_of('\0', word.registers) != std::string::npos;
}
/// Bytes of struct elf_prstatus, which ends with an int behind the registers; 0 where their number is not known.
/// Source: include/linux/elfcore.h.
std::uint64_t prstatus_bytes(const Machine& machine) {
  const Word& word = word_of(machine);
  const std::uint64_t registers = model::contract_of(machine.arch).dumped_registers;
  if (registers == 0) return 0;
  const std::uint64_t end = word.registers + registers * word.bytes + 4;
  return (end + word.bytes - 1) / word.bytes * word.bytes;
}
bool has_task(const Note& note, const Word& word) {
  return note.contents.find_first_not_of('\0', word.pid) < word.pid + 4;
}

RangeSet covered(const Dump& dump) {
  RangeSet set;
  for (const auto& part : dump.parts) {
    if (part.type == PT_LOAD) set.add(part.physical);
  }
  return set;
}

/// Offsets to be mapped, of whole pages: all from the headers over the notes to the first page of memory, and every
/// known page with its neighbours.
std::vector<Range> windows(const Dump& dump, const std::vector<std::uint64_t>& known, std::uint64_t page) {
  std::uint64_t first = dump.end();
  for (const auto& part : dump.parts) {
    if (part.type == PT_LOAD) first = std::min(first, part.offset);
  }
  std::vector<Range> made{{0, first / page * page + page}};
  for (const auto physical : known) {
    const Part* part = dump.holds(physical);
    if (part == nullptr) continue;
    const std::uint64_t at = part->offset + (physical - part->physical.start);
    made.push_back({at >= part->offset + page ? at - page : at,
                    std::min(at + 2 * page, (part->offset + part->physical.size()) / page * page)});
  }
  return made;
}

std::string missing_from(const RangeSet& have, const RangeSet& want) {
  RangeSet rest = want;
  for (const auto& range : have.ranges()) rest.remove(range);
  std::string text;
  for (const auto& range : rest.ranges()) text += (text.empty() ? "" : ", ") + range.str();
  return text;
}

}  // namespace

Verdict CaseRunner::unread(const Error& error, std::uint64_t offset, std::uint64_t size) const {
  if (error.code != Errc::io && error.code != Errc::not_found) return from_error(error);
  return bad(fmt::format("reading {} bytes at offset 0x{:x} gives {}", size, offset, error.broke));
}

Verdict CaseRunner::on(const scenario::VmcoreStep&, StepRecord& record) {
  record.what = "/proc/vmcore of the crash kernel";
  if (!started_by_crash_) return {Outcome::error, record.what + ": no crash came before this step", {}};
  auto head = read_guest_part(session_, vmcore, 0, 64 << 10, soon());
  if (!head) return unread(head.error(), 0, 64 << 10);
  auto dump = parse_dump(*head);
  if (!dump) return bad(dump.error().broke);
  RangeSet want = dumpable_ram(crashed_machine_);
  // The first MiB is the crash kernel's to use on PCs, so no dump has it: arch/x86/kernel/crash.c,
  // elf_header_exclude_ranges.
  want.remove(Range{0, std::uint64_t{1} << 20});
  const std::string missing = missing_from(covered(*dump), want);
  if (!missing.empty()) return bad("memory of the crashed kernel is not in it: " + missing);
  // Firmware inside the reservation may be in it (arch/powerpc/kexec/file_load_64.c: get_crash_memory_ranges).
  for (const Range& reservation : crashed_machine_.memory.named("Crash kernel")) {
    if (covered(*dump).contains(reservation))
      return bad("the crash kernel's own memory is in it: " + reservation.str());
  }
  if (auto verdict = check_notes(*head, dump->parts.empty() ? 0 : dump->parts.front().offset,
                                 dump->parts.empty() ? 0 : dump->parts.front().physical.size());
      verdict.outcome != Outcome::passed) {
    return verdict;
  }
  const auto page = crashed_machine_.page_size;
  if (auto verdict = check_end(dump->end()); verdict.outcome != Outcome::passed) return verdict;
  for (std::size_t i = 0; i < marker_pages_.size(); ++i) {
    const Part* part = dump->holds(marker_pages_[i]);
    if (part == nullptr) return bad(fmt::format("the page at 0x{:x} is in no PT_LOAD", marker_pages_[i]));
    // In two parts, the second from an odd offset: the dump is made page by page, and a reader need not know.
    const std::uint64_t at = part->offset + (marker_pages_[i] - part->physical.start), odd = 1 + 2 * i;
    auto found = read_guest_part(session_, vmcore, at, odd, soon());
    auto rest = read_guest_part(session_, vmcore, at + odd, page - odd, soon());
    if (!found) return unread(found.error(), at, odd);
    if (!rest) return unread(rest.error(), at + odd, page - odd);
    found->insert(found->end(), rest->begin(), rest->end());
    Bytes known(page);
    fill_pattern(ballast_seed(nonce_), i * page, known);
    if (*found != known)
      return bad(
          fmt::format("the page at 0x{:x} does not hold what the crashed kernel's memory held", marker_pages_[i]));
  }
  if (stage_.target->limit("vmcore_mapping") == nullptr) {
    if (auto verdict = check_mappings(windows(*dump, marker_pages_, page), dump->end());
        verdict.outcome != Outcome::passed) {
      return verdict;
    }
  }
  if (marker_pages_.empty())
    return {Outcome::error, "the agent gave no physical addresses to look for in the dump", {}};
  record.observed = fmt::format("{} parts, {} MiB, {} known pages found", dump->parts.size(),
                                covered(*dump).total() >> 20, marker_pages_.size());
  return {};
}

// The notes must hold vmcoreinfo, which names the kernel that crashed and without which no tool opens the dump, and the
// state of the CPU that crashed (NT_PRSTATUS, name "CORE": kernel/crash_core.c and kernel/kexec_core.c,
// crash_save_cpu).
Verdict CaseRunner::check_notes(ByteView head, std::uint64_t offset, std::uint64_t size) {
  auto notes = offset + size <= head.size() ? Result<Bytes>(to_bytes(head.subspan(offset, size)))
                                            : read_guest_part(session_, vmcore, offset, size, soon());
  if (!notes) return unread(notes.error(), offset, size);
  const Word& word = word_of(crashed_machine_);
  std::string vmcoreinfo;
  const std::uint64_t whole = prstatus_bytes(crashed_machine_);
  unsigned cpus = 0, with_task = 0;
  for (const auto& note : parse_notes(*notes, order_of(head))) {
    if (note.name == "VMCOREINFO") vmcoreinfo = note.contents;
    if (note.type != NT_PRSTATUS || note.name != "CORE") continue;
    if (whole != 0 && note.contents.size() != whole)
      return bad(fmt::format("its CPU state {} has {} bytes, a whole one {}", cpus, note.contents.size(), whole));
    if (!holds_registers(note, word)) return bad(fmt::format("the registers in its CPU state {} are all zero", cpus));
    ++cpus;
    with_task += has_task(note, word) ? 1 : 0;
  }
  if (vmcoreinfo.find("OSRELEASE=" + crashed_hello_.release + "\n") == std::string::npos)
    return bad("no vmcoreinfo names the crashed kernel's release " + printable(crashed_hello_.release));
  if (auto wrong = missing_in_vmcoreinfo(vmcoreinfo, crashed_machine_); !wrong.empty()) return bad(wrong);
  if (cpus == 0) return bad("there is no CPU state (NT_PRSTATUS) in its notes");
  if (cpus != case_.guest.cpus)
    return bad(fmt::format("it holds the state of {} CPUs, {} ran when the kernel crashed", cpus, case_.guest.cpus));
  if (with_task == 0) return bad("no CPU state tells the task that crashed the kernel (pr_pid)");
  return {};
}

// makedumpfile maps the dump and does not read it: what is mapped must be what is read. Source: fs/proc/vmcore.c
// (mmap_vmcore).
Verdict CaseRunner::check_mapping(const Range& window) {
  const std::uint64_t offset = window.start, size = window.size();
  auto mapped = map_guest_part(session_, vmcore, offset, size, soon());
  if (!mapped && mapped.error().code != Errc::io) return from_error(mapped.error());
  if (!mapped)
    return bad(fmt::format("mapping {} bytes at offset 0x{:x} gives {}", size, offset, mapped.error().broke));
  auto read = read_guest_part(session_, vmcore, offset, size, soon());
  if (!read) return unread(read.error(), offset, size);
  if (*mapped == *read) return {};
  const auto differs =
      std::mismatch(mapped->begin(), mapped->end(), read->begin(), read->end()).first - mapped->begin();
  return bad(fmt::format("mapped from offset 0x{:x} it differs at offset 0x{:x} from what is read there", offset,
                         offset + static_cast<std::uint64_t>(differs)));
}

// The page behind the last one is none of the dump's.
Verdict CaseRunner::check_mappings(const std::vector<Range>& windows, std::uint64_t end) {
  for (const Range& window : windows) {
    if (auto verdict = check_mapping(window); verdict.outcome != Outcome::passed) return verdict;
  }
  const auto page = crashed_machine_.page_size;
  const std::uint64_t behind = (end + page - 1) / page * page;
  const auto mapped = map_guest_part(session_, vmcore, behind, page, soon());
  if (mapped) return bad(fmt::format("a page at offset 0x{:x}, behind its end, can be mapped", behind));
  return mapped.error().code == Errc::io ? Verdict{} : from_error(mapped.error());
}

// A dump that is too short loses memory, one that is too long shows what is none: the last byte is there, and no other.
Verdict CaseRunner::check_end(std::uint64_t end) {
  auto found = read_guest_part(session_, vmcore, end - 1, 2, soon());
  if (!found) return unread(found.error(), end - 1, 2);
  if (found->size() == 1) return {};
  return bad(fmt::format("its headers say that it ends at offset 0x{:x}, but {} bytes can be read from there - 1", end,
                         found->size()));
}

}  // namespace kexlab::engine
