// SPDX-License-Identifier: Apache-2.0
// What the agent does as /init before it serves: mounts, stdio, modules.
#pragma once

#include <string>

namespace kexlab::agent {

/// Mounts /proc, /sys and /dev (what is mounted or unknown already stays as it is) and opens /dev/console as stdio.
void prepare_system();

/// Loads /modules/* in the order of their names. Returns what went wrong, one line a module; empty: all fine.
std::string load_modules();

}  // namespace kexlab::agent
