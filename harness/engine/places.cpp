// SPDX-License-Identifier: Apache-2.0
// Where a scenario's names lie on a machine, and the segments that it writes down there.
#include "harness/engine/places.h"

#include <fmt/format.h>

#include <algorithm>

#include "kexlab/arch.h"

namespace kexlab::engine {
namespace {

std::uint64_t up(std::uint64_t value, std::uint64_t page) { return (value + page - 1) & ~(page - 1); }

Range largest(const RangeSet& set) {
  Range best;
  for (const auto& range : set.ranges()) {
    if (range.size() > best.size()) best = range;
  }
  return best;
}

}  // namespace

std::optional<std::uint64_t> Places::lookup(std::string_view base) const {
  const Arch* arch = find_arch(facts_.machine.arch);
  const RangeSet usable = arch != nullptr ? arch->usable(facts_.machine, false) : facts_.machine.memory.ram();
  const Range ram = largest(usable);
  auto first = [&](std::string_view name) -> std::optional<Range> {
    const auto found = facts_.machine.memory.named(name);
    if (found.empty()) return std::nullopt;
    return *std::max_element(found.begin(), found.end(), [](auto& a, auto& b) { return a.size() < b.size(); });
  };
  auto edge = [](const std::optional<Range>& range, bool end) -> std::optional<std::uint64_t> {
    if (!range) return std::nullopt;
    return end ? range->end : range->start;
  };
  const auto page = facts_.machine.page_size;
  if (base == "page") return page;
  // Rounded inwards, so that "ram" and "ram end" are page boundaries on every target.
  if (base == "ram") return up(ram.start, page);
  if (base == "ram end") return ram.end & ~(page - 1);
  if (base == "ram size") return facts_.ram_pages * page;
  if (base == "previous start") return edge(previous_, false);
  if (base == "previous end") return edge(previous_, true);
  if (base == "crash start") return edge(first("Crash kernel"), false);
  if (base == "crash end") return edge(first("Crash kernel"), true);
  if (base == "kernel start") return edge(first("Kernel code"), false);
  if (base == "kernel end") return edge(first("Kernel code"), true);
  if (base == "high") {
    const auto hole = usable.find(std::uint64_t{16} << 20, page, Range{0, UINT64_MAX}, RangeSet::Prefer::high);
    return edge(hole, false);
  }
  if (base == "marker") return facts_.marker;
  if (base == "witness") return target_.witness_address;
  return std::nullopt;
}

Result<std::uint64_t> Places::value(const scenario::Expression& expression) const {
  return scenario::evaluate(expression, [this](std::string_view base) { return lookup(base); });
}

Result<std::uint64_t> Places::first(bool crash) const {
  const char* base = crash ? "crash start" : "ram";
  if (auto value = lookup(base)) return *value;
  return fail(Errc::not_found, "place the first segment", fmt::format("this machine has no '{}'", base),
              "give the segment an address with `at`");
}

Result<Segment> Places::lay(const scenario::SegmentSpec& spec, std::size_t index, bool crash) {
  auto memsz = value(spec.size);
  auto bufsz = spec.data ? value(*spec.data) : memsz;
  auto at = spec.at ? value(*spec.at) : previous_ ? Result<std::uint64_t>(previous_->end) : first(crash);
  for (auto* number : {&memsz, &bufsz, &at}) {
    if (!*number) return tl::unexpected(number->error());
  }
  Segment segment{.name = spec.name.empty() ? fmt::format("segment {}", index + 1) : spec.name};
  segment.mem = *at;
  segment.memsz = *memsz;
  segment.bufsz = *bufsz;
  segment.buf = spec.buf.kind;
  segment.buf_address = spec.buf.address;
  // A buffer that the kernel never gets to read (a size beyond reason) needs no bytes behind it.
  constexpr std::uint64_t most = std::uint64_t{1} << 30;
  segment.pieces = {Piece::of_pattern(spec.pattern != 0 ? spec.pattern : static_cast<std::uint32_t>(index + 1),
                                      std::min(*bufsz, most))};
  previous_ = Range{*at, *at + *memsz};  // may wrap on purpose; only its edges are used
  return segment;
}

Result<std::vector<Segment>> Places::lay(const scenario::LoadStep& load) {
  previous_.reset();
  std::vector<Segment> segments;
  for (std::size_t i = 0; i < load.segments.size(); ++i) {
    auto segment = lay(load.segments[i], i, load.crash);
    if (!segment) return tl::unexpected(segment.error());
    segments.push_back(std::move(*segment));
  }
  return segments;
}

namespace {

// Where no buffer of the scenario can begin with what the kernel demands, a segment of its own does, so that the
// scenario's own mistake is what is judged. A plan without room for one stays as it is.
void demand(const Arch& arch, const Machine& machine, Plan& plan) {
  Bytes demanded = arch.demanded(machine);
  const bool room = !plan.segments.empty() && plan.segments.size() < kexec::segment_max && !plan.nr_segments;
  if (meet_demand(plan, demanded) || !room) return;
  RangeSet free = arch.usable(machine, (plan.flags & kexec::on_crash) != 0);
  for (const Segment& segment : plan.segments) {
    if (const auto range = Range::sized(segment.mem, segment.memsz)) free.remove(*range);
  }
  if (auto own = demanded_segment(free, std::move(demanded), machine.page_size)) {
    plan.segments.push_back(std::move(*own));
  }
}

}  // namespace

Result<Plan> written_plan(const scenario::LoadStep& load, const Facts& facts, const Target& target) {
  const Arch* arch = find_arch(target.name);
  if (arch == nullptr) return fail(Errc::unsupported, "plan segments", "no boot protocol for " + target.name);
  Places places(facts, target);
  auto segments = places.lay(load);
  if (!segments) return tl::unexpected(segments.error());
  Plan plan{.arch = target.name, .flags = arch->kexec_arch, .segments = std::move(*segments)};
  if (!plan.segments.empty()) plan.entry = plan.segments.front().mem;
  if (load.entry) {
    auto entry = places.value(*load.entry);
    if (!entry) return tl::unexpected(entry.error());
    plan.entry = *entry;
  }
  set_arguments(load, plan);
  if (arch->demanded != nullptr) demand(*arch, facts.machine, plan);
  return plan;
}

void set_arguments(const scenario::LoadStep& load, Plan& plan) {
  plan.flags |= load.extra_flags | (load.crash ? kexec::on_crash : 0);
  if (load.arch) plan.flags = (plan.flags & ~kexec::arch_mask) | *load.arch;
  plan.nr_segments = load.nr_segments;
  plan.array = load.array.kind;
  plan.array_address = load.array.address;
}

}  // namespace kexlab::engine
