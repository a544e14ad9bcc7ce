// SPDX-License-Identifier: Apache-2.0
// Small pieces of text for the image parsers' messages. Internal.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "kexlab/bytes.h"
#include "kexlab/text.h"

namespace kexlab::text {

inline std::string piece(std::string_view value) { return std::string(value); }
inline std::string piece(std::unsigned_integral auto value) { return std::to_string(value); }

/// All arguments in a row; numbers in decimal.
std::string cat(const auto&... parts) {
  std::string all;
  ((all += piece(parts)), ...);
  return all;
}

/// "2.15" for 0x020f, as Documentation/x86/boot.rst writes protocol versions.
std::string protocol(std::uint16_t version);

/// The text up to the first NUL or newline, at most `most` characters, anything unprintable as '?': images are
/// untrusted and what they say ends on terminals.
std::string printable(ByteView bytes, std::size_t most);

/// Whether `bytes` hold `magic` at `offset`.
bool has(ByteView bytes, std::uint64_t offset, std::string_view magic);

}  // namespace kexlab::text
