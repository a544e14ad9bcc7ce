// SPDX-License-Identifier: Apache-2.0
// /proc/iomem: "  start-end : name" lines, two blanks of indentation for each level, inclusive ends in hex.
// Source: kernel/resource.c (r_show).
#include <algorithm>
#include <limits>

#include "kexlab/machine.h"
#include "kexlab/text.h"

namespace kexlab {
namespace {

constexpr unsigned blanks_per_level = 2;
constexpr unsigned deepest = 5;  // MAX_IORES_LEVEL in kernel/resource.c

tl::unexpected<Error> bad_line(std::size_t line, std::string broke) {
  return fail(Errc::corrupt, "parse /proc/iomem", "line " + std::to_string(line) + " " + std::move(broke));
}

// What a name from a guest may hold: the rest would end on somebody's terminal.
bool printable(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// "00001000-0009fbff"; the inclusive end 2^64-1 loses its last byte, which no Range can hold.
std::optional<Range> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto start = parse_unsigned(text.substr(0, dash), 16);
  const auto last = parse_unsigned(text.substr(dash + 1), 16);
  if (!start || !last || *last < *start) return std::nullopt;
  const std::uint64_t end = *last == std::numeric_limits<std::uint64_t>::max() ? *last : *last + 1;
  return Range{*start, end};
}

Result<MemoryEntry> parse_line(std::string_view text, std::size_t line) {
  const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
  if (blanks % blanks_per_level != 0) return bad_line(line, "is indented by an odd number of blanks");
  const auto colon = text.find(" : ", blanks);
  if (colon == std::string_view::npos) return bad_line(line, "has no \" : \"");
  const auto range = parse_range(text.substr(blanks, colon - blanks));
  if (!range) return bad_line(line, "has no \"start-end\" in hex with start <= end");
  const std::string_view name = text.substr(colon + 3);
  if (name.size() > MemoryMap::most_name_bytes || !printable(name)) {
    return bad_line(line, "has a name that is too long or not printable");
  }
  return MemoryEntry{*range, static_cast<unsigned>(std::min<std::size_t>(blanks / blanks_per_level, deepest + 1)),
                     std::string(name)};
}

// What the kernel's tree of resources guarantees: a child lies inside its parent. `ancestors` are the ranges of the
// lines above that may still get children, one for each depth.
Status check_nesting(std::vector<Range>& ancestors, const MemoryEntry& next, std::size_t line) {
  if (next.depth > ancestors.size() || next.depth > deepest) {
    return bad_line(line, "is indented deeper than the line above it allows");
  }
  if (next.depth > 0 && !ancestors[next.depth - 1].contains(next.range)) {
    return bad_line(line, "lies outside of the line that it is indented under");
  }
  ancestors.resize(next.depth);
  ancestors.push_back(next.range);
  return {};
}

bool hidden(const MemoryMap& map) {
  return std::all_of(map.entries.begin(), map.entries.end(), [](const MemoryEntry& e) {
    return e.range == Range{0, 1};
  });
}

std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// The running kernel's own image is overwritten by the next kernel; all else inside RAM has an owner who stays.
bool replaceable(std::string_view name) {
  static constexpr std::string_view names[] = {"Kernel code", "Kernel rodata", "Kernel data", "Kernel bss",
                                               "Crash kernel"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_ram(const MemoryEntry& entry) { return entry.depth == 0 && entry.name == "System RAM"; }

}  // namespace

Result<MemoryMap> parse_iomem(std::string_view text) {
  MemoryMap map;
  std::vector<Range> ancestors;
  for (std::size_t line = 1; !text.empty(); ++line) {
    if (line > MemoryMap::most_entries)
      return bad_line(line, "is more than the " + std::to_string(MemoryMap::most_entries) + " lines that are read");
    auto entry = parse_line(take_line(text), line);
    if (!entry) return tl::unexpected<Error>(entry.error());
    if (auto nested = check_nesting(ancestors, *entry, line); !nested) return tl::unexpected<Error>(nested.error());
    map.entries.push_back(std::move(*entry));
  }
  if (map.entries.empty()) return fail(Errc::corrupt, "parse /proc/iomem", "it has no lines");
  if (hidden(map)) {
    return fail(Errc::permission, "parse /proc/iomem", "all addresses are 0",
                "read it with CAP_SYS_ADMIN in the initial user namespace");
  }
  return map;
}

RangeSet MemoryMap::ram() const {
  RangeSet set;
  for (const MemoryEntry& entry : entries) {
    if (is_ram(entry)) set.add(entry.range);
  }
  return set;
}

std::vector<Range> MemoryMap::named(std::string_view name) const {
  std::vector<Range> found;
  for (const MemoryEntry& entry : entries) {
    if (entry.name == name) found.push_back(entry.range);
  }
  return found;
}

RangeSet MemoryMap::reserved_in_ram() const {
  RangeSet set;
  bool inside = false;
  for (const MemoryEntry& entry : entries) {
    if (entry.depth == 0) {
      inside = is_ram(entry);
    } else if (inside && !replaceable(entry.name)) {
      set.add(entry.range);
    }
  }
  return set;
}

}  // namespace kexlab
