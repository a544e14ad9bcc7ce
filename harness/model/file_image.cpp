// SPDX-License-Identifier: Apache-2.0
// The loaders' checks: bzImage on x86_64, Image on arm64; and where a PE file keeps its signature.
#include "harness/model/file_image.h"

#include <algorithm>
#include <bit>

#include "harness/model/checks.h"

namespace kexlab::model {
namespace {

/// A little-endian number of the head; 0 where the head ends before it.
template <class T>
T field(ByteView head, std::size_t at) {
  return read_int<T>(head, at, std::endian::little).value_or(0);
}

// struct setup_header. Source: Documentation/x86/boot.rst; arch/x86/kernel/kexec-bzimage64.c, bzImage64_probe.
bool is_bzimage64(const File& kernel, const Situation& situation) {
  constexpr std::uint64_t two_sectors = 1024;
  constexpr std::uint32_t hdrs = 0x53726448;  // "HdrS"
  constexpr std::uint16_t first_protocol = 0x20c, kernel_64 = 1, above_4g = 2, five_level = 1 << 5;
  const ByteView head = kernel.head;
  const auto xloadflags = field<std::uint16_t>(head, 0x236);
  return kernel.size >= two_sectors && field<std::uint32_t>(head, 0x202) == hdrs &&
         field<std::uint16_t>(head, 0x1fe) == 0xaa55 && field<std::uint16_t>(head, 0x206) >= first_protocol &&
         (field<std::uint8_t>(head, 0x211) & 1) != 0 && (xloadflags & kernel_64) != 0 && (xloadflags & above_4g) != 0 &&
         (!situation.la57 || (xloadflags & five_level) != 0);
}

// bzImage64_load. The room for elfcorehdr= is asked for whether or not it is a crash image.
ImageNeeds bzimage64_needs(const File& kernel) {
  constexpr std::uint64_t sector = 512, elfcorehdr_bytes = 30;
  const auto sectors = field<std::uint8_t>(kernel.head, 0x1f1);
  const std::uint64_t setup = (std::uint64_t{sectors == 0 ? std::uint8_t{4} : sectors} + 1) * sector;
  const std::uint64_t most = field<std::uint32_t>(kernel.head, 0x238);
  return {.whole = kernel.size >= setup,
          .loaded = kernel.size - std::min(kernel.size, setup),
          .memory = field<std::uint32_t>(kernel.head, 0x260),
          .longest_cmdline = most - std::min(most, elfcorehdr_bytes)};
}

// struct arm64_image_header. Source: Documentation/arm64/booting.rst; arch/arm64/kernel/kexec_image.c.
bool is_arm64_image(const File& kernel, const Situation&) {
  constexpr std::uint64_t header_bytes = 64;
  constexpr std::uint32_t magic = 0x644d5241;  // "ARM\x64"
  return kernel.size >= header_bytes && field<std::uint32_t>(kernel.head, 0x38) == magic;
}

ImageNeeds arm64_image_needs(const File& kernel) {
  const auto image_size = field<std::uint64_t>(kernel.head, 0x10);
  return {.whole = image_size != 0, .loaded = kernel.size, .memory = image_size, .longest_cmdline = {}};
}

constexpr FileFormat formats[] = {
    {"x86_64", enoexec, "KEXEC_BZIMAGE_VERIFY_SIG", is_bzimage64, bzimage64_needs},
    {"arm64", einval, "KEXEC_IMAGE_VERIFY_SIG", is_arm64_image, arm64_image_needs},
};

}  // namespace

const FileFormat* file_format(std::string_view target) {
  auto found = std::find_if(std::begin(formats), std::end(formats),
                            [&](const FileFormat& format) { return format.target == target; });
  return found == std::end(formats) ? nullptr : &*found;
}

// The certificate table is the fifth data directory of the optional header. Source: include/linux/pe.h.
Signature unverified_signature(ByteView head) {
  constexpr std::uint32_t pe = 0x4550;  // "PE\0\0"
  constexpr std::uint16_t mz = 0x5a4d, pe32 = 0x10b, pe32_plus = 0x20b;
  constexpr std::size_t file_header_bytes = 24, entry = 4 * 8;
  const std::size_t at = field<std::uint32_t>(head, 0x3c);
  if (field<std::uint16_t>(head, 0) != mz || field<std::uint32_t>(head, at) != pe) return Signature::no_pe;
  const std::size_t optional = at + file_header_bytes;
  const auto magic = field<std::uint16_t>(head, optional);
  if (magic != pe32 && magic != pe32_plus) return Signature::no_pe;
  const std::size_t certificates = optional + (magic == pe32 ? 96 : 112) + entry;
  const bool there = field<std::uint32_t>(head, certificates) != 0 && field<std::uint32_t>(head, certificates + 4) != 0;
  return there ? Signature::unknown : Signature::none;
}

}  // namespace kexlab::model
