// SPDX-License-Identifier: Apache-2.0
// The fast digest: whole words straight from the bytes, the rest collected in a word.
#include "kexlab/fast_digest.h"

namespace kexlab {
namespace {

// Written byte by byte so that it means the same on big-endian hosts and on hosts that trap on unaligned reads;
// compilers make one load of it where that is allowed.
std::uint64_t little_word(const std::byte* at) {
  std::uint64_t word = 0;
  for (unsigned i = 0; i < 8; ++i) word |= std::to_integer<std::uint64_t>(at[i]) << (8 * i);
  return word;
}

}  // namespace

void FastDigest::update(ByteView bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const unsigned waiting = static_cast<unsigned>(length_ % 8);
    if (waiting == 0 && bytes.size() - at >= 8) {
      state_ = fast_digest_step(state_, little_word(bytes.data() + at));
      length_ += 8;
      at += 8;
      continue;
    }
    word_ |= std::to_integer<std::uint64_t>(bytes[at++]) << (8 * waiting);
    ++length_;
    if (waiting == 7) {
      state_ = fast_digest_step(state_, word_);
      word_ = 0;
    }
  }
}

std::uint64_t FastDigest::value() const {
  const std::uint64_t state = length_ % 8 == 0 ? state_ : fast_digest_step(state_, word_);
  return state ^ length_;
}

std::uint64_t fast_digest(ByteView bytes) {
  FastDigest digest;
  digest.update(bytes);
  return digest.value();
}

}  // namespace kexlab
