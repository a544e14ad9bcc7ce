// SPDX-License-Identifier: Apache-2.0
// Is /proc/vmcore true? Its headers, the memory it covers, the notes, and known pages of the kernel that crashed.
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "harness/engine/case_runner.h"
#include "harness/engine/dump.h"
#include "harness/engine/dump_notes.h"
#include "harness/engine/errno_text.h"
#include "harness/engine/vmcoreinfo.h"
#include "harness/model/contract.h"

namespace kexlab::engine {
namespace {

constexpr const char* vmcore = "/proc/vmcore";

Verdict bad(std::string reason) { return {Outcome::failed, "/proc/vmcore is not true: " + std::move(reason), {}}; }

}  // namespace

Verdict CaseRunner::unread(const Error& error, std::uint64_t offset, std::uint64_t size) const {
  if (error.code != Errc::io && error.code != Errc::not_found) return from_error(error);
  return bad(fmt::format("reading {} bytes at offset 0x{:x} gives {}", size, offset, error.broke));
}

Verdict CaseRunner::unmapped(const Error& error, std::uint64_t offset, std::uint64_t size) const {
  if (error.code != Errc::io) return from_error(error);
  return bad(fmt::format("mapping {} bytes at offset 0x{:x} gives {}", size, offset, error.broke));
}

// kexec_file_load has no plan.
bool CaseRunner::is_file_loaded() const { return running_ && running_->plan.segments.empty(); }

// Tools read as much as they like from wherever they like: what is read at once must be what is read in two pieces.
Verdict CaseRunner::check_read_at_once(std::uint64_t offset, std::uint64_t first, std::uint64_t second) {
  auto whole = read_guest_part(session_, vmcore, offset, first + second, soon());
  auto left = read_guest_part(session_, vmcore, offset, first, soon());
  auto right = read_guest_part(session_, vmcore, offset + first, second, soon());
  for (const auto* one : {&whole, &left, &right}) {
    if (!*one) return unread(one->error(), offset, first + second);
  }
  left->insert(left->end(), right->begin(), right->end());
  if (*whole == *left) return {};
  return bad(fmt::format("{} bytes read at once from offset 0x{:x} are not those read in pieces of {} and {}",
                         first + second, offset, first, second));
}

// In two parts, the second from an odd offset, and then across the page's end: the dump is made page by page, and a
// reader need not know.
Verdict CaseRunner::check_known_page(const Dump& dump, std::size_t number) {
  const std::uint64_t physical = marker_pages_[number], page = crashed_machine_.page_size;
  const DumpPart* part = dump.holds(physical);
  if (part == nullptr) return bad(fmt::format("the page at 0x{:x} is in no PT_LOAD", physical));
  const std::uint64_t at = part->offset + (physical - part->physical.start), odd = 1 + 2 * number;
  auto found = read_guest_part(session_, vmcore, at, odd, soon());
  auto rest = read_guest_part(session_, vmcore, at + odd, page - odd, soon());
  if (!found) return unread(found.error(), at, odd);
  if (!rest) return unread(rest.error(), at + odd, page - odd);
  found->insert(found->end(), rest->begin(), rest->end());
  Bytes known(page);
  fill_pattern(ballast_seed(nonce_), number * page, known);
  if (*found != known)
    return bad(fmt::format("the page at 0x{:x} does not hold what the crashed kernel's memory held", physical));
  if (physical + 2 * page > part->physical.end) return {};
  return check_read_at_once(at + odd, page - odd, page);
}

Verdict CaseRunner::check_contents(const Dump& dump) {
  for (std::size_t i = 0; i < marker_pages_.size(); ++i) {
    if (auto verdict = check_known_page(dump, i); verdict.outcome != Outcome::passed) return verdict;
  }
  constexpr std::uint64_t around = 64;  // bytes on both sides of a border
  for (const auto border : borders(dump, crashed_machine_.page_size)) {
    if (border + around > dump.end()) continue;
    if (auto verdict = check_read_at_once(border - around, around, around); verdict.outcome != Outcome::passed)
      return verdict;
  }
  if (stage_.target->limit("vmcore_mapping") != nullptr) return {};
  if (auto verdict = check_inside(dump); verdict.outcome != Outcome::passed) return verdict;
  auto known = marker_pages_;
  for (const auto physical : swap_border(crashed_machine_)) known.push_back(physical);
  return check_mappings(windows(dump, known, crashed_machine_.page_size), dump.end());
}

// How a page of the old memory is found depends on where it lies, so one of each part is looked at, by its mapping and
// by a read from inside it. A page whose bytes are all alike tells nothing.
Verdict CaseRunner::check_inside(const Dump& dump) {
  for (const auto& part : dump.parts) {
    if (part.type != PT_LOAD) continue;
    bool told = false;
    for (const auto offset : pages_inside(part, crashed_machine_.page_size)) {
      if (auto verdict = check_odd_read(offset, told); verdict.outcome != Outcome::passed) return verdict;
      if (told) break;
    }
  }
  return {};
}

// `told` is set where the page tells something. Devices of the crashed kernel may still write, so the page is mapped
// before and after.
Verdict CaseRunner::check_odd_read(std::uint64_t offset, bool& told) {
  constexpr std::uint64_t odd = 5;
  const std::uint64_t page = crashed_machine_.page_size;
  const auto before = map_guest_part(session_, vmcore, offset, page, soon());
  if (!before) return unmapped(before.error(), offset, page);
  if (std::adjacent_find(before->begin(), before->end(), std::not_equal_to<>()) == before->end()) return {};
  const auto read = read_guest_part(session_, vmcore, offset + odd, page - odd, soon());
  if (!read) return unread(read.error(), offset + odd, page - odd);
  const auto after = map_guest_part(session_, vmcore, offset, page, soon());
  if (!after) return unmapped(after.error(), offset, page);
  told = *before == *after;
  if (!told || std::equal(read->begin(), read->end(), before->begin() + odd, before->end())) return {};
  return bad(fmt::format("{} bytes read from offset 0x{:x}, inside a page, are not those of its mapping", page - odd,
                         offset + odd));
}

Verdict CaseRunner::on(const scenario::VmcoreStep&, StepRecord& record) {
  record.what = "/proc/vmcore of the crash kernel";
  if (!started_by_crash_) return {Outcome::error, record.what + ": no crash came before this step", {}};
  auto head = read_guest_part(session_, vmcore, 0, 64 << 10, soon());
  if (!head) return unread(head.error(), 0, 64 << 10);
  auto dump = parse_dump(*head);
  if (!dump) return bad(dump.error().broke);
  if (auto wrong = wrong_memory(*dump, crashed_machine_, is_file_loaded()); !wrong.empty())
    return bad(std::move(wrong));
  if (auto verdict = check_notes(*head, *dump); verdict.outcome != Outcome::passed) return verdict;
  if (auto verdict = check_end(dump->end()); verdict.outcome != Outcome::passed) return verdict;
  if (marker_pages_.empty())
    return {Outcome::error, "the agent gave no physical addresses to look for in the dump", {}};
  if (auto verdict = check_contents(*dump); verdict.outcome != Outcome::passed) return verdict;
  record.observed = fmt::format("{} parts, {} MiB, {} known pages found", dump->parts.size(),
                                dump->memory().total() >> 20, marker_pages_.size());
  return {};
}

Verdict CaseRunner::check_notes(ByteView head, const Dump& dump) {
  const DumpPart* part = dump.parts.empty() ? nullptr : &dump.parts.front();
  if (part == nullptr || part->type != PT_NOTE) return bad("its first program header is no PT_NOTE");
  const std::uint64_t offset = part->offset, size = part->physical.size();
  const auto at_hand = slice(head, offset, size);
  auto notes = at_hand ? Result<Bytes>(to_bytes(*at_hand)) : read_guest_part(session_, vmcore, offset, size, soon());
  if (!notes) return unread(notes.error(), offset, size);
  auto found = read_notes(
      *notes, dump.order,
      {crashed_machine_, crashed_hello_.release, case_.guest.cpus, crashed_idle_, crashed_by_panic_, crashed_config_});
  if (!found.wrong.empty()) return bad(std::move(found.wrong));
  if (auto wrong = wrong_text(found.vmcoreinfo, crashed_machine_); !wrong.empty()) return bad(std::move(wrong));
  if (auto wrong = wrong_identity(dump, found.vmcoreinfo, crashed_machine_); !wrong.empty())
    return bad(std::move(wrong));
  if (is_file_loaded() && model::contract_of(crashed_machine_.arch).dumped.text_header) {
    const auto text = symbol_in_vmcoreinfo(found.vmcoreinfo, "_stext").value_or(0);
    if (auto wrong = wrong_addresses(dump, text); !wrong.empty()) return bad(std::move(wrong));
  }
  return check_release(dump, found.vmcoreinfo);
}

// As a tool finds it that knows nothing but vmcoreinfo: through the kernel's own structure in the dumped memory.
Verdict CaseRunner::check_release(const Dump& dump, std::string_view vmcoreinfo) {
  const auto at = release_in_dump(dump, vmcoreinfo, crashed_machine_);
  if (!at) return bad(at.error().broke);
  if (!*at) return {};
  const std::string& want = crashed_hello_.release;
  auto found = read_guest_part(session_, vmcore, **at, want.size() + 1, soon());
  if (!found) return unread(found.error(), **at, want.size() + 1);
  if (as_text(*found) == std::string_view(want.c_str(), want.size() + 1)) return {};
  return bad(fmt::format("where its vmcoreinfo has init_uts_ns there is the release '{}', not {}",
                         printable(as_text(*found)), printable(want)));
}

// makedumpfile maps the dump and does not read it: what is mapped must be what is read. Source: fs/proc/vmcore.c
// (mmap_vmcore).
Verdict CaseRunner::check_mapping(const Range& window) {
  const std::uint64_t offset = window.start, size = window.size();
  auto mapped = map_guest_part(session_, vmcore, offset, size, soon());
  if (!mapped) return unmapped(mapped.error(), offset, size);
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
