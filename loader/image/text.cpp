// SPDX-License-Identifier: Apache-2.0
// Small pieces of text for the image parsers' messages.
#include "loader/image/text.h"

namespace kexlab::text {

std::string protocol(std::uint16_t version) {
  const unsigned minor = version & 0xff;
  return cat(unsigned{version} >> 8, minor < 10 ? ".0" : ".", minor);
}

std::string printable(ByteView bytes, std::size_t most) {
  std::string text;
  for (const char c : as_text(bytes)) {
    if (c == '\0' || c == '\n' || text.size() == most) break;
    text += (c >= ' ' && c <= '~') ? c : '?';
  }
  return text;
}

bool has(ByteView bytes, std::uint64_t offset, std::string_view magic) {
  const auto part = slice(bytes, offset, magic.size());
  return part && as_text(*part) == magic;
}

}  // namespace kexlab::text
