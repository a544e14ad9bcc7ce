// SPDX-License-Identifier: Apache-2.0
// arm64: no rule of its own for kexec_load; kexec_file_load takes a bare Image.
#include "harness/model/contract.h"
#include "harness/model/file_image.h"

namespace kexlab::model {
namespace {

// struct arm64_image_header. Source: Documentation/arm64/booting.rst; arch/arm64/kernel/kexec_image.c.
bool is_image(const File& kernel, const Situation&) {
  constexpr std::uint64_t header_bytes = 64;
  constexpr std::uint32_t magic = 0x644d5241;  // "ARM\x64"
  return kernel.size >= header_bytes && little_field<std::uint32_t>(kernel.head, 0x38) == magic;
}

ImageNeeds image_needs(const File& kernel) {
  const auto image_size = little_field<std::uint64_t>(kernel.head, 0x10);
  return {.whole = image_size != 0, .loaded = kernel.size, .memory = image_size, .longest_cmdline = {}};
}

constexpr FileFormat image{einval, "KEXEC_IMAGE_VERIFY_SIG", is_image, image_needs};

}  // namespace

extern const Contract contract_arm64;
const Contract contract_arm64{
    .target = "arm64",
    .kexec_arch = std::uint64_t{183} << 16,
    .bits = 64,
    .dumped_registers = 34,
    .control_bytes = 4096,
    .file_format = &image,
};

}  // namespace kexlab::model
