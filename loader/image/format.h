// SPDX-License-Identifier: Apache-2.0
// The table of kernel image formats, and the readers that its rows share. Internal.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "kexlab/image.h"

namespace kexlab {

/// What a row's parser works for: the texts of its errors and its limits.
struct Ask {
  std::string text;  ///< "parse kernel image boot/vmlinuz"
  ImageLimits limits;
};

/// One format. `parse` gets bytes that `probe` liked, all wrappers off, and fills everything but Image::bytes.
struct FormatRow {
  Format format;
  std::string_view name;
  bool (*probe)(ByteView file);
  Result<Image> (*parse)(ByteView file, const Ask& ask);
};
std::span<const FormatRow> format_rows();

bool probe_bzimage(ByteView file);
Result<Image> parse_bzimage(ByteView file, const Ask& ask);
bool probe_elf(ByteView file);
Result<Image> parse_elf(ByteView file, const Ask& ask);
bool probe_zimage(ByteView file);
Result<Image> parse_zimage(ByteView file, const Ask& ask);
bool probe_sh_zimage(ByteView file);
Result<Image> parse_sh_zimage(ByteView file, const Ask& ask);
bool probe_arm64_image(ByteView file);
Result<Image> parse_arm64_image(ByteView file, const Ask& ask);
bool probe_riscv_image(ByteView file);
Result<Image> parse_riscv_image(ByteView file, const Ask& ask);

bool probe_s390_image(ByteView file);
Result<Image> parse_s390_image(ByteView file, const Ask& ask);

bool probe_loongarch_image(ByteView file);
Result<Image> parse_loongarch_image(ByteView file, const Ask& ask);

bool probe_zboot(ByteView file);
/// The compressed payload of an EFI zboot image. Errors: truncated, corrupt, unsupported (its compression).
Result<ByteView> zboot_payload(ByteView file, const Ask& ask);

/// Target name of an ELF file's machine, class and byte order; empty where no target has them.
std::string_view elf_arch(std::uint16_t machine, bool is64, std::endian order);
/// The same, read from an ELF file's header; empty for anything else.
std::string_view elf_arch(ByteView file);

/// End of the raw data that a PE file's sections claim, as a file offset; nothing where the headers are not all there.
std::optional<std::uint64_t> pe_raw_end(ByteView file);
/// How many bytes of a flat Image, whose header is also the start of a PE file where it begins with MZ, are the kernel:
/// what the PE sections hold (a signature may follow), else all. Errors: truncated, corrupt.
Result<std::uint64_t> flat_kernel_size(ByteView file, const Ask& ask);

/// What a file that is no kernel looks like, with an article: "a cpio archive". Never empty.
std::string looks_like(ByteView file);

/// Release from a banner or version string: its first word. "6.1.0-18-amd64".
std::string first_word(std::string_view text);

/// Release from the banner inside an unpacked kernel; empty where it has none.
std::string release_in(ByteView kernel);

// Errors that all formats share; each names the values.
tl::unexpected<Error> ends_early(const Ask& ask, ByteView file, std::string_view what, std::uint64_t needed);
tl::unexpected<Error> contradicts(const Ask& ask, std::string rule);

}  // namespace kexlab
