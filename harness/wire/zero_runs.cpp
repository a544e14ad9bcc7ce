// SPDX-License-Identifier: Apache-2.0
// Zero runs: encoder and decoder.
#include "harness/wire/zero_runs.h"

namespace kexlab::wire {
namespace {

// A group costs at most 8 bytes of counts, so that shorter runs are not worth one.
constexpr std::size_t shortest_run = 9;
constexpr unsigned most_count_bytes = 4;

void append_count(Bytes& out, std::size_t count) {
  while (count >= 0x80) {
    out.push_back(static_cast<std::byte>(count | 0x80));
    count >>= 7;
  }
  out.push_back(static_cast<std::byte>(count));
}

std::optional<std::size_t> take_count(ByteView& in) {
  std::size_t count = 0;
  for (unsigned i = 0; i < most_count_bytes && i < in.size(); ++i) {
    const auto value = std::to_integer<std::size_t>(in[i]);
    count |= (value & 0x7f) << (7 * i);
    if (value >= 0x80) continue;
    in = in.subspan(i + 1);
    return count;
  }
  return std::nullopt;
}

std::size_t zeros_at(ByteView data, std::size_t at) {
  std::size_t end = at;
  while (end < data.size() && data[end] == std::byte{0}) ++end;
  return end - at;
}

}  // namespace

Bytes pack_zero_runs(ByteView data) {
  Bytes out;
  out.reserve(data.size() + zero_runs_overhead);
  const auto append_group = [&](ByteView literals, std::size_t zeros) {
    append_count(out, literals.size());
    out.insert(out.end(), literals.begin(), literals.end());
    append_count(out, zeros);
  };
  std::size_t start = 0;  // of the literals of the next group
  std::size_t at = 0;
  while (at < data.size()) {
    const std::size_t run = zeros_at(data, at);
    if (run >= shortest_run) {
      append_group(data.subspan(start, at - start), run);
      start = at + run;
    }
    at += run == 0 ? 1 : run;
  }
  if (start < data.size()) append_group(data.subspan(start), 0);
  return out;
}

std::optional<Bytes> unpack_zero_runs(ByteView packed, std::size_t most) {
  Bytes out;
  while (!packed.empty()) {
    const auto literals = take_count(packed);
    if (!literals || *literals > packed.size() || *literals > most - out.size()) return std::nullopt;
    out.insert(out.end(), packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(*literals));
    packed = packed.subspan(*literals);
    const auto zeros = take_count(packed);
    if (!zeros || *zeros > most - out.size()) return std::nullopt;
    out.resize(out.size() + *zeros);
  }
  return out;
}

}  // namespace kexlab::wire
