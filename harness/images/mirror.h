// SPDX-License-Identifier: Apache-2.0
// Where the machine gets its own release from, so that another suite of the same archive can be had from there. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kexlab::images {

/// An entry of apt's sources.
struct SourceEntry {
  std::string uri;  ///< "http://mirror.example/debian/"
  std::string suite, component;
  std::string file;     ///< "/etc/apt/sources.list.d/debian.sources"
  unsigned number = 0;  ///< deb822: the stanza, else the line; from 1
};

/// For `apt-get indextargets --format`: lines of fields, as parse_source_entries reads them.
inline constexpr std::string_view source_entry_format =
    "$(CREATED_BY)\t$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(SOURCESENTRY)";
/// Entries of package lists, in apt's order; lines of another form are left out.
std::vector<SourceEntry> parse_source_entries(std::string_view text);
/// The entry that serves the machine's release: component main of the suite `codename`, else of a suite that is named
/// by its role (stable, testing, …). Nothing where there is none.
std::optional<SourceEntry> release_entry(const std::vector<SourceEntry>& entries, std::string_view codename);
/// VERSION_CODENAME of the text of os-release(5); empty where it has none.
std::string release_codename(std::string_view os_release);

/// Signed-By of an entry, given the text of its file (sources.list(5): deb822 in *.sources, else an entry a line), with
/// its continuation lines; empty where there is none.
std::string signed_by(std::string_view text, const SourceEntry& entry);
/// A source in deb822 form: `suite`, component main, at the entry's address, trusted by the same key.
std::string suite_source(const SourceEntry& entry, std::string_view suite, std::string_view signed_by);
/// Letters, digits and "-", "." inside: "trixie", "trixie-backports".
bool is_suite(std::string_view name);

}  // namespace kexlab::images
