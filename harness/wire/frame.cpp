// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding of frames: base64, CRC and the line scanner.
#include "harness/wire/frame.h"

#include <array>
#include <optional>

namespace kexlab::wire {
namespace {

constexpr std::string_view mark = "@K";
constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t length_digits = 4;
constexpr std::size_t crc_digits = 8;
constexpr std::size_t payload_at = mark.size() + 2 + length_digits + 1;  // "@Kk:llll:"

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
constexpr std::size_t max_line = payload_at + base64_size(max_payload) + 1 + crc_digits;
// Carriage returns that ttys put before the newline are kept until the line ends; this many are borne.
constexpr std::size_t max_returns = 4;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
    table[i] = crc;
  }
  return table;
}
constexpr auto crc_table = make_crc_table();

constexpr std::array<std::uint8_t, 256> make_reverse(std::string_view digits) {
  std::array<std::uint8_t, 256> table{};
  for (auto& value : table) value = 0xff;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    table[static_cast<unsigned char>(digits[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}
constexpr auto base64_value = make_reverse(alphabet);
constexpr auto hex_value = make_reverse(hex_digits);

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void append_hex(std::string& out, std::uint32_t value, std::size_t digits) {
  for (std::size_t i = digits; i-- > 0;) out += hex_digits[(value >> (4 * i)) & 0xf];
}

std::optional<std::uint32_t> parse_hex(std::string_view text) {
  std::uint32_t value = 0;
  for (const char c : text) {
    const std::uint8_t digit = hex_value[static_cast<unsigned char>(c)];
    if (digit == 0xff) return std::nullopt;
    value = value << 4 | digit;
  }
  return value;
}

void append_base64(std::string& out, ByteView bytes) {
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = bytes.size() - i < 3 ? bytes.size() - i : 3;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < have ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) out += k <= have ? alphabet[(group >> (18 - 6 * k)) & 0x3f] : '=';
  }
}

// `text` must be the one canonical encoding of `size` bytes.
std::optional<Bytes> parse_base64(std::string_view text, std::size_t size) {
  if (text.size() != base64_size(size)) return std::nullopt;
  Bytes out;
  out.reserve(size + 2);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t left = size - out.size();
    const std::size_t letters = left < 3 ? left + 1 : 4;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const std::uint8_t value = k < letters ? base64_value[static_cast<unsigned char>(c)] : 0;
      if (value == 0xff || (k >= letters && c != '=')) return std::nullopt;
      group = group << 6 | value;
    }
    for (std::size_t k = 0; k + 1 < letters; ++k) out.push_back(static_cast<std::byte>(group >> (16 - 8 * k)));
    const std::uint32_t unused = letters == 4 ? 0 : group & ((std::uint32_t{1} << (8 * (4 - letters))) - 1);
    if (unused != 0) return std::nullopt;
  }
  return out;
}

std::optional<Frame> parse_frame(std::string_view line) {
  if (line.size() < payload_at + 1 + crc_digits || line.size() > max_line) return std::nullopt;
  const std::size_t last_colon = line.size() - crc_digits - 1;
  const char kind = line[mark.size()];
  if (!is_letter(kind) || line[mark.size() + 1] != ':' || line[payload_at - 1] != ':' || line[last_colon] != ':') {
    return std::nullopt;
  }
  const auto length = parse_hex(line.substr(mark.size() + 2, length_digits));
  const auto crc = parse_hex(line.substr(last_colon + 1));
  if (!length || !crc) return std::nullopt;
  if (crc32(as_bytes(line.substr(mark.size(), last_colon - mark.size()))) != *crc) return std::nullopt;
  auto payload = parse_base64(line.substr(payload_at, last_colon - payload_at), *length);
  if (!payload) return std::nullopt;
  return Frame{kind, std::move(*payload)};
}

// Whether a line that begins like this may still become a frame.
bool may_be_frame(std::string_view line) {
  const std::size_t common = line.size() < mark.size() ? line.size() : mark.size();
  return line.substr(0, common) == mark.substr(0, common) && line.size() <= max_line + max_returns;
}

}  // namespace

std::uint32_t crc32(ByteView bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const std::byte b : bytes) crc = (crc >> 8) ^ crc_table[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xff];
  return ~crc;
}

std::string encode_frame(char kind, ByteView payload) {
  if (!is_letter(kind) || payload.size() > max_payload) return {};
  std::string line = "\n";
  line.reserve(max_line + 2);
  line += mark;
  line += kind;
  line += ':';
  append_hex(line, static_cast<std::uint32_t>(payload.size()), length_digits);
  line += ':';
  append_base64(line, payload);
  const std::uint32_t crc = crc32(as_bytes(std::string_view(line).substr(1 + mark.size())));
  line += ':';
  append_hex(line, crc, crc_digits);
  line += '\n';
  return line;
}

void Decoder::feed(std::string_view bytes, std::vector<Frame>& frames, std::string* text) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const bool ends = newline != std::string_view::npos;
    std::string_view part = bytes.substr(0, ends ? newline : bytes.size());
    bytes.remove_prefix(part.size() + (ends ? 1 : 0));
    if (!in_text_) {
      // Never more than one byte over the longest line: enough to see that it is too long.
      const std::size_t room = max_line + max_returns + 1 - line_.size();
      const std::size_t taken = part.size() < room ? part.size() : room;
      line_.append(part.substr(0, taken));
      part.remove_prefix(taken);
      if (!may_be_frame(line_)) {
        if (line_.starts_with(mark)) ++damaged_;
        if (text != nullptr) text->append(line_);
        line_.clear();
        in_text_ = true;
      }
    }
    if (in_text_ && text != nullptr) text->append(part);
    if (ends) end_line(frames, text);
  }
}

void Decoder::end_line(std::vector<Frame>& frames, std::string* text) {
  std::string_view line = line_;
  while (line.ends_with('\r')) line.remove_suffix(1);
  std::optional<Frame> frame;
  if (!in_text_ && line.starts_with(mark)) {
    frame = parse_frame(line);
    if (!frame) ++damaged_;
  }
  if (frame) {
    frames.push_back(std::move(*frame));
  } else if (text != nullptr) {
    text->append(line_);
    text->push_back('\n');
  }
  line_.clear();
  in_text_ = false;
}

}  // namespace kexlab::wire
