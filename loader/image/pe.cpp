// SPDX-License-Identifier: Apache-2.0
// The little that kernel images need of PE headers: how long the file must be.
// Source of the offsets: include/linux/pe.h (6.1), struct pe_hdr and struct section_header.
#include <algorithm>

#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

constexpr std::uint64_t mz_pe_offset = 0x3c;
constexpr std::uint64_t pe_header_size = 24;
constexpr std::uint64_t section_size = 40;
/// The PE header stands right behind the Image header, padded to 64 KiB at most. Source:
/// arch/arm64/kernel/efi-header.S; arch/riscv/kernel/efi-header.S pads to 4 KiB.
constexpr std::uint64_t pe_header_most = std::uint64_t{64} << 10;

}  // namespace

std::optional<std::uint64_t> pe_raw_end(ByteView file) {
  constexpr auto little = std::endian::little;
  const auto pe = read_int<std::uint32_t>(file, mz_pe_offset, little);
  if (!pe || !text::has(file, *pe, std::string_view("PE\0\0", 4))) return std::nullopt;
  const auto sections = read_int<std::uint16_t>(file, std::uint64_t{*pe} + 6, little);
  const auto optional_size = read_int<std::uint16_t>(file, std::uint64_t{*pe} + 20, little);
  if (!sections || !optional_size) return std::nullopt;
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < *sections; ++i) {
    const std::uint64_t row = *pe + pe_header_size + *optional_size + i * section_size;
    const auto size = read_int<std::uint32_t>(file, row + 16, little);
    const auto offset = read_int<std::uint32_t>(file, row + 20, little);
    if (!size || !offset) return std::nullopt;
    end = std::max(end, std::uint64_t{*size} + *offset);
  }
  return end;
}

Result<std::uint64_t> flat_kernel_size(ByteView file, const Ask& ask) {
  if (!text::has(file, 0, "MZ")) return file.size();
  const auto end = pe_raw_end(file);
  if (!end && file.size() < pe_header_most) {
    return fail(Errc::truncated, ask.text, text::cat("the file ends at byte ", file.size(), ", inside the PE header"),
                "fetch or copy the image again");
  }
  if (!end) return contradicts(ask, "the file begins with MZ, but has no PE header");
  if (*end > file.size()) return ends_early(ask, file, "the PE sections", *end);
  return *end;
}

}  // namespace kexlab
