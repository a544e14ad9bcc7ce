// SPDX-License-Identifier: Apache-2.0
// Finds the program counter in what QEMU's monitor prints for `info registers`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kexlab::vm {

/// The program counter, whatever the architecture calls it, or nothing. Source: cpu_dump_state of each target/ in QEMU.
std::optional<std::uint64_t> parse_program_counter(std::string_view registers);

}  // namespace kexlab::vm
