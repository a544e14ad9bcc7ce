// SPDX-License-Identifier: Apache-2.0
// Is /proc/vmcore true? Its headers, the memory it covers, the notes, and known pages of the kernel that crashed.
#include <elf.h>
#include <fmt/format.h>

#include <cstring>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"
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

/// Program headers of an ELF64 dump of either byte order. Errors: corrupt.
Result<Dump> parse_dump(ByteView head) {
  const char* asked = "parse /proc/vmcore";
  if (head.size() < sizeof(Elf64_Ehdr) || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0)
    return fail(Errc::corrupt, asked, "it does not start with an ELF header");
  if (std::to_integer<int>(head[EI_CLASS]) != ELFCLASS64) return fail(Errc::unsupported, asked, "it is no ELF64 file");
  const auto order = order_of(head);
  if (*read_int<std::uint16_t>(head, offsetof(Elf64_Ehdr, e_type), order) != ET_CORE)
    return fail(Errc::corrupt, asked, "e_type is not ET_CORE");
  const auto phoff = *read_int<std::uint64_t>(head, offsetof(Elf64_Ehdr, e_phoff), order);
  const auto phnum = *read_int<std::uint16_t>(head, offsetof(Elf64_Ehdr, e_phnum), order);
  Dump dump;
  for (unsigned i = 0; i < phnum; ++i) {
    const auto header = slice(head, phoff + i * sizeof(Elf64_Phdr), sizeof(Elf64_Phdr));
    if (!header)
      return fail(Errc::truncated, asked,
                  fmt::format("program header {} of {} lies behind the first {} bytes", i, phnum, head.size()));
    const auto physical = Range::sized(*read_int<std::uint64_t>(*header, offsetof(Elf64_Phdr, p_paddr), order),
                                       *read_int<std::uint64_t>(*header, offsetof(Elf64_Phdr, p_memsz), order));
    if (!physical)
      return fail(Errc::corrupt, asked, fmt::format("program header {} passes the end of the address space", i));
    dump.parts.push_back({*read_int<std::uint32_t>(*header, offsetof(Elf64_Phdr, p_type), order),
                          *read_int<std::uint64_t>(*header, offsetof(Elf64_Phdr, p_offset), order), *physical});
  }
  return dump;
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

RangeSet covered(const Dump& dump) {
  RangeSet set;
  for (const auto& part : dump.parts) {
    if (part.type == PT_LOAD) set.add(part.physical);
  }
  return set;
}

std::string missing_from(const RangeSet& have, const RangeSet& want) {
  RangeSet rest = want;
  for (const auto& range : have.ranges()) rest.remove(range);
  std::string text;
  for (const auto& range : rest.ranges()) text += (text.empty() ? "" : ", ") + range.str();
  return text;
}

}  // namespace

Verdict CaseRunner::on(const scenario::VmcoreStep&, StepRecord& record) {
  record.what = "/proc/vmcore of the crash kernel";
  if (!started_by_crash_) return {Outcome::error, record.what + ": no crash came before this step", {}};
  auto head = read_guest_part(session_, vmcore, 0, 64 << 10, soon());
  if (!head) return head.error().code == Errc::io ? bad(head.error().broke) : from_error(head.error());
  auto dump = parse_dump(*head);
  if (!dump) return bad(dump.error().broke);
  RangeSet want = dumpable_ram(crashed_machine_);
  // The first MiB is the crash kernel's to use on PCs, so no dump has it: arch/x86/kernel/crash.c,
  // elf_header_exclude_ranges.
  want.remove(Range{0, std::uint64_t{1} << 20});
  const std::string missing = missing_from(covered(*dump), want);
  if (!missing.empty()) return bad("memory of the crashed kernel is not in it: " + missing);
  if (auto verdict = check_notes(*head, dump->parts.empty() ? 0 : dump->parts.front().offset,
                                 dump->parts.empty() ? 0 : dump->parts.front().physical.size());
      verdict.outcome != Outcome::passed) {
    return verdict;
  }
  const auto page = crashed_machine_.page_size;
  for (std::size_t i = 0; i < marker_pages_.size(); ++i) {
    const Part* part = dump->holds(marker_pages_[i]);
    if (part == nullptr) return bad(fmt::format("the page at 0x{:x} is in no PT_LOAD", marker_pages_[i]));
    auto found =
        read_guest_part(session_, vmcore, part->offset + (marker_pages_[i] - part->physical.start), page, soon());
    if (!found) return from_error(found.error());
    Bytes known(page);
    fill_pattern(ballast_seed(nonce_), i * page, known);
    if (*found != known)
      return bad(
          fmt::format("the page at 0x{:x} does not hold what the crashed kernel's memory held", marker_pages_[i]));
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
  if (!notes) return from_error(notes.error());
  bool cpu = false, release = false;
  for (const auto& note : parse_notes(*notes, order_of(head))) {
    cpu |= note.type == NT_PRSTATUS && note.name == "CORE" && !note.contents.empty();
    release |= note.name == "VMCOREINFO" &&
               note.contents.find("OSRELEASE=" + crashed_hello_.release + "\n") != std::string::npos;
  }
  if (!release) return bad("no vmcoreinfo names the crashed kernel's release " + printable(crashed_hello_.release));
  if (!cpu) return bad("there is no CPU state (NT_PRSTATUS) in its notes");
  return {};
}

}  // namespace kexlab::engine
