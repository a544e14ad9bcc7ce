// SPDX-License-Identifier: Apache-2.0
// A folder for sockets and initramfs files that is gone afterwards.
#pragma once

#include <filesystem>
#include <utility>

#include "kexlab/error.h"

namespace kexlab::cli {

class Workdir {
 public:
  /// A new folder in $TMPDIR (else /tmp). Error: io, with what to set.
  static Result<Workdir> make();
  Workdir(Workdir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Workdir& operator=(Workdir&&) = delete;
  ~Workdir();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit Workdir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace kexlab::cli
