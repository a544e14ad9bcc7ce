// SPDX-License-Identifier: Apache-2.0
// What the machine has of the things the harness needs, and the package that brings what is missing.
#pragma once

#include <string>
#include <vector>

#include "harness/targets/target.h"

namespace kexlab::images {

struct Check {
  enum class State {
    ok,    ///< there and good
    warn,  ///< something will be slower or not possible
    bad,   ///< guests of a target cannot run
  };
  std::string name;  ///< "QEMU for arm64"
  State state = State::ok;
  std::string found;  ///< what there is: "QEMU 7.2.22", "missing"
  std::string hint;   ///< what to do; empty where nothing is to be done
};
const char* to_string(Check::State state);

/// Looks at everything, in the order to read: emulators, firmware, compilers, package sources, kernel build tools, cache
/// folder, processors and memory. Takes a few seconds at most and changes nothing but the cache folder, which it makes.
std::vector<Check> run_checks(const std::vector<Target>& targets);

}  // namespace kexlab::images
