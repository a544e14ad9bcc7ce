// SPDX-License-Identifier: Apache-2.0
// A fast 64-bit digest, small enough to be written again in an entry stub or a freestanding witness. Not cryptographic.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kexlab/bytes.h"

namespace kexlab {

/// The multiplier and the addend of a step. Odd constants with well-spread bits, as splitmix64 and xxHash use them.
inline constexpr std::uint64_t fast_digest_multiplier = 0x9E3779B97F4A7C15;
inline constexpr std::uint64_t fast_digest_addend = 0x165667B19E3779F9;
/// Left rotation of each step, in bits.
inline constexpr unsigned fast_digest_rotation = 27;

/// One step over one word, for those who read words by themselves.
constexpr std::uint64_t fast_digest_step(std::uint64_t state, std::uint64_t word) {
  const std::uint64_t mixed = state ^ word;
  const std::uint64_t rotated = mixed << fast_digest_rotation | mixed >> (64 - fast_digest_rotation);
  return rotated * fast_digest_multiplier + fast_digest_addend;
}

/// The digest, exactly (every implementation on every target gives the same number):
///   h = 0
///   for each 8 bytes, read as a little-endian word w (the last word padded with zero bytes):
///     h = rotl64(h ^ w, 27) * 0x9E3779B97F4A7C15 + 0x165667B19E3779F9   (mod 2^64)
///   h = h ^ total length in bytes
/// No bytes at all: 0. It finds damage, not malice. About 1 ns a word where 64-bit multiplication is native.
std::uint64_t fast_digest(ByteView bytes);

/// The same digest over bytes that come in pieces of any size.
class FastDigest {
 public:
  void update(ByteView bytes);
  /// The digest of all bytes so far; more may follow.
  [[nodiscard]] std::uint64_t value() const;

 private:
  std::uint64_t state_ = 0;
  std::uint64_t word_ = 0;    ///< bytes of the unfinished word, the first in the lowest place
  std::uint64_t length_ = 0;  ///< bytes so far; length_ % 8 of them wait in word_
};

}  // namespace kexlab
