// SPDX-License-Identifier: Apache-2.0
// EFI zboot: a PE program that carries a compressed Image and unpacks it by itself under EFI; a loader unpacks it.
// Source: drivers/firmware/efi/libstub/zboot-header.S and Makefile.zboot (6.1).
#include "loader/image/codec.h"
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint64_t payload_offset_at = 8;
constexpr std::uint64_t payload_size_at = 12;
constexpr std::uint64_t compression_at = 24;
/// The name stands between the reserved words and the PE header's offset at 0x3c.
constexpr std::uint64_t compression_most = 0x3c - compression_at;

Status check_compression(ByteView payload, const std::string& name, const Ask& ask) {
  for (const Codec& codec : codecs()) {
    if (!name.starts_with(codec.name)) continue;  // "xzkern" and "zstd22" are names of the build's commands
    if (codec.probe(payload)) return {};
    return contradicts(
        ask, cat("the EFI zboot header names the compression \"", name, "\", its payload is not ", codec.name));
  }
  return fail(Errc::unsupported, ask.text, cat("the EFI zboot payload is compressed with \"", name, "\""),
              "unpack it first, or build the kernel with gzip, xz, zstd, lz4 or lzma");
}

}  // namespace

bool probe_zboot(ByteView file) { return text::has(file, 0, "MZ") && text::has(file, 4, "zimg"); }

Result<ByteView> zboot_payload(ByteView file, const Ask& ask) {
  const auto offset = read_int<std::uint32_t>(file, payload_offset_at, little);
  const auto size = read_int<std::uint32_t>(file, payload_size_at, little);
  const auto name = slice(file, compression_at, compression_most);
  if (!offset || !size || !name)
    return ends_early(ask, file, "the EFI zboot header", compression_at + compression_most);
  const auto payload = slice(file, *offset, *size);
  if (!payload) return ends_early(ask, file, "the EFI zboot payload", std::uint64_t{*offset} + *size);
  const Status known = check_compression(*payload, text::printable(*name, compression_most), ask);
  if (!known) return tl::unexpected(known.error());
  return *payload;
}

}  // namespace kexlab
