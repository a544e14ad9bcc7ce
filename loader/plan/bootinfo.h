// SPDX-License-Identifier: Apache-2.0
// Bootinfo: the records that a loader leaves behind an m68k kernel, and that /proc/bootinfo shows. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/range.h"

namespace kexlab {

/// Tags of records. Source: arch/m68k/include/uapi/asm/bootinfo.h, bootinfo-virt.h (6.1).
namespace bootinfo {
inline constexpr std::uint16_t last = 0;           ///< ends the list
inline constexpr std::uint16_t memchunk = 5;       ///< {address, size}, 4 bytes each
inline constexpr std::uint16_t ramdisk = 6;        ///< the same
inline constexpr std::uint16_t command_line = 7;   ///< text that ends with a NUL
inline constexpr std::uint16_t rng_seed = 8;       ///< {length, 2 bytes; that many bytes}
inline constexpr std::uint16_t virt_tty = 0x8003;  ///< of QEMU's virt: {address of its goldfish tty, interrupt}
}  // namespace bootinfo

/// A record without its head.
struct BootRecord {
  std::uint16_t tag = 0;
  ByteView data;  ///< of the bytes that were parsed
};

/// The records in front of the one that ends the list. Error corrupt: a record reaches behind the end, or nothing ends
/// the list.
Result<std::vector<BootRecord>> parse_bootinfo(ByteView bytes);

/// Adds a record to a list, filled up with zeros to a multiple of 4 bytes. Precondition: data of less than 65528 bytes.
void append_record(Bytes& list, std::uint16_t tag, ByteView data);
/// {first, second} as records have it. Precondition: both fit 32 bits.
Bytes record_pair(std::uint64_t first, std::uint64_t second);

/// The RAM that the memory chunks tell of. Empty where there are none or the bytes are no bootinfo.
RangeSet bootinfo_memory(ByteView bytes);

}  // namespace kexlab
