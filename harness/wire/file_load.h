// SPDX-License-Identifier: Apache-2.0
// What host and agent agree on for `file_load` beyond the fields that PROTOCOL.md lists.
#pragma once

#include <cstdint>

namespace kexlab::wire {

/// Bytes that a command line has memory for at most; a longer cmdline_len points past its end. More than a kernel with
/// 4 KiB pages copies at all (4 MiB), so that its limit can be tried from both sides.
inline constexpr std::uint64_t most_cmdline_bytes = std::uint64_t{8} << 20;

}  // namespace kexlab::wire
