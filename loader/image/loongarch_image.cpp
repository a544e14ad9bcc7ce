// SPDX-License-Identifier: Apache-2.0
// LoongArch's flat Image: a 64-byte header that is also the start of a PE file.
//
// Its magic number stands on other architectures' EFI programs too; the PE header names the machine. Since 6.3 the entry
// is an address, relative to nothing but the load address that stands beside it; before, it was a virtual one, of a
// kernel that runs only where it was linked. Source: Documentation/loongarch/booting.rst, include/linux/pe.h
// (LINUX_PE_MAGIC), arch/loongarch/kernel/head.S (6.12; 6.1 for the older kind).
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint64_t header_size = 64;
constexpr std::uint64_t pe_offset_at = 0x3c;
constexpr std::uint64_t pe_machine_at = 4;               // behind the PE header's start
constexpr std::uint16_t machine_loongarch64 = 0x6264;    // IMAGE_FILE_MACHINE_LOONGARCH64
constexpr std::uint64_t first_virtual = std::uint64_t{1} << 63;  // the unmapped windows: arch/loongarch/include/asm/addrspace.h

Status check_header(const LoongArchFacts& facts, std::uint64_t file_size, const Ask& ask) {
  if (facts.entry >= first_virtual) {
    return fail(Errc::unsupported, ask.text,
                "the LoongArch Image's entry is a virtual address: a kernel that runs only where it was linked",
                "give a kernel of Linux 6.3 or newer");
  }
  if (file_size < header_size || file_size > facts.image_size) {
    return contradicts(ask, cat("the kernel has ", file_size, " bytes, the header and the effective size allow ",
                                header_size, " to ", facts.image_size));
  }
  if (facts.entry < facts.load_address || facts.entry - facts.load_address >= facts.image_size) {
    return contradicts(ask, cat("the entry ", facts.entry, " lies outside of the kernel, ", facts.image_size,
                                " bytes at ", facts.load_address));
  }
  return {};
}

}  // namespace

bool probe_loongarch_image(ByteView file) {
  if (!text::has(file, 0, "MZ") || !text::has(file, 0x38, "\xcd\x23\x82\x81")) return false;
  const auto pe = read_int<std::uint32_t>(file, pe_offset_at, little);
  const auto machine = pe ? read_int<std::uint16_t>(file, std::uint64_t{*pe} + pe_machine_at, little) : std::nullopt;
  return machine == machine_loongarch64;
}

Result<Image> parse_loongarch_image(ByteView file, const Ask& ask) {
  if (file.size() < header_size) return ends_early(ask, file, "the LoongArch Image header", header_size);
  LoongArchFacts facts;
  facts.entry = *read_int<std::uint64_t>(file, 8, little);
  facts.image_size = *read_int<std::uint64_t>(file, 16, little);
  facts.load_address = *read_int<std::uint64_t>(file, 24, little);
  const auto size = flat_kernel_size(file, ask);
  if (!size) return tl::unexpected(size.error());
  if (const Status header = check_header(facts, *size, ask); !header) return tl::unexpected(header.error());

  Image image;
  image.format = Format::loongarch_image;
  image.arch = "loongarch64";
  image.parts = {{.file_size = *size, .memory_size = facts.image_size}};
  image.loongarch = facts;
  return image;
}

}  // namespace kexlab
