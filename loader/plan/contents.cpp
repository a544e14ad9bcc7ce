// SPDX-License-Identifier: Apache-2.0
// The bytes of a segment: the deterministic pattern, and pieces laid end to end.
#include <algorithm>

#include "kexlab/plan.h"
#include "kexlab/text.h"

namespace kexlab {
namespace {

// Output number `index` of splitmix64 seeded with `seed`. Source: Vigna, https://prng.di.unimi.it/splitmix64.c.
std::uint64_t pattern_word(std::uint32_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

std::string asked(const Segment& segment) { return "gather the bytes of segment " + segment.name; }

Status append_source(const Segment& segment, const Piece& piece, Resolver resolve, void* context, Bytes& out) {
  const auto source = resolve(context, piece.source);
  if (!source) return tl::unexpected<Error>(source.error());
  const auto part = slice(*source, piece.offset, piece.size);
  if (!part) {
    return fail(Errc::truncated, asked(segment),
                piece.source + " has " + hex(source->size()) + " bytes, the piece is " + hex(piece.size) + " at " +
                    hex(piece.offset));
  }
  out.insert(out.end(), part->begin(), part->end());
  return {};
}

void append_pattern(const Piece& piece, Bytes& out) {
  const std::size_t at = out.size();
  out.resize(at + static_cast<std::size_t>(piece.size));
  fill_pattern(piece.seed, 0, std::span(out).subspan(at));
}

}  // namespace

void fill_pattern(std::uint32_t seed, std::uint64_t offset, std::span<std::byte> out) {
  std::size_t at = 0;
  while (at < out.size()) {
    const std::uint64_t position = offset + at;
    const std::uint64_t word = pattern_word(seed, position / 8);
    const unsigned from = static_cast<unsigned>(position % 8);
    const std::size_t take = std::min<std::size_t>(8 - from, out.size() - at);
    for (std::size_t i = 0; i < take; ++i) out[at + i] = static_cast<std::byte>(word >> (8 * (from + i)));
    at += take;
  }
}

Result<std::uint64_t> pieces_length(const Segment& segment) {
  std::uint64_t sum = 0;
  for (const Piece& piece : segment.pieces) {
    if (piece.length() > PlanLimits::segment_bytes || sum + piece.length() > PlanLimits::segment_bytes) {
      return fail(Errc::no_space, "add up the pieces of segment " + segment.name,
                  "they pass " + hex(PlanLimits::segment_bytes) + " bytes, the most that a buffer may hold");
    }
    sum += piece.length();
  }
  return sum;
}

Result<Bytes> segment_bytes(const Segment& segment, Resolver resolve, void* context) {
  const auto length = pieces_length(segment);
  if (!length) return tl::unexpected<Error>(length.error());
  Bytes out;
  for (const Piece& piece : segment.pieces) {
    if (piece.kind == Piece::Kind::inline_bytes) {
      out.insert(out.end(), piece.bytes.begin(), piece.bytes.end());
    } else if (piece.kind == Piece::Kind::pattern) {
      append_pattern(piece, out);
    } else if (auto added = append_source(segment, piece, resolve, context, out); !added) {
      return tl::unexpected<Error>(added.error());
    }
  }
  return out;
}

}  // namespace kexlab
