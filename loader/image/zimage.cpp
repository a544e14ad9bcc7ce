// SPDX-License-Identifier: Apache-2.0
// arm's zImage: position-independent code that carries the compressed kernel, with a few words about itself behind the
// first eight instructions.
//
// The header's numbers are little-endian whatever the kernel's byte order is (ZIMAGE_MAGIC). Since 4.15 a table of tags
// tells how large the kernel inside is; the magic word 0x45454545 says that the table's place is told.
// Source: arch/arm/boot/compressed/head.S, vmlinux.lds.S, Documentation/arm/booting.rst (6.1).
#include <algorithm>

#include "loader/image/codec.h"
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint64_t magic_at = 0x24, start_at = 0x28, end_at = 0x2c, order_at = 0x30, more_at = 0x34,
                        table_at = 0x38;
constexpr std::uint64_t header_size = 0x3c;
constexpr std::uint32_t magic = 0x016f2818;
constexpr std::uint32_t big_endian = 0x01020304;
constexpr std::uint32_t more_magic = 0x45454545;
constexpr std::uint32_t kernel_size_tag = 0x5a534c4b;  // "KLSZ"
constexpr std::size_t most_tags = 64;
constexpr std::uint64_t most_code = std::uint64_t{1} << 20;  // before the payload; some 30 KiB in fact
constexpr unsigned most_tries = 16;

std::uint32_t word_at(ByteView file, std::uint64_t at) { return read_int<std::uint32_t>(file, at, little).value_or(0); }

/// The words behind the tag KLSZ, and the end of the payload that they tell. A table ends with a tag of no length.
std::uint64_t read_sizes(ByteView file, ZImageFacts& facts) {
  if (word_at(file, more_at) != more_magic) return 0;
  std::uint64_t at = word_at(file, table_at);
  for (std::size_t i = 0; i < most_tags; ++i) {
    const std::uint64_t words = word_at(file, at);
    if (words == 0) return 0;
    if (words >= 4 && word_at(file, at + 4) == kernel_size_tag) {
      const std::uint64_t size_at = word_at(file, at + 8);  // the last word of the payload
      facts.kernel_size = word_at(file, size_at);
      facts.bss_size = word_at(file, at + 12);
      if (words >= 6) facts.text_offset = word_at(file, at + 16);
      return size_at + 4;
    }
    at += words * 4;
  }
  return 0;
}

/// Where the payload begins no word tells, and the unpacker before it holds magic numbers too: the payload is what
/// unpacks to the size that is told. Returns it unpacked; nothing where it was not found.
std::optional<Bytes> find_payload(ByteView file, std::uint64_t end, ZImageFacts& facts, const Ask& ask) {
  if (facts.kernel_size == 0 || facts.kernel_size > ask.limits.unpacked_bytes || end > file.size()) return std::nullopt;
  unsigned tries = 0;
  for (std::uint64_t at = header_size; at < std::min(end, most_code) && tries < most_tries; ++at) {
    const ByteView packed = file.subspan(at, end - at);
    const Codec* codec = find_codec(packed);
    if (codec == nullptr) continue;
    ++tries;
    auto kernel = unpack(*codec, packed, ask.text, {.unpacked_bytes = facts.kernel_size});
    if (!kernel || kernel->size() != facts.kernel_size) continue;
    facts.payload_offset = at;
    facts.payload_size = end - at;
    return std::move(*kernel);
  }
  return std::nullopt;
}

}  // namespace

bool probe_zimage(ByteView file) { return read_int<std::uint32_t>(file, magic_at, little) == magic; }

Result<Image> parse_zimage(ByteView file, const Ask& ask) {
  if (file.size() < header_size) return ends_early(ask, file, "the zImage header", header_size);
  const std::uint64_t start = word_at(file, start_at), end = word_at(file, end_at);
  if (end <= start || end - start < header_size) {
    return contradicts(ask, cat("the zImage starts at ", hex(start), " and ends at ", hex(end)));
  }
  if (end - start > file.size()) return ends_early(ask, file, "the zImage", end - start);
  ZImageFacts facts;
  facts.big_endian = word_at(file, order_at) == big_endian;
  const ByteView code = file.first(end - start);
  const std::uint64_t payload_end = read_sizes(code, facts);
  Image image;
  if (const auto kernel = find_payload(code, payload_end, facts, ask)) image.version = release_in(*kernel);
  image.format = Format::zimage;
  image.arch = "arm";
  image.parts = {{.file_size = end - start, .memory_size = end - start}};
  image.zimage = facts;
  return image;
}

}  // namespace kexlab
