// SPDX-License-Identifier: Apache-2.0
// SHA-256 of a stream of bytes. Source: FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kexlab/bytes.h"

namespace kexlab {

using Sha256Digest = std::array<std::byte, 32>;

/// Digests bytes that come in pieces of any size, up to 2^61 bytes in all.
/// Own code and not a library's because it is also part of a static program for every guest architecture.
class Sha256 {
 public:
  void update(ByteView bytes);
  /// The digest of all bytes so far; more may follow.
  [[nodiscard]] Sha256Digest digest() const;

 private:
  void block(const std::byte* bytes);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> waiting_{};  ///< length_ % 64 bytes of an unfinished block
  std::uint64_t length_ = 0;             ///< bytes so far
};

/// The digest of bytes that are all at hand.
Sha256Digest sha256(ByteView bytes);
/// 64 lower-case hex digits.
std::string to_hex(const Sha256Digest& digest);

}  // namespace kexlab
