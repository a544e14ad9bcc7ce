// SPDX-License-Identifier: Apache-2.0
// Targets whose kernels cannot come back (no KEXEC_JUMP), or for which nobody has written a file yet.
#include "harness/agent/jump/held_call.h"

namespace kexlab::agent {

HeldCall reboot_with_registers_held(unsigned cmd, unsigned magic1, unsigned magic2) {
  return {raw_reboot(cmd, magic1, magic2), {}, {}};
}

}  // namespace kexlab::agent
