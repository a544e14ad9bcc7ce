// SPDX-License-Identifier: Apache-2.0
// The probe's payloads as bytes: they are too small to ask for a cross compiler.
#include "harness/vm/qemu/payload.h"

#include <array>
#include <cstdint>

namespace kexlab::vm {
namespace {

// A Multiboot 1 image (header with addresses, flag 16), loaded and entered at 1 MiB in 32-bit protected mode.
constexpr std::array<std::uint8_t, 42> x86 = {
    0x02, 0xb0, 0xad, 0x1b, 0x00, 0x00, 0x01, 0x00, 0xfe, 0x4f, 0x51, 0xe4,  // magic, flags, checksum
    0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x10, 0x00,                          // header at, load at
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,                          // load to the file's end, no bss
    0x20, 0x00, 0x10, 0x00,                                                  // entry
    0x66, 0xba, 0xf8, 0x03,                                                  // mov $0x3f8, %dx
    0xb0, 0x4b, 0xee,                                                        // mov $'K', %al; out %al, (%dx)
    0xf4, 0xeb, 0xfd,                                                        // 1: hlt; jmp 1b
};

// Raw code, loaded at RAM + 512 KiB by QEMU's hw/arm/boot.c; virt's PL011 is at 0x09000000.
constexpr std::array<std::uint32_t, 5> arm64 = {
    0xd2a12000,  // mov x0, #0x09000000
    0x52800961,  // mov w1, #'K'
    0xb9000001,  // str w1, [x0]
    0xd503207f,  // 1: wfi
    0x17ffffff,  // b 1b
};

}  // namespace

std::string probe_payload(std::string_view target) {
  if (target == "x86_64" || target == "i386") return {x86.begin(), x86.end()};
  std::string out;
  if (target != "arm64") return out;
  for (const std::uint32_t word : arm64) {
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(word >> shift);
  }
  return out;
}

}  // namespace kexlab::vm
