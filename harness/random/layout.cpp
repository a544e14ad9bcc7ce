// SPDX-License-Identifier: Apache-2.0
// Layouts: sane, and as hard on the kernel's copying as they can be.
#include <fmt/format.h>

#include <algorithm>

#include "harness/random/random.h"
#include "harness/random/source.h"

namespace kexlab::random {
namespace {

struct Style {
  std::uint64_t count;
  std::uint64_t most_pages;  ///< of one segment
  std::uint64_t most_gap;    ///< pages between neighbours; 0: they touch
};

// Few and large, many and small with holes as large as themselves, one behind the other, far apart.
Style any_style(Source& source, std::uint64_t budget_pages) {
  const std::uint64_t share = std::max<std::uint64_t>(budget_pages / 15, 1);
  return source.pick(std::initializer_list<Style>{{2, budget_pages / 2, budget_pages},
                                                  {15, share, share},
                                                  {15, share, 0},
                                                  {8, 3, 5000},
                                                  {1 + source.below(15), share, 1 + source.below(64)}});
}

Segment place(Source& source, const Range& range, std::uint64_t seed) {
  Segment segment{.name = fmt::format("s{}", seed)};
  segment.mem = range.start;
  segment.memsz = range.size();
  const std::uint64_t size = range.size();
  segment.bufsz = source.pick(
      std::initializer_list<std::uint64_t>{size, size, size, size - 1, size - 8, source.below(size + 1), 0, 1});
  segment.pieces = {Piece::of_pattern(static_cast<std::uint32_t>(seed), segment.bufsz)};
  return segment;
}

}  // namespace

std::vector<Segment> make_layout(const World& world, std::uint64_t seed) {
  Source source(derive(seed, 0));
  const std::uint64_t page = world.situation.page_size;
  const std::uint64_t budget = world.situation.ram_pages / 8;
  const Style style = any_style(source, budget);
  RangeSet free = world.usable;
  if (world.kernel && world.over_kernel && source.one_in(2))
    free.add({align_down(world.kernel->start, page), align_down(world.kernel->end, page)});
  std::vector<Segment> segments;
  if (free.ranges().empty()) return segments;
  std::uint64_t at = 0, left = budget;
  for (std::uint64_t i = 0; i < style.count && left > 0; ++i) {
    const std::uint64_t pages = std::min(left, 1 + source.below(std::max<std::uint64_t>(style.most_pages, 1)));
    const Range space = source.pick(free.ranges());
    // A new neighbourhood first, and now and then; else behind the one before.
    if (i == 0 || source.one_in(8)) at = space.start + source.below(space.size());
    at = align_down(at + page - 1, page);
    const auto hole = free.find(pages * page, page, Range{at, UINT64_MAX}, RangeSet::Prefer::low);
    const auto range = hole ? hole : free.find(pages * page, page, Range{0, UINT64_MAX}, RangeSet::Prefer::low);
    if (!range) continue;
    free.remove(*range);
    left -= pages;
    segments.push_back(place(source, *range, i + 1));
    at = range->end + page * (style.most_gap == 0 ? 0 : source.below(style.most_gap + 1));
  }
  if (source.one_in(2)) source.shuffle(segments);
  return segments;
}

}  // namespace kexlab::random
