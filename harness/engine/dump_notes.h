// SPDX-License-Identifier: Apache-2.0
// Do a dump's notes tell what tools need: vmcoreinfo, and the state of every CPU of the kernel that crashed?
#pragma once

#include <bit>
#include <map>
#include <string>

#include "kexlab/bytes.h"
#include "kexlab/machine.h"

namespace kexlab::engine {

/// The kernel that crashed, as it was known before.
struct CrashedKernel {
  const Machine& machine;
  std::string release;
  unsigned cpus = 1;
  bool idle = false;      ///< it may have crashed while no task ran: by an interrupt
  bool panicked = false;  ///< it called panic() of itself, so that the registers are those of the code that saved them
  std::map<std::string, std::string> config = {};  ///< CONFIG_X → y; empty: not known
};

/// What was found in a dump's notes.
struct Notes {
  std::string vmcoreinfo;
  std::string wrong;  ///< what is wrong or wanting; empty: nothing
};
/// Looks at the contents of PT_NOTE. Wanted are vmcoreinfo of this kernel (vmcoreinfo.h), and for each CPU an
/// NT_PRSTATUS of the right size with registers in it, no two alike. One at least must be of the task that crashed the
/// kernel, or of the idle one where that may be, with a program counter in the kernel's text and a stack in the
/// kernel's addresses; where the kernel panicked of itself, with what else its contract says of registers
/// (DumpRegister). Wanted are the contract's further notes too (DumpNote). Source: kernel/crash_core.c and
/// kernel/kexec_core.c (crash_save_cpu); include/linux/elfcore.h.
Notes read_notes(ByteView notes, std::endian order, const CrashedKernel& crashed);

}  // namespace kexlab::engine
