// SPDX-License-Identifier: Apache-2.0
// arm64's flat Image: a 64-byte header, which with CONFIG_EFI is also the start of a PE file.
//
// The header says how much memory the kernel needs (image_size, BSS included), not how long the file is: a cut file is
// seen by its PE sections, or, where it has none, not at all.
// Source: Documentation/arm64/booting.rst, arch/arm64/include/asm/image.h, arch/arm64/kernel/head.S (6.1).
#include <array>

#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint64_t header_size = 64;
constexpr std::uint64_t base_alignment = std::uint64_t{2} << 20;
/// Bits 1 and 2 of the flags.
constexpr std::array<std::uint32_t, 4> page_sizes{0, 4096, 16384, 65536};

Status check_header(const Arm64Facts& facts, std::uint64_t file_size, const Ask& ask) {
  if (facts.image_size == 0) {
    return fail(Errc::unsupported, ask.text, "the arm64 Image header has image_size 0: a kernel before 3.17",
                "use a kernel of 3.17 or newer; arm64 has kexec since 4.8");
  }
  if (facts.text_offset >= base_alignment) {
    return contradicts(ask, cat("text_offset ", hex(facts.text_offset), " is not below 2 MiB"));
  }
  if (file_size < header_size || file_size > facts.image_size) {
    return contradicts(ask, cat("the kernel has ", file_size, " bytes, the header and image_size allow ", header_size,
                                " to ", facts.image_size));
  }
  return {};
}

}  // namespace

bool probe_arm64_image(ByteView file) { return text::has(file, 0x38, "ARM\x64"); }

Result<Image> parse_arm64_image(ByteView file, const Ask& ask) {
  if (file.size() < header_size) return ends_early(ask, file, "the arm64 Image header", header_size);
  Arm64Facts facts;
  facts.text_offset = *read_int<std::uint64_t>(file, 8, little);
  facts.image_size = *read_int<std::uint64_t>(file, 16, little);
  facts.flags = *read_int<std::uint64_t>(file, 24, little);
  facts.big_endian = (facts.flags & 1) != 0;
  facts.page_size = page_sizes[facts.flags >> 1 & 3];
  const auto size = flat_kernel_size(file, ask);
  if (!size) return tl::unexpected(size.error());
  if (const Status header = check_header(facts, *size, ask); !header) return tl::unexpected(header.error());

  Image image;
  image.format = Format::arm64_image;
  image.arch = "arm64";  // of either byte order: the boot protocol is the same, and the kernel switches by itself
  image.parts = {{.file_size = *size, .memory_size = facts.image_size}};
  image.arm64 = facts;
  return image;
}

}  // namespace kexlab
