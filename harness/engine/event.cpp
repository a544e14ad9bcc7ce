// SPDX-License-Identifier: Apache-2.0
// Names of outcomes.
#include "harness/engine/event.h"

#include <array>

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

}  // namespace kexlab::engine
