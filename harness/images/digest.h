// SPDX-License-Identifier: Apache-2.0
// SHA-256 of bytes and files: what cache entries are named and verified by.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "kexlab/bytes.h"
#include "kexlab/error.h"

namespace kexlab::images {

/// A running SHA-256 (FIPS 180-4). Fields that are added with `field` cannot run into each other.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& add(ByteView bytes);
  /// Adds the length of `text` and then the text itself.
  Sha256& field(std::string_view text);
  /// The digest as 64 lower-case hex digits; nothing may be added afterwards.
  [[nodiscard]] std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256(ByteView bytes);
/// Errors: not_found, permission, io.
Result<std::string> sha256_file(const std::filesystem::path& file);

}  // namespace kexlab::images
