// SPDX-License-Identifier: Apache-2.0
// The boot protocol that the MIPS targets share: a vmlinux at the address it was linked for, arguments as YAMON gives
// them.
#pragma once

#include "kexlab/arch.h"

namespace kexlab {

/// What differs between the MIPS targets.
struct MipsVariant {
  unsigned bits;  ///< 32 or 64
  std::endian order;
  ByteView stub;  ///< mips_stub.S, assembled
};

/// Arch::cmdline_words and Arch::crash_cmdline_words of all of them.
inline constexpr std::string_view mips_words[] = {"rd_start", "rd_size"};
inline constexpr std::string_view mips_crash_words[] = {"mem", "memmap", "elfcorehdr"};

/// Arch::plan_kernel of a variant.
Result<Plan> plan_mips(const LoadRequest& request, const MipsVariant& variant);

}  // namespace kexlab
