// SPDX-License-Identifier: Apache-2.0
// Text without the blanks around it, as apt's and Debian's files have them.
#pragma once

#include <algorithm>
#include <string_view>

namespace kexlab::images {

inline constexpr std::string_view blanks = " \t\r";

inline std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

}  // namespace kexlab::images
