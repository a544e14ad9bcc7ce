// SPDX-License-Identifier: Apache-2.0
// Where a PE file keeps its signature.
#include "harness/model/file_image.h"

namespace kexlab::model {
// The certificate table is the fifth data directory of the optional header. Source: include/linux/pe.h.
Signature unverified_signature(ByteView head) {
  constexpr std::uint32_t pe = 0x4550;  // "PE\0\0"
  constexpr std::uint16_t mz = 0x5a4d, pe32 = 0x10b, pe32_plus = 0x20b;
  constexpr std::size_t file_header_bytes = 24, entry = 4 * 8;
  const std::size_t at = little_field<std::uint32_t>(head, 0x3c);
  if (little_field<std::uint16_t>(head, 0) != mz || little_field<std::uint32_t>(head, at) != pe)
    return Signature::no_pe;
  const std::size_t optional = at + file_header_bytes;
  const auto magic = little_field<std::uint16_t>(head, optional);
  if (magic != pe32 && magic != pe32_plus) return Signature::no_pe;
  const std::size_t certificates = optional + (magic == pe32 ? 96 : 112) + entry;
  const bool there =
      little_field<std::uint32_t>(head, certificates) != 0 && little_field<std::uint32_t>(head, certificates + 4) != 0;
  return there ? Signature::unknown : Signature::none;
}

}  // namespace kexlab::model
