// SPDX-License-Identifier: Apache-2.0
// ppc64 of both byte orders: how Linux is started here, and the plan that prepares it. Pure.
#pragma once

#include "kexlab/arch.h"

namespace kexlab {

/// Plans a kernel boot with the stub assembled for its byte order.
Result<Plan> plan_powerpc64(const LoadRequest& request, std::endian order, ByteView stub);

/// Arch::usable of both.
RangeSet usable_powerpc64(const Machine& machine, bool crash);

/// Arch::crash_cmdline_words of both.
inline constexpr std::string_view powerpc64_crash_words[] = {"elfcorehdr"};

namespace powerpc64 {
/// Bytes of the entry that kexec_sequence (arch/powerpc/kernel/misc_64.S) copies to address 0; the stub lies behind.
inline constexpr std::uint64_t head_size = 0x100;
/// Offset of __run_at_load in a kernel (arch/powerpc/kernel/head_64.S).
inline constexpr std::uint64_t run_at_load = 0x5c;
/// What the crash kernel overwrites of the dead one: its exception vectors up to BACKUP_SRC_SIZE
/// (arch/powerpc/include/asm/crashdump-ppc64.h).
inline constexpr std::uint64_t vectors_size = 0x10000;
}  // namespace powerpc64

}  // namespace kexlab
