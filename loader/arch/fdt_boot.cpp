// SPDX-License-Identifier: Apache-2.0
// What the boot protocols that hand over a device tree do alike. Pure.
#include "loader/arch/fdt_boot.h"

#include <algorithm>

namespace kexlab {

Result<Range> add_plain_elfcorehdr(Placement& placement, const LoadRequest& request, const Arch& arch,
                                   std::uint64_t alignment) {
  return add_elfcorehdr(placement, request,
                        {dumpable_ram(*request.machine), arch.elf_machine, arch.order, arch.bits, 0, {}},
                        {alignment, whole_memory, RangeSet::Prefer::high});
}

namespace {

std::vector<Range> usable_ranges(const MemoryMap& memory) {
  std::vector<Range> ranges = crash_ranges(memory).ranges();
  std::reverse(ranges.begin(), ranges.end());
  return ranges;
}

}  // namespace

Result<Range> add_dtb(Placement& placement, const LoadRequest& request, const DtbRules& rules, ChosenValues values) {
  const auto text = cmdline_bytes(request, values.cmdline, rules.cmdline_limit);
  if (!text) return tl::unexpected(text.error());
  if (request.crash) values.usable = usable_ranges(request.machine->memory);
  auto dtb = edit_chosen(request.machine->fdt, values, asked_of(request));
  if (!dtb) return tl::unexpected(dtb.error());
  if (dtb->size() > rules.limit) {
    return fail(Errc::unsupported, asked_of(request),
                "the device tree has " + std::to_string(dtb->size()) + " bytes, the boot protocol allows " +
                    std::to_string(rules.limit));
  }
  const auto where = placement.reserve("dtb", dtb->size(), rules.placing);
  if (where) placement.add("dtb", *where, {Piece::of(std::move(*dtb))});
  return where;
}

}  // namespace kexlab
