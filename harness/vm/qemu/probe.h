// SPDX-License-Identifier: Apache-2.0
// The decision behind choose_accelerator, with what it asks of the host as parameters.
#pragma once

#include <functional>
#include <string>

#include "harness/vm/vm.h"

namespace kexlab::vm {

/// What the decision wants to know.
struct Host {
  std::string machine;                                   ///< uname -m
  std::function<Status()> open_kvm;                      ///< whether /dev/kvm opens for reading and writing
  std::function<Status(const Target&)> run_probe_guest;  ///< whether a probe guest answers under KVM
};

/// Asks as little as it needs: the probe guest is started only where KVM could run the target.
AcceleratorChoice decide_accelerator(const Target& target, const Host& host);

/// Boots the probe payload and waits for its answer, for `limit` in all. Error: what went wrong, in words.
Status run_probe_guest(const Target& target, Accelerator accelerator, std::chrono::milliseconds limit);

}  // namespace kexlab::vm
