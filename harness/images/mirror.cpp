// SPDX-License-Identifier: Apache-2.0
// Reading the machine's apt sources, and writing one for another suite.
#include "harness/images/mirror.h"

#include <algorithm>
#include <charconv>

#include "harness/images/trim.h"

namespace kexlab::images {
namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

bool is_comment(std::string_view line) { return line.starts_with('#'); }

/// The lines of stanza `number`. Comments belong to no stanza.
std::vector<std::string_view> stanza(std::string_view text, unsigned number) {
  std::vector<std::string_view> lines;
  unsigned at = 0;
  bool inside = false;
  for (const auto line : split(text, '\n')) {
    if (is_comment(line)) continue;
    const bool empty = trim(line).empty();
    if (!empty && !inside) ++at;
    inside = !empty;
    if (inside && at == number) lines.push_back(line);
  }
  return lines;
}

std::string field_of(const std::vector<std::string_view>& lines, std::string_view name) {
  std::string value;
  bool inside = false;
  for (const auto line : lines) {
    if (inside && line.find_first_of(blanks) == 0) {
      value += "\n" + std::string(line);
      continue;
    }
    const auto colon = line.find(':');
    inside = colon != std::string_view::npos && same_word(trim(line.substr(0, colon)), name);
    if (inside) value = trim(line.substr(colon + 1));
  }
  return value;
}

/// "deb [arch=amd64 signed-by=/a.gpg] uri suite component".
std::string option_of(std::string_view line, std::string_view name) {
  const auto open = line.find('['), close = line.find(']');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  for (const auto word : split(line.substr(open + 1, close - open - 1), ' ')) {
    const auto equals = word.find('=');
    if (equals != std::string_view::npos && same_word(word.substr(0, equals), name))
      return std::string(word.substr(equals + 1));
  }
  return {};
}

std::optional<SourceEntry> first_of(const std::vector<SourceEntry>& entries, auto is_wanted) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const SourceEntry& entry) {
    return entry.component == "main" && is_wanted(entry.suite);
  });
  return found == entries.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

std::vector<SourceEntry> parse_source_entries(std::string_view text) {
  std::vector<SourceEntry> entries;
  for (const auto line : split(text, '\n')) {
    const auto fields = split(line, '\t');
    if (fields.size() != 5 || fields[0] != "Packages") continue;
    const auto colon = fields[4].rfind(':');
    if (colon == std::string_view::npos) continue;
    SourceEntry entry{std::string(fields[1]), std::string(fields[2]), std::string(fields[3]),
                      std::string(fields[4].substr(0, colon))};
    const auto number = fields[4].substr(colon + 1);
    std::from_chars(number.data(), number.data() + number.size(), entry.number);
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::optional<SourceEntry> release_entry(const std::vector<SourceEntry>& entries, std::string_view codename) {
  // A third party's source may bear the name of a role too, so the code name goes first.
  if (auto entry = first_of(entries, [&](const auto& suite) { return suite == codename; })) return entry;
  constexpr std::string_view roles[] = {"oldstable", "stable", "testing", "unstable", "sid"};
  return first_of(entries, [&](const auto& suite) {
    return std::find(std::begin(roles), std::end(roles), suite) != std::end(roles);
  });
}

std::string release_codename(std::string_view os_release) {
  constexpr std::string_view key = "VERSION_CODENAME=";
  for (auto line : split(os_release, '\n')) {
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    std::string name(trim(line));
    std::erase_if(name, [](char c) { return c == '"' || c == '\''; });
    return name;
  }
  return {};
}

std::string signed_by(std::string_view text, const SourceEntry& entry) {
  if (entry.file.ends_with(".sources")) return field_of(stanza(text, entry.number), "Signed-By");
  const auto lines = split(text, '\n');
  return entry.number >= 1 && entry.number <= lines.size() ? option_of(lines[entry.number - 1], "signed-by") : "";
}

std::string suite_source(const SourceEntry& entry, std::string_view suite, std::string_view signed_by) {
  std::string text = "Types: deb\nURIs: " + entry.uri + "\nSuites: " + std::string(suite) + "\nComponents: main\n";
  if (!signed_by.empty()) text += "Signed-By: " + std::string(signed_by) + "\n";
  return text;
}

bool is_suite(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
         name.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace kexlab::images
