// SPDX-License-Identifier: Apache-2.0
// The x86 "zero page" (struct boot_params) and its memory map, for kernels of either width. Pure.
#pragma once

#include <vector>

#include "kexlab/arch.h"

namespace kexlab {

/// Types of the BIOS memory map. Source: arch/x86/include/asm/e820/types.h (6.1).
enum class E820Type : std::uint32_t {
  ram = 1,
  reserved = 2,
  acpi = 3,
  nvs = 4,
  unusable = 5,
  pmem = 7,
  pram = 12,
  soft_reserved = 0xefffffff,
};

struct E820Entry {
  Range range;
  E820Type type = E820Type::ram;
  bool operator==(const E820Entry&) const = default;
};

/// The map for a kernel that gets the whole machine: System RAM and everything firmware claims, sorted, disjoint.
std::vector<E820Entry> e820_of(const MemoryMap& memory);

/// The map for a crash kernel: as RAM only `usable`; everything firmware claims as in e820_of.
std::vector<E820Entry> e820_of_crash(const MemoryMap& memory, const RangeSet& usable);

/// Everything in the zero page that a plan decides.
struct BootParamsValues {
  std::uint64_t address = 0;  ///< where the page will lie (setup_data points behind it)
  std::uint64_t cmdline = 0;
  Range initrd;  ///< empty: none
  std::vector<E820Entry> e820;
  const EfiFacts* efi = nullptr;  ///< for a kernel that can go on with the running one's UEFI; nullptr: it gets none
};

inline constexpr std::uint64_t boot_params_size = 4096;  ///< bytes
inline constexpr std::size_t e820_in_page = 128;         ///< E820_MAX_ENTRIES_ZEROPAGE
inline constexpr std::uint64_t setup_header_start = 0x1f1;

/// Bytes of the page and of what follows it: entries that did not fit, as setup_data SETUP_E820_EXT; for UEFI setup_data
/// SETUP_EFI and its memory map.
std::uint64_t boot_params_bytes(const BootParamsValues& values);

/// The running machine's UEFI where a kernel of these flags can go on with it (XLF_EFI_KEXEC), else nullptr: it must be
/// told where the services were mapped, for they can be moved once only.
const EfiFacts* efi_for(const LoadRequest& request);

/// The page, made from zeros: the image's setup header (or, for an ELF kernel, a made-up one), from the running
/// kernel's page what describes the machine, and the values. boot_params_bytes(values) long.
/// Error corrupt: the running kernel's page or the image's header is not whole.
Result<Bytes> make_boot_params(const LoadRequest& request, const BootParamsValues& values);

}  // namespace kexlab
