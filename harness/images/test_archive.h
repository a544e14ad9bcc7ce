// SPDX-License-Identifier: Apache-2.0
// For tests: writes tar archives, Debian packages and compressed bytes.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "kexlab/bytes.h"

namespace kexlab::images {

using Files = std::vector<std::pair<std::string, std::string>>;

/// `format`: "ar", "tar" or "raw"; `filter`: "none", "gzip", "xz", "zstd". A content "link:x" makes a symbolic link to
/// x.
inline Bytes make_archive(const Files& files, const char* format, const char* filter) {
  std::vector<char> out(std::size_t{4} << 20);
  std::size_t used = 0;
  archive* writer = archive_write_new();
  if (std::string(format) == "ar") archive_write_set_format_ar_svr4(writer);
  if (std::string(format) == "tar") archive_write_set_format_pax_restricted(writer);
  if (std::string(format) == "raw") archive_write_set_format_raw(writer);
  if (std::string(filter) != "none") {
    EXPECT_EQ(archive_write_add_filter_by_name(writer, filter), ARCHIVE_OK);
  }
  archive_write_set_bytes_in_last_block(writer, 1);
  EXPECT_EQ(archive_write_open_memory(writer, out.data(), out.size(), &used), ARCHIVE_OK);
  for (const auto& [name, text] : files) {
    const bool link = text.starts_with("link:");
    const std::string content = link ? "" : text;
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_mode(entry, link ? 0120777 : 0100644);
    if (link) archive_entry_set_symlink(entry, text.substr(5).c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << archive_error_string(writer);
    EXPECT_EQ(archive_write_data(writer, content.data(), content.size()), static_cast<la_ssize_t>(content.size()));
    archive_entry_free(entry);
  }
  EXPECT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
  return to_bytes(as_bytes({out.data(), used}));
}

inline Bytes make_tar(const Files& files, const char* filter) { return make_archive(files, "tar", filter); }
inline Bytes compress(const std::string& text, const char* filter) {
  return make_archive({{"data", text}}, "raw", filter);
}

/// A package as deb(5) lays it out, its data archive compressed by `filter`.
inline Bytes make_deb(const Files& files, const char* filter) {
  const Bytes data = make_tar(files, filter);
  const std::string suffix = std::string(filter) == "none"   ? ""
                             : std::string(filter) == "gzip" ? ".gz"
                             : std::string(filter) == "xz"   ? ".xz"
                                                             : ".zst";
  return make_archive({{"debian-binary", "2.0\n"},
                       {"control.tar", std::string(as_text(make_tar({{"./control", "Package: k\n"}}, "none")))},
                       {"data.tar" + suffix, std::string(as_text(data))}},
                      "ar", "none");
}

}  // namespace kexlab::images
