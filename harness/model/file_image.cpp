// SPDX-License-Identifier: Apache-2.0
// Where a PE file keeps its signature.
#include "harness/model/file_image.h"

namespace kexlab::model {
// The certificate table is the fifth data directory of the optional header. Source: include/linux/pe.h.
Signature unverified_signature(ByteView head, std::uint64_t size) {
  constexpr std::uint32_t pe = 0x4550;  // "PE\0\0"
  constexpr std::uint16_t mz = 0x5a4d, pe32 = 0x10b, pe32_plus = 0x20b;
  constexpr std::size_t file_header_bytes = 24, entry = 4 * 8;
  const std::size_t at = little_field<std::uint32_t>(head, 0x3c);
  if (little_field<std::uint16_t>(head, 0) != mz || little_field<std::uint32_t>(head, at) != pe)
    return Signature::no_pe;
  const std::size_t optional = at + file_header_bytes;
  const auto magic = little_field<std::uint16_t>(head, optional);
  if (magic != pe32 && magic != pe32_plus) return Signature::no_pe;
  constexpr std::size_t header_size = 60;  // in both optional headers
  if (little_field<std::uint32_t>(head, optional + header_size) >= size) return Signature::no_pe;
  const std::size_t certificates = optional + (magic == pe32 ? 96 : 112) + entry;
  const std::uint64_t start = little_field<std::uint32_t>(head, certificates);
  const std::uint64_t length = little_field<std::uint32_t>(head, certificates + 4);
  if (start == 0 || length == 0) return Signature::none;
  return start + length > size ? Signature::no_pe : Signature::unknown;
}

}  // namespace kexlab::model
