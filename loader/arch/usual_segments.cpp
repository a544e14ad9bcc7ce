// SPDX-License-Identifier: Apache-2.0
// The segments that most boot protocols place alike. Pure.
#include "loader/arch/usual_segments.h"

namespace kexlab {

RangeSet ram_not_reserved(const Machine& machine, bool crash) {
  if (!crash) return without(ram_not_crash(machine), machine.memory.reserved_in_ram());
  const auto reservation = crash_reservation(machine.memory);
  return reservation ? RangeSet({*reservation}) : RangeSet();
}

RangeSet ram_not_crash(const Machine& machine) { return without(machine.memory.ram(), crash_ranges(machine.memory)); }

Result<Range> add_initrd(Placement& placement, const LoadRequest& request, const Rules& rules) {
  const std::uint64_t size = request.initrd.size();
  if (size == 0) return Range{};
  const auto where = placement.reserve("initrd", size, rules);
  if (!where) return where;
  placement.add("initrd", *where, request.initrd.pieces);
  return Range{where->start, where->start + size};
}

Result<Range> add_elfcorehdr(Placement& placement, const LoadRequest& request, const CoreHeader& header,
                             const Rules& rules) {
  if (!request.crash) return Range{};
  auto bytes = build_elfcorehdr(*request.machine, header.dumped, header.elf_machine, header.order, header.bits,
                                header.direct_map, header.text);
  if (!bytes) return tl::unexpected(bytes.error());
  const std::uint64_t size = bytes->size();
  const auto where = placement.reserve("elfcorehdr", size, rules);
  if (!where) return where;
  placement.add("elfcorehdr", *where, {Piece::of(std::move(*bytes))});
  return Range{where->start, where->start + size};
}

Range in_pages(const Range& range, std::uint64_t page_size) {
  return {align_down(range.start, page_size), align_up(range.end, page_size).value_or(range.end)};
}

Result<Range> add_stub(Placement& placement, const LoadRequest& request, ByteView code, std::endian order,
                       const StubValues& values, const Range& within) {
  auto stub = fill_stub(code, order, request, values, placement.segments());
  if (!stub) return tl::unexpected(stub.error());
  const auto where = placement.reserve("stub", stub->size(), {1, within, RangeSet::Prefer::high});
  if (where) placement.add("stub", *where, {Piece::of(std::move(*stub))});
  return where;
}

Plan plan_of(const Placement& placement, std::uint64_t entry) {
  Plan plan;
  plan.entry = entry;
  plan.segments = placement.segments();
  return plan;
}

}  // namespace kexlab
