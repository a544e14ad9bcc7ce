// SPDX-License-Identifier: Apache-2.0
// Numbers as text and text as numbers, without iostream, locale or exceptions: for code that also runs in guests.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kexlab {

/// "0x1f00": lower case, no leading zeros.
inline std::string hex(std::uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

/// The number that the whole of `text` spells in `base` (no sign, no prefix), or nothing.
inline std::optional<std::uint64_t> parse_unsigned(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

/// As parse_unsigned in base 16, with or without "0x" in front.
inline std::optional<std::uint64_t> parse_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return parse_unsigned(text, 16);
}

}  // namespace kexlab
