// SPDX-License-Identifier: Apache-2.0
// The store: cache entries that are verified whenever they are used, made once, and written so that nobody sees half.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "harness/images/images.h"

namespace kexlab::images {

/// Entries are folders below `root`, named by what they were made from; in each, SHA256SUMS holds the digest of every
/// other file (the format of sha256sum(1), so a person can check one too). A lock file per entry lets two processes
/// work at once: the second waits and then finds the entry made.
class Store {
 public:
  explicit Store(std::filesystem::path root) : root_(std::move(root)) {}

  /// Fills an empty folder with the entry's files (no subfolder deeper than one level is needed, any is allowed).
  using Make = std::function<Status(const std::filesystem::path& folder)>;

  /// The folder of entry `key` (words and slashes), verified; made by `make` where it is missing. A damaged entry is
  /// removed, told to `progress`, and made again. Errors: those of `make`; permission, no_space, io.
  Result<std::filesystem::path> get(std::string_view key, const Make& make, const Progress& progress);
  /// True where an entry is there, verified or not.
  [[nodiscard]] bool has(std::string_view key) const;
  Status forget(std::string_view key);
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

 private:
  [[nodiscard]] std::filesystem::path folder(std::string_view key) const { return root_ / key; }
  [[nodiscard]] std::filesystem::path lock_file(std::string_view key) const;
  std::filesystem::path root_;
};

/// What is wrong with an entry's folder: the first file that is missing, added or changed. Empty: nothing.
std::string damage(const std::filesystem::path& folder);
/// Writes SHA256SUMS for all files in `folder`. Errors: permission, no_space, io.
Status seal(const std::filesystem::path& folder);

/// The cache folder for given values of the two variables (nullptr where unset), made and tried by writing.
Result<std::filesystem::path> cache_folder_from(const char* xdg_cache_home, const char* home);

}  // namespace kexlab::images
