// SPDX-License-Identifier: Apache-2.0
// Files that hold a saved machine: a header with the fingerprint of its spec, and QEMU's migration stream behind it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "harness/vm/qemu/descriptor.h"
#include "kexlab/error.h"

namespace kexlab::vm {

/// Format: the line "kexlab saved machine 1", a line with the fingerprint's length in decimal, the fingerprint, the
/// stream.
inline constexpr std::string_view saved_magic = "kexlab saved machine 1\n";

/// A file while it is being written: without a name the world knows, gone again unless published.
class SavedWriter {
 public:
  /// Opens a temporary file in `folder` and writes the header. Error: io (no_space where the disk is full).
  static Result<SavedWriter> create(const std::filesystem::path& folder, std::string_view fingerprint);
  SavedWriter(SavedWriter&&) = default;
  SavedWriter& operator=(SavedWriter&&) = delete;
  ~SavedWriter();
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Gives the file its name, atomically.
  Status publish(const std::filesystem::path& path);
  /// Takes its name away and hands over the descriptor: a file that ends with its last reader.
  Descriptor anonymous();

 private:
  SavedWriter(Descriptor fd, std::filesystem::path path) : fd_(std::move(fd)), temporary_(std::move(path)) {}
  Descriptor fd_;
  std::filesystem::path temporary_;
};

/// Checks the header and leaves the descriptor at the start of the stream. `name` is for errors. Errors: corrupt,
/// invalid_argument (made of another spec).
Status seek_stream(int fd, std::string_view fingerprint, const std::string& name);
/// Opens and checks a file. Errors: not_found, and as above.
Result<Descriptor> open_saved(const std::filesystem::path& path, std::string_view fingerprint);

}  // namespace kexlab::vm
