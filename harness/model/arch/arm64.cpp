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
  return {.whole = image_size != 0, .pieces = {{.loaded = kernel.size, .memory = image_size}}, .longest_cmdline = {}};
}

// Source: arch/arm64/kernel/crash_core.c, later vmcore_info.c (arch_crash_save_vmcoreinfo).
constexpr InfoLine vmcoreinfo[] = {{"NUMBER(VA_BITS)"},
                                   {"NUMBER(kimage_voffset)"},
                                   {"NUMBER(PHYS_OFFSET)"},
                                   {"NUMBER(TCR_EL1_T1SZ)"},
                                   {"KERNELOFFSET"},
                                   {"NUMBER(MODULES_VADDR)", "", {6, 1}},
                                   {"NUMBER(MODULES_END)", "", {6, 1}},
                                   {"NUMBER(VMALLOC_END)", "", {6, 1}},
                                   {"NUMBER(VMEMMAP_START)", "", {6, 1}},
                                   {"NUMBER(VMEMMAP_END)", "", {6, 1}},
                                   {"NUMBER(KERNELPACMASK)", "", {6, 1}}};

// Source: arch/arm64/include/asm/memory.h (__kimg_to_phys).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf& number) {
  const auto offset = number("NUMBER(kimage_voffset)");
  return offset ? std::optional(address - *offset) : std::nullopt;
}

constexpr HeaderField magic[] = {{0x38, 4}};
constexpr HeaderField image_size{0x10, 8};

constexpr FileFormat image{
    einval, "KEXEC_IMAGE_VERIFY_SIG", is_image, image_needs, {.memory = image_size, .others = magic}};

}  // namespace

extern const Contract contract_arm64;
const Contract contract_arm64{
    .target = "arm64",
    .kexec_arch = std::uint64_t{183} << 16,
    .bits = 64,
    .dumped = {.registers = 34,
               .program_counter = 32,
               .stack_pointer = 31,
               .vmcoreinfo = vmcoreinfo,
               .physical = dumped_at,
               .text_header = true},
    .control_bytes = 4096,
    .file_format = &image,
};

}  // namespace kexlab::model
