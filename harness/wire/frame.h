// SPDX-License-Identifier: Apache-2.0
// Frames on a byte stream that may carry anything else too (console noise): one printable, checksummed line each.
//
//   '@' 'K' kind(1) ':' length(4 hex) ':' base64(payload) ':' crc32(8 hex) '\n'
//
// length: payload bytes before base64. base64: RFC 4648 with '=' padding and zero pad bits. Hex digits are lower case.
// crc32: over the text from kind to the last base64 character, both colons between them included, in other words
// everything between "@K" and the last colon. Example: payload "ok" of kind 'W' is "@KW:0002:b2s=:0ed53394\n".
//
// Printable lines survive line disciplines, firmware and line-mode consoles; a line that is no good frame is text.
// Carriage returns before the newline are ignored (ttys add them). Decoding is strict in everything else, so that no
// single changed character gives another good frame.
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
/// Preconditions: `kind` is an ASCII letter, payload.size() <= max_payload; otherwise the result is empty.
std::string encode_frame(char kind, ByteView payload);

/// Takes a stream apart. Memory is bounded by max_payload whatever arrives; damaged frames are counted, not fatal.
class Decoder {
 public:
  /// Feeds bytes; appends complete good frames to `frames`, and everything that is no frame to `text`, if not null.
  /// Text comes as soon as it cannot be a frame any more, in the order of the stream, unchanged; a damaged frame's line
  /// is text too. The newline that encode_frame puts before a frame stays in the text.
  void feed(std::string_view bytes, std::vector<Frame>& frames, std::string* text);
  /// Lines that began as a frame does ("@K") and were none.
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

 private:
  void end_line(std::vector<Frame>& frames, std::string* text);

  std::string line_;      // a line that may still become a frame, without its newline
  bool in_text_ = false;  // the rest of the present line is text, already passed on
  std::uint64_t damaged_ = 0;
};

}  // namespace kexlab::wire
