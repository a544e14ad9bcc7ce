// SPDX-License-Identifier: Apache-2.0
// riscv's flat Image: a 64-byte header, which with CONFIG_EFI is also the start of a PE file.
//
// The header has no word for 32 or 64 bits; text_offset tells them apart, which head.S sets to the size of the largest
// page behind the start of RAM: 4 MiB on rv32, 2 MiB on rv64, and 0 for a kernel that runs in machine mode, without
// MMU. Source: Documentation/riscv/boot-image-header.rst, arch/riscv/include/asm/image.h, arch/riscv/kernel/head.S
// (6.1).
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint64_t header_size = 64;
constexpr std::uint64_t text_offset_rv32 = std::uint64_t{4} << 20;
constexpr std::uint64_t big_endian_flag = 1;

Status check_header(const RiscvFacts& facts, std::uint64_t flags, std::uint64_t file_size, const Ask& ask) {
  if ((flags & big_endian_flag) != 0) {
    return fail(Errc::unsupported, ask.text, "the riscv Image header says big-endian, which no kernel is");
  }
  if (facts.text_offset == 0) {
    return fail(Errc::unsupported, ask.text, "the riscv Image header has text_offset 0: a kernel for machine mode",
                "give a kernel with CONFIG_MMU; kexec depends on it");
  }
  if (file_size < header_size || file_size > facts.image_size) {
    return contradicts(ask, cat("the kernel has ", file_size, " bytes, the header and image_size allow ", header_size,
                                " to ", facts.image_size));
  }
  return {};
}

}  // namespace

bool probe_riscv_image(ByteView file) { return text::has(file, 0x38, "RSC\x05"); }

Result<Image> parse_riscv_image(ByteView file, const Ask& ask) {
  if (file.size() < header_size) return ends_early(ask, file, "the riscv Image header", header_size);
  RiscvFacts facts;
  facts.text_offset = *read_int<std::uint64_t>(file, 8, little);
  facts.image_size = *read_int<std::uint64_t>(file, 16, little);
  facts.version = *read_int<std::uint32_t>(file, 32, little);
  const auto flags = *read_int<std::uint64_t>(file, 24, little);
  const auto size = flat_kernel_size(file, ask);
  if (!size) return tl::unexpected(size.error());
  if (const Status header = check_header(facts, flags, *size, ask); !header) return tl::unexpected(header.error());

  Image image;
  image.format = Format::riscv_image;
  image.arch = facts.text_offset == text_offset_rv32 ? "riscv32" : "riscv64";
  image.parts = {{.file_size = *size, .memory_size = facts.image_size}};
  image.riscv = facts;
  return image;
}

}  // namespace kexlab
