// SPDX-License-Identifier: Apache-2.0
// Frames on a byte stream that may carry anything else too (console noise): one printable, checksummed line each.
//
//   '@' 'K' kind(1) ':' length(4 hex) ':' base64(payload) ':' crc32(8 hex, over kind, length and payload text) '\n'
//
// Printable lines survive line disciplines, firmware and line-mode consoles; a line that is no good frame is text.
// Used by the host, by the agent and (encoding only, see witness) by freestanding code; so: no exceptions, no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/bytes.h"

namespace kexlab::wire {

/// Most payload bytes in one frame; longer messages are split by message.h.
inline constexpr std::size_t max_payload = 1536;

struct Frame {
  char kind = 0;  ///< 'M' last part of an agent message, 'm' part that continues, 'W' witness record
  Bytes payload;
};

std::uint32_t crc32(ByteView bytes, std::uint32_t crc = 0);  ///< IEEE 802.3, reflected, as zlib's

/// The line, with a leading newline so that a half-written console line never swallows it.
std::string encode_frame(char kind, ByteView payload);

/// Takes a stream apart. Memory is bounded by max_payload whatever arrives; damaged frames are counted, not fatal.
class Decoder {
 public:
  /// Feeds bytes; appends complete good frames to `frames`, and everything that is no frame to `text`, if not null.
  void feed(std::string_view bytes, std::vector<Frame>& frames, std::string* text);
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

 private:
  std::string line_;
  bool overflow_ = false;
  std::uint64_t damaged_ = 0;
};

}  // namespace kexlab::wire
