// SPDX-License-Identifier: Apache-2.0
// Names of outcomes, and of the files of results.
#include "harness/engine/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "kexlab/fast_digest.h"

namespace kexlab::engine {
namespace {
constexpr std::array names{
    std::pair{Outcome::passed, "passed"},   std::pair{Outcome::failed, "failed"},   std::pair{Outcome::error, "error"},
    std::pair{Outcome::timeout, "timeout"}, std::pair{Outcome::skipped, "skipped"},
};
}  // namespace

const char* to_string(Outcome outcome) {
  for (const auto& [value, name] : names) {
    if (value == outcome) return name;
  }
  return "unknown";
}

std::optional<Outcome> outcome_from(std::string_view text) {
  for (const auto& [value, name] : names) {
    if (text == name) return value;
  }
  return std::nullopt;
}

std::string file_name(std::string_view id) {
  std::string name(id);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '.'; }, '_');
  // What tells ids apart may stand in their last bytes alone, and those reach the digest's upper half only.
  const auto digest = fast_digest(as_bytes(id));
  return fmt::format("{}-{:08x}", name, (digest ^ digest >> 32) & 0xffffffff);
}

}  // namespace kexlab::engine
