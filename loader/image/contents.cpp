// SPDX-License-Identifier: Apache-2.0
// What a kernel tells of itself: its banner, its release, its .config; and the vmlinux inside a bzImage.
#include <algorithm>

#include "loader/image/codec.h"
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;

constexpr std::string_view banner_start = "Linux version ";
constexpr std::size_t banner_most = 512;
// Source: kernel/configs.c (6.1).
constexpr std::string_view config_start = "IKCFG_ST";
/// A kernel has one; a hostile file may have thousands, each of them a bomb.
constexpr unsigned config_tries = 4;

/// Where an image says that its compressed kernel is; nothing for formats that have none.
std::optional<Range> payload_of(const Image& image) {
  if (image.bzimage) return Range::sized(image.bzimage->payload_offset, image.bzimage->payload_size);
  if (image.zimage) return Range::sized(image.zimage->payload_offset, image.zimage->payload_size);
  if (image.sh_zimage) return Range::sized(image.sh_zimage->payload_offset, image.sh_zimage->payload_size);
  return std::nullopt;
}

/// The kernel inside; nothing where it cannot be unpacked.
std::optional<Bytes> inside(const Image& image, const ImageLimits& limits) {
  auto payload = unpack_payload(image, limits);
  if (!payload) return std::nullopt;
  return std::move(*payload);
}

}  // namespace

std::string first_word(std::string_view text) { return std::string(text.substr(0, text.find(' '))); }

std::string release_in(ByteView kernel) {
  const auto text = banner(kernel);
  return text ? first_word(std::string_view(*text).substr(banner_start.size())) : std::string();
}

Result<Bytes> unpack_payload(const Image& image, const ImageLimits& limits) {
  const std::string asked = cat("unpack the kernel inside ", image.str());
  const auto where = payload_of(image);
  if (!where || where->start == 0) return fail(Errc::unsupported, asked, "its format tells of no payload");
  const auto payload = slice(image.bytes, where->start, where->size());
  if (!payload) return fail(Errc::truncated, asked, "its payload is not inside its bytes");
  const Codec* codec = find_codec(*payload);
  if (codec == nullptr) {
    return fail(Errc::unsupported, asked, cat("its payload begins like ", looks_like(*payload)),
                "gzip, xz, zstd, lz4 and lzma payloads can be unpacked");
  }
  return unpack(*codec, *payload, asked, limits);
}

std::optional<std::string> banner(ByteView kernel) {
  const std::string_view all = as_text(kernel);
  for (auto at = all.find(banner_start); at != all.npos; at = all.find(banner_start, at + 1)) {
    const auto after = at + banner_start.size();
    // The same words stand in format strings; only a banner goes on with a number.
    if (after < all.size() && all[after] >= '0' && all[after] <= '9')
      return text::printable(kernel.subspan(at), banner_most);
  }
  return std::nullopt;
}

std::optional<std::string> banner(const Image& image, const ImageLimits& limits) {
  if (!payload_of(image)) return banner(ByteView(image.bytes));
  const auto kernel = inside(image, limits);
  return kernel ? banner(ByteView(*kernel)) : std::nullopt;
}

std::optional<std::string> embedded_config(ByteView kernel, const ImageLimits& limits) {
  const std::string_view all = as_text(kernel);
  auto at = all.find(config_start);
  for (unsigned tries = 0; at != all.npos && tries < config_tries; ++tries, at = all.find(config_start, at + 1)) {
    const ByteView packed = kernel.subspan(at + config_start.size());
    const Codec* codec = find_codec(packed);
    if (codec == nullptr || codec->wrapper != Wrapper::gzip) continue;
    const auto config = unpack(*codec, packed, "unpack the embedded .config", limits);
    if (config) return std::string(as_text(*config));
  }
  return std::nullopt;
}

std::optional<std::string> embedded_config(const Image& image, const ImageLimits& limits) {
  if (!payload_of(image)) return embedded_config(ByteView(image.bytes), limits);
  const auto kernel = inside(image, limits);
  return kernel ? embedded_config(ByteView(*kernel), limits) : std::nullopt;
}

}  // namespace kexlab
