// SPDX-License-Identifier: Apache-2.0
// Plans of patterns, made acceptable to kernels that look into the buffers.
#include <algorithm>

#include "kexlab/arch.h"
#include "loader/arch/placement.h"

namespace kexlab {
namespace {

bool can_begin_with(const Segment& segment, std::uint64_t size) {
  return segment.buf == Pointer::valid && segment.bufsz >= size && segment.pieces.size() == 1 &&
         segment.pieces.front().kind == Piece::Kind::pattern && segment.pieces.front().size >= size;
}

bool begins_with(const Segment& segment, const Bytes& demanded) {
  return !segment.pieces.empty() && segment.pieces.front().bytes == demanded;
}

// Source: include/linux/of_fdt.h (OF_DT_HEADER).
constexpr std::uint32_t tree_magic = 0xd00dfeed;

bool begins_as_tree(const Segment& segment) {
  return !segment.pieces.empty() &&
         read_int<std::uint32_t>(segment.pieces.front().bytes, 0, std::endian::big) == tree_magic;
}

}  // namespace

const Segment* find_demanded(const Plan& plan, const Bytes& demanded) {
  const auto found = std::find_if(plan.segments.begin(), plan.segments.end(),
                                  [&](const Segment& segment) { return begins_with(segment, demanded); });
  return found == plan.segments.end() ? nullptr : &*found;
}

const Segment* find_last_tree(const Plan& plan) {
  const auto found = std::find_if(plan.segments.rbegin(), plan.segments.rend(), begins_as_tree);
  return found == plan.segments.rend() ? nullptr : &*found;
}

bool meet_demand(Plan& plan, const Bytes& demanded) {
  if (demanded.empty()) return true;
  const auto found = std::find_if(plan.segments.begin(), plan.segments.end(),
                                  [&](const Segment& segment) { return can_begin_with(segment, demanded.size()); });
  if (found == plan.segments.end()) return false;
  Piece& rest = found->pieces.front();
  rest.size -= demanded.size();
  found->pieces.insert(found->pieces.begin(), Piece::of(demanded));
  return true;
}

std::optional<Segment> demanded_segment(const RangeSet& free, Bytes demanded, std::uint64_t page) {
  const std::uint64_t size = demanded.size();
  const auto memsz = align_up(size, page);
  if (!memsz) return std::nullopt;
  const auto place = free.find(*memsz, page, whole_memory, RangeSet::Prefer::high);
  if (!place) return std::nullopt;
  Segment segment{.name = "demanded", .pieces = {Piece::of(std::move(demanded))}};
  segment.bufsz = size;
  segment.mem = place->start;
  segment.memsz = *memsz;
  return segment;
}

}  // namespace kexlab
