// SPDX-License-Identifier: Apache-2.0
// Views of bytes and bounds-checked reading of integers in either byte order.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace kexlab {

using ByteView = std::span<const std::byte>;
using Bytes = std::vector<std::byte>;

inline ByteView as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }

/// Part of a view, or nothing where [offset, offset+size) does not lie inside it.
inline std::optional<ByteView> slice(ByteView bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

/// An unsigned integer of type T at `offset` in byte order `order`, or nothing past the end.
template <class T>
std::optional<T> read_int(ByteView bytes, std::uint64_t offset, std::endian order) {
  auto part = slice(bytes, offset, sizeof(T));
  if (!part) return std::nullopt;
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t at = order == std::endian::little ? sizeof(T) - 1 - i : i;
    value = static_cast<T>(static_cast<std::uint64_t>(value) << 8 | std::to_integer<std::uint64_t>((*part)[at]));
  }
  return value;
}

/// Writes `value` at `offset` in byte order `order`. Precondition: offset + sizeof(T) <= bytes.size().
template <class T>
void write_int(std::span<std::byte> bytes, std::uint64_t offset, T value, std::endian order) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = order == std::endian::little ? i : sizeof(T) - 1 - i;
    bytes[offset + i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * shift));
  }
}

}  // namespace kexlab
