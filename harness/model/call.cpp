// SPDX-License-Identifier: Apache-2.0
// From a plan to the call that the kernel sees.
#include "harness/model/call.h"

#include <algorithm>

#include "harness/model/checks.h"
#include "kexlab/call.h"

namespace kexlab::model {
namespace {

constexpr std::uint64_t all = ~std::uint64_t{0};
constexpr std::uint64_t max_32 = 0xffffffff;

std::uint64_t whole_pages(std::uint64_t size, std::uint64_t page) { return (size + page - 1) & ~(page - 1); }

/// Bytes that can be read from such a pointer on, where `size` bytes were put behind it (MaterialisedCall). A guarded
/// one blocks, then reads; a tag is refused as long as the caller has not asked for tagged addresses.
std::uint64_t readable_bytes(Pointer kind, std::uint64_t size, std::uint64_t page) {
  switch (kind) {
    case Pointer::valid:
    case Pointer::read_only:
    case Pointer::guarded:
      return whole_pages(std::max(size, std::uint64_t{1}), page);
    case Pointer::half:
      return size / 2;
    case Pointer::tight:
      return size;
    case Pointer::one_short:
      return size - std::min(size, std::uint64_t{1});
    case Pointer::null:
    case Pointer::unmapped:
    case Pointer::kernel:
    case Pointer::no_access:
    case Pointer::tagged:
    case Pointer::address:
      return 0;
  }
  return 0;
}

std::uint64_t readable_bytes(const Segment& segment, std::uint64_t page) {
  const std::uint64_t readable = readable_bytes(segment.buf, pieces_length(segment).value_or(0), page);
  // A file's mapping begins at the page that the piece begins in.
  const bool mapped = segment.pieces.size() == 1 && segment.pieces[0].kind == Piece::Kind::source;
  if (!mapped || readable == 0 || (segment.buf != Pointer::valid && segment.buf != Pointer::read_only)) return readable;
  const Piece& piece = segment.pieces[0];
  const std::uint64_t lead = piece.offset & (page - 1);
  return whole_pages(lead + piece.size, page) - lead;
}

}  // namespace

Call make_call(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat) {
  Call call;
  call.situation = &situation;
  call.as = &as;
  call.contract = &contract_of(situation.arch);
  call.compat = compat;
  // A 32-bit caller's arguments and segments are u32, widened. Source: kernel/kexec.c,
  // COMPAT_SYSCALL_DEFINE4(kexec_load).
  const std::uint64_t word = compat || call.contract->bits == 32 ? max_32 : all;
  call.entry = plan.entry & word;
  // KEXEC_ARCH_MASK is an unsigned int, so ~KEXEC_ARCH_MASK drops bits 32 to 63 too.
  call.flags = plan.flags & max_32;
  call.nr_segments = plan.count() & word;
  const std::uint64_t padded = std::min(plan.count(), MaterialisedCall::most_padding_entries);
  const std::uint64_t entries = std::max<std::uint64_t>(plan.segments.size(), padded);
  call.array_readable = readable_bytes(plan.array, entries * call.entry_size(), situation.page_size);
  const std::uint64_t count = std::min(call.nr_segments, kexec::segment_max);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i >= plan.segments.size()) {
      call.segments.push_back({});
      continue;
    }
    const Segment& segment = plan.segments[i];
    call.segments.push_back({segment.bufsz & word, segment.mem & word, segment.memsz & word,
                             readable_bytes(segment, situation.page_size), &segment});
  }
  return call;
}

std::uint64_t Call::end(const CallSegment& segment) const {
  const std::uint64_t end = segment.mem + segment.memsz;
  return contract->bits == 32 ? end & max_32 : end;
}

std::uint64_t Call::destination_limit() const {
  if (contract->destination_limit != nullptr) return contract->destination_limit(*situation);
  return contract->bits == 32 ? max_32 : all;
}

bool Call::since(unsigned major, unsigned minor) const { return model::since(*situation, major, minor); }

bool Call::config(std::string_view option, bool unknown) const { return has_option(*situation, option, unknown); }

// Without a crash slot the flag is allowed and means nothing.
bool Call::crash() const { return (flags & kexec::on_crash) != 0 && has_crash_slot(*situation); }

std::uint64_t Call::crash_first() const {
  return situation->crash_reservation ? situation->crash_reservation->start : 0;
}

std::uint64_t Call::crash_last() const {
  const auto& reservation = situation->crash_reservation;
  return reservation && !reservation->empty() ? reservation->end - 1 : 0;
}

}  // namespace kexlab::model
