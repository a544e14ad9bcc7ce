// SPDX-License-Identifier: Apache-2.0
// Names of errno numbers, from the scenarios' own table of words, and what a call gave.
#pragma once

#include <string>

#include "harness/scenario/words.h"

namespace kexlab::engine {

/// "EINVAL", or "errno 999" for a number without a name.
inline std::string errno_name(int number) {
  for (const auto& [name, value] : scenario::errno_words()) {
    if (value == number) return name;
  }
  return "errno " + std::to_string(number);
}

/// "EINVAL", "ok" for 0, "value 16".
inline std::string answer_text(long value, int error) {
  return error != 0 ? errno_name(error) : value == 0 ? std::string("ok") : "value " + std::to_string(value);
}

}  // namespace kexlab::engine
