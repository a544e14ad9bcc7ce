// SPDX-License-Identifier: Apache-2.0
// What the boot protocols that hand over a device tree do alike. Pure.
#include "loader/arch/fdt_boot.h"

#include <algorithm>

#include "kexlab/crash.h"

namespace kexlab {

RangeSet ram_not_reserved(const Machine& machine, bool crash) {
  if (crash) {
    const auto reservation = crash_reservation(machine.memory);
    return reservation ? RangeSet({*reservation}) : RangeSet();
  }
  const RangeSet free = without(machine.memory.ram(), crash_ranges(machine.memory));
  return without(free, machine.memory.reserved_in_ram());
}

Result<Range> add_elfcorehdr(Placement& placement, const LoadRequest& request, const Arch& arch,
                             std::uint64_t alignment) {
  if (!request.crash) return Range{};
  const Machine& machine = *request.machine;
  auto header = build_elfcorehdr(machine, dumpable_ram(machine), arch.elf_machine, arch.order, arch.bits, 0, {});
  if (!header) return tl::unexpected(header.error());
  const std::uint64_t size = header->size();
  const auto where = placement.reserve("elfcorehdr", size, {alignment, whole_memory, RangeSet::Prefer::high});
  if (!where) return where;
  placement.add("elfcorehdr", *where, {Piece::of(std::move(*header))});
  return Range{where->start, where->start + size};
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

Result<Range> add_stub(Placement& placement, const LoadRequest& request, ByteView code, const StubValues& values) {
  auto stub = fill_stub(code, std::endian::little, request, values, placement.segments());
  if (!stub) return tl::unexpected(stub.error());
  const auto where = placement.reserve("stub", stub->size(), {1, whole_memory, RangeSet::Prefer::high});
  if (where) placement.add("stub", *where, {Piece::of(std::move(*stub))});
  return where;
}

}  // namespace kexlab
