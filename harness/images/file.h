// SPDX-License-Identifier: Apache-2.0
// Files and folders with errors as values: whole-file reading, atomic writing, locks between processes.
#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "kexlab/bytes.h"
#include "kexlab/error.h"

namespace kexlab::images {

/// The error for a failed system call on `path`: not_found, permission, no_space or io by `number`, with a hint that
/// names what to do about `path`.
[[nodiscard]] tl::unexpected<Error> system_error(std::string asked, const std::filesystem::path& path,
                                                 int number = errno);

/// Errors: not_found, permission, io.
Result<Bytes> read_file(const std::filesystem::path& file);
Result<std::string> read_text(const std::filesystem::path& file);

/// Writes a new file in place, and reaches the disk before it returns. Not atomic: for files in folders that are
/// renamed into place as a whole. Errors: permission, no_space, io.
Status write_file(const std::filesystem::path& file, ByteView bytes);
/// Makes the folder and its parents. Errors: permission, no_space, io.
Status make_folder(const std::filesystem::path& folder);
/// Removes a file or folder with all that is in it; nothing there is no error. Errors: permission, io.
Status remove_tree(const std::filesystem::path& path);

/// no_space where the folder's file system has fewer than `bytes` free: tools that run into a full disk half-way may
/// hang (apt-get update does) or leave riddles. A folder whose file system does not tell is let pass.
Status check_space(const std::string& asked, const std::filesystem::path& folder, std::uint64_t bytes);

/// A new empty folder beside `target` (same file system, so it can be renamed there), removed on destruction unless
/// it was moved away.
class TemporaryFolder {
 public:
  /// Errors: permission, no_space, io.
  static Result<TemporaryFolder> beside(const std::filesystem::path& target);
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Renames the folder to `target`, which must not exist. Errors: permission, io.
  Status move_to(const std::filesystem::path& target);

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// An exclusive lock between processes (flock(2)) on a file that is made for it; held until destruction. The system
/// lets go of it when its holder dies.
class FileLock {
 public:
  /// Waits for the lock. Errors: permission, no_space, io.
  static Result<FileLock> take(const std::filesystem::path& file);
  /// Takes the lock if nobody holds it; says so in `held` otherwise and then waits no longer.
  static Result<FileLock> try_take(const std::filesystem::path& file, bool& held);
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  static Result<FileLock> lock(const std::filesystem::path& file, int operation, bool& held);
  int fd_;
};

}  // namespace kexlab::images
