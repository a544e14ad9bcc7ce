// SPDX-License-Identifier: Apache-2.0
// SHA-256 as FIPS 180-4 describes it, section 6.2; names of functions and variables are the standard's.
#include "kexlab/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace kexlab {
namespace {

constexpr std::array<std::uint32_t, 64> constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_word(const std::byte* at) {
  std::uint32_t word = 0;
  for (unsigned i = 0; i < 4; ++i) word = word << 8 | std::to_integer<std::uint32_t>(at[i]);
  return word;
}

std::array<std::uint32_t, 64> schedule(const std::byte* block) {
  std::array<std::uint32_t, 64> w{};
  for (unsigned t = 0; t < 16; ++t) w[t] = big_word(block + std::size_t{4} * t);
  for (unsigned t = 16; t < 64; ++t) {
    const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = s1 + w[t - 7] + s0 + w[t - 16];
  }
  return w;
}

}  // namespace

void Sha256::block(const std::byte* bytes) {
  const std::array<std::uint32_t, 64> w = schedule(bytes);
  auto [a, b, c, d, e, f, g, h] = state_;
  for (unsigned t = 0; t < 64; ++t) {
    const std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + constants[t] + w[t];
    const std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::uint32_t add[8] = {a, b, c, d, e, f, g, h};
  for (unsigned i = 0; i < 8; ++i) state_[i] += add[i];
}

void Sha256::update(ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t used = static_cast<std::size_t>(length_ % 64);
    if (used == 0 && bytes.size() >= 64) {
      block(bytes.data());
      length_ += 64;
      bytes = bytes.subspan(64);
      continue;
    }
    const std::size_t take = std::min(bytes.size(), 64 - used);
    std::memcpy(waiting_.data() + used, bytes.data(), take);
    length_ += take;
    bytes = bytes.subspan(take);
    if (used + take == 64) block(waiting_.data());
  }
}

Sha256Digest Sha256::digest() const {
  // On a copy, so that the stream may go on. Padding: a one bit, zeros, the length in bits as 64-bit big-endian.
  Sha256 padded = *this;
  Bytes padding(64 - (length_ + 8) % 64 + 8);
  padding[0] = std::byte{0x80};
  write_int<std::uint64_t>(padding, padding.size() - 8, length_ * 8, std::endian::big);
  padded.update(padding);
  Sha256Digest digest{};
  for (unsigned i = 0; i < 8; ++i) {
    write_int<std::uint32_t>(digest, std::uint64_t{4} * i, padded.state_[i], std::endian::big);
  }
  return digest;
}

Sha256Digest sha256(ByteView bytes) {
  Sha256 stream;
  stream.update(bytes);
  return stream.digest();
}

std::string to_hex(const Sha256Digest& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

}  // namespace kexlab
