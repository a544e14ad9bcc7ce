// SPDX-License-Identifier: Apache-2.0
// A reboot(2) that comes back, with known values in every register that a system call leaves alone. One file a target,
// <target>.cpp; none.cpp for those without.
#pragma once

#include <string>

#include "kexlab/call.h"

namespace kexlab::agent {

struct HeldCall {
  CallResult result;
  std::string held;  ///< sorts of registers that were held, separated by spaces: "general segments sse"; may be empty
  std::string changed;  ///< a line for each that has another value after the call; empty: none
};

HeldCall reboot_with_registers_held(unsigned cmd, unsigned magic1, unsigned magic2);

}  // namespace kexlab::agent
