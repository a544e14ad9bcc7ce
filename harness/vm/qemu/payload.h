// SPDX-License-Identifier: Apache-2.0
// Tiny programs that show that a virtual machine runs: one row for each target that KVM may be asked of.
#pragma once

#include <string>
#include <string_view>

namespace kexlab::vm {

/// A file for -kernel that writes `probe_answer` to the first serial port and then idles, or empty where there is none
/// for this target.
std::string probe_payload(std::string_view target);
inline constexpr std::string_view probe_answer = "K";

}  // namespace kexlab::vm
