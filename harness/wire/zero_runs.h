// SPDX-License-Identifier: Apache-2.0
// Takes runs of zero bytes out of data: device trees, boot parameters and memory pages are mostly zeros, and every byte
// over an emulated UART costs a guest thousands of instructions.
#pragma once

#include <cstddef>
#include <optional>

#include "kexlab/bytes.h"

namespace kexlab::wire {

/// Most bytes that pack_zero_runs adds to any data below 2^28 bytes.
inline constexpr std::size_t zero_runs_overhead = 8;

/// Groups of: literal count · that many bytes · zero count. Counts are unsigned LEB128 below 2^28 (1 to 4 bytes).
Bytes pack_zero_runs(ByteView data);

/// The data again; nothing where the groups are malformed or it would have more than `most` bytes.
std::optional<Bytes> unpack_zero_runs(ByteView packed, std::size_t most);

}  // namespace kexlab::wire
