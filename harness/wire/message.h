// SPDX-License-Identifier: Apache-2.0
// Messages between host and agent: an operation name, a sequence number, and named fields. Bounded, no exceptions.
//
// A message's body, all integers little-endian, strings preceded by their size:
//   version u8 = 1 · op u8+bytes · sequence u32 · field count u8 · for each field: name u8+bytes · type u8 ·
//   (type 0) number u64, or (type 1) u32+bytes
// It travels with its runs of zeros taken out (zero_runs.h), as one or more frames, each payload:
//   id u32 · part u32 (from 0) · piece
// The id is the CRC-32 of all pieces together, so that pieces of different messages never make a third one, and so
// that encoding needs no state.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/wire/frame.h"
#include "kexlab/bytes.h"

namespace kexlab::wire {

/// Most bytes in one message's body, fields included; longer data is moved in several requests.
inline constexpr std::size_t max_message = std::size_t{1} << 20;
/// Most bytes in an operation's or a field's name.
inline constexpr std::size_t max_name = 64;
/// Most fields in one message.
inline constexpr std::size_t max_fields = 64;

struct Message {
  std::string op = {};         ///< request: the operation; answer: the same name
  std::uint32_t sequence = 0;  ///< answers carry the request's number; unsolicited messages carry 0
  struct Field {
    std::string name;
    bool is_number = false;
    std::uint64_t number = 0;
    Bytes bytes;
    bool operator==(const Field&) const = default;
  };
  std::vector<Field> fields = {};

  /// Appends a field, or replaces the one of that name.
  /// Numbers travel as u64; negative ones come back by a cast to i64.
  Message& set(std::string_view name, std::uint64_t number);
  template <std::integral T>
  Message& set(std::string_view name, T number) {
    return set(name, static_cast<std::uint64_t>(number));
  }
  Message& set(std::string_view name, std::string_view text);
  Message& set(std::string_view name, const char* text) { return set(name, std::string_view(text)); }
  Message& set(std::string_view name, ByteView bytes);
  /// The first field of that name where it has that type; views are valid as long as the message is unchanged.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  [[nodiscard]] std::optional<ByteView> bytes(std::string_view name) const;
  bool operator==(const Message&) const = default;
};

/// Whether the message keeps the limits above, and so can be encoded.
bool fits(const Message& message);

/// The body alone, as above, for messages inside a message's field. Empty where the message does not fit (see `fits`).
Bytes encode_body(const Message& message);
/// The message that a body holds; nothing where it is damaged or has bytes left over.
std::optional<Message> decode_body(ByteView bytes);

/// Messages laid end to end, each body behind its size (u32, little-endian): what the fields of a batch hold.
/// Empty where one of them does not fit.
Bytes encode_list(const std::vector<Message>& messages);
/// Nothing where anything in it is damaged.
std::optional<std::vector<Message>> decode_list(ByteView bytes);

/// The lines to put on the wire: 'm' frames and a last 'M'. Empty where the message does not fit (see `fits`).
std::string encode_message(const Message& message);

/// Puts messages together from frames. A lost or damaged part drops that message only (counted), never a later one.
/// Memory is bounded by max_message whatever arrives. Frames of other kinds than 'm' and 'M' are passed over.
class Assembler {
 public:
  /// Takes a frame; gives a message when it completes one.
  std::optional<Message> take(const Frame& frame);
  /// Messages of which some part arrived and that were not delivered.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  std::optional<Message> finish();
  void drop();

  enum class Phase { idle, collecting, skipping };  // skipping: the rest of a message already counted as dropped
  Phase phase_ = Phase::idle;
  Bytes partial_;
  std::uint32_t message_id_ = 0;
  std::uint32_t next_part_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace kexlab::wire
