// SPDX-License-Identifier: Apache-2.0
// The files of vm-images/ as they were when the program was built.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace kexlab::images {

struct EmbeddedFile {
  std::string_view name;  ///< relative to vm-images/, e.g. "fragments/common.config"
  std::string_view text;
};
const std::vector<EmbeddedFile>& embedded_files();

inline std::optional<std::string_view> embedded(std::string_view name) {
  for (const auto& file : embedded_files()) {
    if (file.name == name) return file.text;
  }
  return std::nullopt;
}

}  // namespace kexlab::images
