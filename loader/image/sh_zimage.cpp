// SPDX-License-Identifier: Apache-2.0
// SuperH's zImage: code for one address, which moves itself there, with the compressed kernel behind it.
//
// No header tells of it. Its head, up to offset 0x200, is code that ends in words which the code itself loads, then
// no-ops; those words tell where the unpacker's memory ends and where the kernel is entered. Near the beginning one
// word tells its own address, by which the code sees whether it is where it was linked. At 0x200 stands what looks like
// x86's "HdrS", for loaders that look for no more. Source: arch/sh/boot/compressed/head_32.S (6.1).
#include <algorithm>

#include "loader/image/codec.h"
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint64_t head_size = 0x200;
constexpr std::uint32_t two_nops = 0x00090009;
constexpr std::uint32_t kexec_magic = 0x400000f0;
// Words before the kernel's entry, which is the head's last.
constexpr std::uint64_t magic_before = 3 * 4, end_before = 5 * 4, words_before = 6 * 4;
// The third instruction, mova: 0xc7 and how many words the one that it means lies behind the next word boundary.
constexpr std::uint64_t mova_at = 4;
constexpr std::uint16_t mova = 0xc700;
constexpr std::uint64_t most_code = std::uint64_t{1} << 20;  // before the payload; some 10 KiB in fact
constexpr unsigned most_tries = 16;

std::uint32_t word_at(ByteView file, std::uint64_t at) { return read_int<std::uint32_t>(file, at, little).value_or(0); }

/// Where the last word of the head that is no no-op lies: the kernel's entry. Nothing where the words before it are not
/// those of a zImage.
std::optional<std::uint64_t> last_word(ByteView file) {
  std::uint64_t at = head_size - 4;
  while (at > words_before && word_at(file, at) == two_nops) at -= 4;
  if (at <= words_before || word_at(file, at - magic_before) != kexec_magic) return std::nullopt;
  return at;
}

/// The address that the first byte was linked for.
std::optional<std::uint64_t> linked_at(ByteView file) {
  const auto code = read_int<std::uint16_t>(file, mova_at, little).value_or(0);
  if ((code & 0xff00) != mova) return std::nullopt;
  const std::uint64_t at = mova_at + 4 + 4 * std::uint64_t{code & 0xffU};
  const std::uint64_t address = word_at(file, at);
  if (address < at) return std::nullopt;
  return address - at;
}

/// Where the payload begins no word tells: it is the first thing behind the head that unpacks. Returns it unpacked;
/// nothing where it was not found.
std::optional<Bytes> find_payload(ByteView file, ShZImageFacts& facts, const Ask& ask) {
  unsigned tries = 0;
  for (std::uint64_t at = head_size; at < std::min<std::uint64_t>(file.size(), most_code) && tries < most_tries; ++at) {
    const ByteView packed = file.subspan(at);
    const Codec* codec = find_codec(packed);
    if (codec == nullptr) continue;
    ++tries;
    auto kernel = unpack(*codec, packed, ask.text, ask.limits);
    if (!kernel) continue;
    facts.payload_offset = at;
    facts.payload_size = packed.size();
    return std::move(*kernel);
  }
  return std::nullopt;
}

}  // namespace

bool probe_sh_zimage(ByteView file) { return text::has(file, head_size + 2, "HdrS") && last_word(file).has_value(); }

Result<Image> parse_sh_zimage(ByteView file, const Ask& ask) {
  const std::uint64_t at = *last_word(file);
  const std::uint64_t entry = word_at(file, at), end = word_at(file, at - end_before);
  const auto start = linked_at(file);
  if (!start) return contradicts(ask, "its third instruction does not lead to the address that it was linked for");
  if (end < *start + file.size()) {
    return contradicts(ask,
                       cat("it is linked from ", hex(*start), " to ", hex(end), " and has ", file.size(), " bytes"));
  }
  Image image;
  image.format = Format::sh_zimage;
  image.arch = "sh4";
  image.parts = {
      {.file_size = file.size(), .physical = *start, .memory_size = end - *start, .virtual_address = *start}};
  ShZImageFacts facts{.kernel_entry = entry};
  if (const auto kernel = find_payload(file, facts, ask)) image.version = release_in(*kernel);
  image.sh_zimage = facts;
  return image;
}

}  // namespace kexlab
