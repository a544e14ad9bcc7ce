// SPDX-License-Identifier: Apache-2.0
// Calls: a sane one first, then none to three mistakes at the places where the kernel looks.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/model/checks.h"
#include "harness/random/files.h"
#include "harness/random/random.h"
#include "harness/random/source.h"
#include "kexlab/arch.h"

namespace kexlab::random {
namespace {

constexpr std::uint64_t mib = std::uint64_t{1} << 20;
constexpr std::uint64_t gib = std::uint64_t{1} << 30;
// Contents travel as patterns and are made in the guest; this keeps a call at about a millisecond.
constexpr std::uint64_t most_contents = 64 << 10;
// A segment above this is given a buffer that cannot be read: the kernel would take its time to clear the memory.
constexpr std::uint64_t most_memory = 8 * mib;

struct Maker {
  Source& source;
  const World& world;
  Attempt& call;

  [[nodiscard]] std::uint64_t page() const { return world.situation.page_size; }
  [[nodiscard]] std::uint64_t half_of_ram() const { return world.situation.ram_pages / 2 * page(); }
  Segment& any_segment() { return call.plan.segments[source.below(call.plan.segments.size())]; }
  std::uint64_t any_of(std::initializer_list<std::uint64_t> values) { return source.pick(values); }
  /// Where crash images must lie; without a reservation, somewhere.
  [[nodiscard]] Range crash_range() const {
    return world.situation.crash_reservation.value_or(Range{256 * mib, 272 * mib});
  }
};

// Addresses that a kernel of this word can be asked for, RAM or not.
Range any_space(Maker& make) {
  std::vector<Range> spaces = make.world.usable.ranges();
  if (make.world.kernel) spaces.push_back(*make.world.kernel);
  spaces.push_back({3 * gib, 3 * gib + 64 * mib});  // devices, on most machines
  if (make.world.bits == 64 && !make.call.compat) spaces.push_back({64 * gib, 65 * gib});
  return make.source.pick(spaces);
}

std::uint64_t any_bufsz(Maker& make, std::uint64_t memsz) {
  const std::uint64_t bufsz = make.any_of({0, 1, memsz - 1, memsz, memsz, memsz, make.source.below(memsz + 1)});
  return std::min(bufsz, most_contents);
}

void lay_segments(Maker& make, bool crash) {
  const Range space = crash ? make.crash_range() : any_space(make);
  const std::uint64_t page = make.page();
  const std::uint64_t count = make.any_of({1, 1, 1, 2, 2, 3, 4, 7, 15, 16});
  std::uint64_t at = align_down(space.start + make.source.below(space.size() / 2 + 1) + page - 1, page);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t memsz = page * make.any_of({1, 1, 1, 1, 1, 2, 2, 3, 4, 9});
    if (at + memsz > space.end) break;
    Segment segment;
    segment.mem = at;
    segment.memsz = memsz;
    segment.bufsz = any_bufsz(make, memsz);
    make.call.plan.segments.push_back(std::move(segment));
    at += memsz + page * make.any_of({0, 0, 0, 1, 5, 300});
  }
  if (make.call.plan.segments.empty()) {
    Segment segment;
    segment.mem = align_down(space.start + page - 1, page);
    segment.memsz = segment.bufsz = page;
    make.call.plan.segments.push_back(std::move(segment));
  }
  make.call.plan.entry = make.call.plan.segments.front().mem;
  if (make.source.one_in(3)) make.source.shuffle(make.call.plan.segments);
}

// --- mistakes, each at one place ---

void flip_flag(Maker& make) { make.call.plan.flags ^= std::uint64_t{1} << make.source.below(16); }

void set_high_bit(Maker& make) {
  if (make.world.bits == 64) make.call.plan.flags |= std::uint64_t{1} << (32 + make.source.below(32));
}

// KEXEC_ARCH_* of include/uapi/linux/kexec.h, and numbers that are none.
void change_arch(Maker& make) {
  const std::uint64_t arch =
      make.any_of({0, 0, 0, 3, 4, 8, 10, 15, 20, 21, 22, 40, 42, 50, 62, 183, 243, 258, 1, 63, 0xffff, 0x8000});
  make.call.plan.flags = (make.call.plan.flags & ~kexec::arch_mask) | arch << 16;
}

void change_count(Maker& make) {
  const std::uint64_t have = make.call.plan.segments.size();
  make.call.plan.nr_segments = make.any_of({0, 0, have - 1, have + 1, 16, 17, 18, 65536, 0x7fffffff, 0xffffffff});
  if (make.world.bits == 64 && !make.call.compat && make.source.one_in(4)) {
    make.call.plan.nr_segments = make.any_of({std::uint64_t{1} << 32, std::uint64_t{1} << 63, ~std::uint64_t{0}});
  }
}

Pointer any_pointer(Maker& make) {
  return make.source.pick(std::array{Pointer::null, Pointer::unmapped, Pointer::half, Pointer::kernel,
                                     Pointer::read_only, Pointer::no_access});
}

void change_array(Maker& make) { make.call.plan.array = any_pointer(make); }
void change_buffer(Maker& make) { make.any_segment().buf = any_pointer(make); }

void change_entry(Maker& make) {
  const Range crash = make.crash_range();
  make.call.plan.entry = make.any_of({0, 1, ~std::uint64_t{0}, crash.start - 1, crash.start, crash.start + 3,
                                      crash.end - 1, crash.end, make.source.next()});
}

void move_segment(Maker& make) {
  Segment& segment = make.any_segment();
  const Segment other = make.any_segment();
  const std::uint64_t page = make.page(), other_end = other.mem + other.memsz;
  const Range crash = make.crash_range();
  // Where physical addresses end: 46 bits on x86_64, 52 with five-level page tables (arch/x86/include/asm/sparsemem.h,
  // MAX_PHYSMEM_BITS, which is its KEXEC_DESTINATION_MEMORY_LIMIT); 48 or 52 on arm64 (arch/arm64/Kconfig,
  // ARM64_PA_BITS).
  const std::uint64_t top = std::uint64_t{1} << make.any_of({46, 48, 52});
  segment.mem = make.any_of({segment.mem + 1,
                             segment.mem - 1,
                             segment.mem + page / 2,
                             segment.mem + page,
                             0,
                             page,
                             0 - page,
                             0 - 2 * page,
                             0 - segment.memsz,
                             top - segment.memsz,
                             top - segment.memsz - page,
                             top,
                             crash.start - page,
                             crash.start,
                             crash.end - segment.memsz,
                             crash.end - segment.memsz + page,
                             crash.end,
                             other.mem,
                             other.mem + page,
                             other_end - page,
                             other_end,
                             other.mem - segment.memsz,
                             other.mem - segment.memsz + page});
}

void resize_segment(Maker& make) {
  Segment& segment = make.any_segment();
  const std::uint64_t page = make.page(), half = make.half_of_ram();
  segment.memsz = make.any_of({0, 0, segment.memsz + 1, segment.memsz - 1, page / 2, segment.memsz + page, half,
                               half + page, half - page, 2 * half, std::uint64_t{1} << 63, 0 - page, 0 - segment.mem,
                               0 - segment.mem - page, make.crash_range().size() + page});
}

void change_bufsz(Maker& make) {
  Segment& segment = make.any_segment();
  segment.bufsz = make.any_of({segment.memsz + 1, segment.memsz + make.page(), segment.memsz, segment.memsz - 1, 0,
                               0x7fffffff, ~std::uint64_t{0}});
}

void other_caller(Maker& make) { change_caller(make.world, make.source, make.call.as); }

// Two segments of sane places, whose sum is what the kernel compares with half of its memory.
void share_half(Maker& make) {
  const std::uint64_t half = make.half_of_ram(), page = make.page();
  if (half < 4 * page || (make.call.plan.flags & kexec::on_crash) != 0) return;
  const std::uint64_t first = page * (1 + make.source.below(half / page - 1));
  const std::uint64_t second = make.any_of({half - first, half - first + page, half - first - page});
  const std::uint64_t at = make.world.bits == 64 && !make.call.compat ? 4 * gib : gib;
  auto& segments = make.call.plan.segments;
  segments.resize(2);
  segments[0].mem = at;
  segments[0].memsz = first;
  segments[1].mem = at + first + page;
  segments[1].memsz = second;
  for (auto& segment : segments) segment.bufsz = 16;
}

void insert_empty(Maker& make) {
  const Segment other = make.any_segment();
  if (make.call.plan.segments.size() > 16) return;
  Segment empty;
  empty.mem = make.any_of({other.mem, other.mem + make.page(), other.mem + other.memsz, other.mem + make.page() / 2});
  const auto at = make.source.below(make.call.plan.segments.size() + 1);
  make.call.plan.segments.insert(make.call.plan.segments.begin() + static_cast<std::ptrdiff_t>(at), empty);
}

using Mistake = void (*)(Maker&);
constexpr Mistake mistakes[] = {flip_flag,    set_high_bit, change_arch,  change_count, change_array,   change_buffer,
                                change_entry, move_segment, move_segment, move_segment, resize_segment, resize_segment,
                                change_bufsz, other_caller, share_half,   insert_empty};

// --- what the model does not know is taken out again ---

void leave_memory(Maker& make, Segment& segment) {
  const std::uint64_t room = make.crash_range().size();
  const bool crash = (make.call.plan.flags & kexec::on_crash) != 0;
  // x86_64's page tables take some of what is left of a reservation; how many pages is the kernel's own affair.
  if (crash && segment.memsz <= room && segment.memsz > room / 2) segment.memsz = align_down(room / 4, make.page());
  if (segment.memsz > most_memory) {
    segment.buf = Pointer::unmapped;
    segment.bufsz = std::max<std::uint64_t>(segment.bufsz, 1);
  }
}

void name_and_fill(Segment& segment, std::uint32_t seed) {
  segment.name = fmt::format("s{}", seed);
  if (segment.bufsz > most_contents && segment.buf != Pointer::kernel) segment.buf = Pointer::unmapped;
  const std::uint64_t size = std::min(segment.bufsz, most_contents);
  segment.pieces = {Piece::of_pattern(seed, size)};
}

/// A 32-bit program can say it, as it is or as a negative number.
bool fits_32_bits(std::uint64_t value) { return value >> 32 == 0 || value >> 31 == 0x1ffffffff; }

bool fits_32_bits(const Plan& plan) {
  return fits_32_bits(plan.entry) && fits_32_bits(plan.flags) && fits_32_bits(plan.count()) &&
         std::all_of(plan.segments.begin(), plan.segments.end(), [](const Segment& segment) {
           return fits_32_bits(segment.mem) && fits_32_bits(segment.memsz) && fits_32_bits(segment.bufsz);
         });
}

/// What a program of 32 bits would make of the numbers.
void cut_to_32_bits(Plan& plan) {
  constexpr std::uint64_t word = 0xffffffff;
  plan.entry &= word;
  plan.flags &= word;
  if (plan.nr_segments) *plan.nr_segments &= word;
  for (Segment& segment : plan.segments) {
    segment.mem &= word;
    segment.memsz &= word;
    segment.bufsz &= word;
  }
}

void keep_to_what_is_known(Maker& make) {
  Plan& plan = make.call.plan;
  if (make.world.bits == 32) cut_to_32_bits(plan);
  const bool fills_memory = model::since(make.world.situation, 6, 8);
  if (fills_memory && plan.count() > plan.segments.size() && plan.count() <= kexec::segment_max) {
    plan.nr_segments.reset();
  }
  const bool crash = (plan.flags & kexec::on_crash) != 0;
  std::uint32_t seed = 1;
  for (Segment& segment : plan.segments) {
    if (crash && !make.world.empty_crash && segment.memsz == 0) segment.memsz = make.page();
    if (fills_memory && segment.mem == 0 && segment.memsz == 0) segment.mem = make.page();
    leave_memory(make, segment);
    name_and_fill(segment, seed++);
  }
  make.call.compat &= fits_32_bits(plan);
}

Attempt unload(const World& world, bool crash) {
  Attempt call;
  call.plan.arch = world.situation.arch;
  call.plan.flags = world.kexec_arch | (crash ? kexec::on_crash : 0);
  call.plan.array = Pointer::null;
  call.plan.nr_segments = 0;
  return call;
}

Attempt make_call(const World& world, Source& source) {
  const bool crash = source.one_in(world.situation.crash_reservation ? 3 : 8);
  if (source.one_in(10)) return unload(world, crash);
  if (world.header != nullptr && source.one_in(2)) return make_file_call(world, source, crash);
  Attempt call;
  call.plan.arch = world.situation.arch;
  call.compat = world.compat && source.one_in(4);
  call.plan.flags = world.kexec_arch | (crash ? kexec::on_crash : 0);
  Maker make{source, world, call};
  lay_segments(make, crash);
  for (auto n = make.any_of({0, 0, 0, 1, 1, 1, 1, 2, 2, 3}); n > 0; --n)
    mistakes[source.below(std::size(mistakes))](make);
  keep_to_what_is_known(make);
  if (!world.demanded.empty() && !source.one_in(8)) meet_demand(call.plan, world.demanded);
  return call;
}

}  // namespace

Episode make_reset(const World& world) { return {unload(world, false), unload(world, true)}; }

Episode make_episode(const World& world, std::uint64_t seed, std::uint64_t number) {
  Source source(derive(seed, number));
  Episode episode = make_reset(world);
  while (episode.size() < episode_calls) episode.push_back(make_call(world, source));
  return episode;
}

}  // namespace kexlab::random
