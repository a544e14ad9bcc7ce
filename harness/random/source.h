// SPDX-License-Identifier: Apache-2.0
// Random numbers that are the same for the same seed on every host: the standard's distributions are not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kexlab::random {

/// splitmix64. Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
class Source {
 public:
  explicit Source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  /// 0 to n-1; n > 0. The bias is below n / 2^64.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// One element of a list that is not empty.
  template <class List>
  auto pick(const List& list) {
    return *(list.begin() + static_cast<std::ptrdiff_t>(below(list.size())));
  }
  template <class List>
  void shuffle(List& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

 private:
  std::uint64_t state_;
};

/// A seed of its own for each pair, so that neighbours have nothing in common.
inline std::uint64_t derive(std::uint64_t seed, std::uint64_t index) {
  return Source(Source(seed).next() ^ index * 0xD1342543DE82EF95).next();
}

}  // namespace kexlab::random
