// SPDX-License-Identifier: Apache-2.0
// Entry stubs: assembled code with parameter slots that a plan fills in. Pure.
#pragma once

#include "kexlab/arch.h"

namespace kexlab {

/// The layout that every <name>_stub.S keeps: a jump over the slots, the slots from offset 8 as 8-byte integers in the
/// architecture's byte order, the code behind them.
namespace stub_slot {
inline constexpr std::uint64_t entry = 8;      ///< physical address the kernel starts at
inline constexpr std::uint64_t argument = 16;  ///< physical address handed over: boot_params, DTB
inline constexpr std::uint64_t count = 24;     ///< rows of the table in use
inline constexpr std::uint64_t console = 32;   ///< port or physical address of a UART for a mismatch; 0: none
inline constexpr std::uint64_t table = 40;     ///< rows of {start, length, expected digest}
inline constexpr std::uint64_t row = 24;       ///< bytes of a row
inline constexpr std::uint64_t rows = 16;      ///< KEXEC_SEGMENT_MAX
inline constexpr std::uint64_t code = table + rows * row;
}  // namespace stub_slot

/// What a stub is told.
struct StubValues {
  std::uint64_t entry = 0;
  std::uint64_t argument = 0;
  std::uint64_t console = 0;
};

/// The stub's bytes with its slots filled; where the request asks for a digest, the table covers the buffers of
/// `segments` (zeros behind a buffer are the kernel's own work and are not read again).
/// Errors: not_found, truncated, invalid_argument where a segment's bytes cannot be had.
Result<Bytes> fill_stub(ByteView code, std::endian order, const LoadRequest& request, const StubValues& values,
                        const std::vector<Segment>& segments);

}  // namespace kexlab
