// SPDX-License-Identifier: Apache-2.0
// QEMU's command line for a guest: a pure function.
#pragma once

#include <string>
#include <vector>

#include "harness/vm/vm.h"

namespace kexlab::vm {

/// Descriptors that QEMU inherits.
struct Wiring {
  int console = -1;
  int channel = -1;
  int control = -1;       ///< QMP
  bool incoming = false;  ///< wait for a saved machine instead of booting
};

/// Arguments without argv[0]. Errors: invalid_argument (the spec contradicts itself or lacks something).
Result<std::vector<std::string>> qemu_arguments(const GuestSpec& spec, const Wiring& wiring);

/// What a saved machine depends on, as text: two specs with equal fingerprints can restore each other's files. Kernel
/// and initrd count by size, since their contents lie in the saved memory already.
Result<std::string> fingerprint(const GuestSpec& spec, const std::string& qemu_version);

}  // namespace kexlab::vm
