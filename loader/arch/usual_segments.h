// SPDX-License-Identifier: Apache-2.0
// The segments that most boot protocols place alike: initrd, a crash kernel's core header, stub; and the plan made of
// them. What a request does not have is not placed and gives an empty range. Pure.
#pragma once

#include "kexlab/arch.h"
#include "kexlab/crash.h"
#include "loader/arch/placement.h"
#include "loader/arch/stub.h"

namespace kexlab {

/// What Arch::usable gives where /proc/iomem tells all: System RAM without what it shows as reserved inside it, and
/// without reservations for crash kernels; for a crash kernel its reservation, or nothing where there is none.
RangeSet ram_not_reserved(const Machine& machine, bool crash);

/// The initrd's exact bytes. Error no_space.
Result<Range> add_initrd(Placement& placement, const LoadRequest& request, const Rules& rules);

/// What build_elfcorehdr is told beside the machine.
struct CoreHeader {
  RangeSet dumped;
  std::uint16_t elf_machine = 0;
  std::endian order = std::endian::little;
  unsigned bits = 64;
  std::uint64_t direct_map = 0;
  KernelTextMapping text;
};

/// RAM without the reservations for crash kernels.
RangeSet ram_not_crash(const Machine& machine);

/// A crash kernel's core header, its exact bytes. Errors: no_space, those of build_elfcorehdr.
Result<Range> add_elfcorehdr(Placement& placement, const LoadRequest& request, const CoreHeader& header,
                             const Rules& rules);

/// The whole pages that a range touches.
Range in_pages(const Range& range, std::uint64_t page_size);

/// The entry stub, filled for the segments that were added before it. Errors: as fill_stub, and no_space.
Result<Range> add_stub(Placement& placement, const LoadRequest& request, ByteView code, std::endian order,
                       const StubValues& values, const Range& within);

/// What was placed, entered at `entry`.
Plan plan_of(const Placement& placement, std::uint64_t entry);

}  // namespace kexlab
