// SPDX-License-Identifier: Apache-2.0
// Messages between host and agent: an operation name, a sequence number, and named fields. Bounded, no exceptions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/wire/frame.h"
#include "kexlab/bytes.h"

namespace kexlab::wire {

/// Most bytes in one message, fields included; longer data is moved in several requests.
inline constexpr std::size_t max_message = std::size_t{1} << 20;

struct Message {
  std::string op;           ///< request: the operation; answer: the same name
  std::uint32_t sequence = 0;  ///< answers carry the request's number; unsolicited messages carry 0
  struct Field {
    std::string name;
    bool is_number = false;
    std::uint64_t number = 0;
    Bytes bytes;
  };
  std::vector<Field> fields;

  Message& set(std::string_view name, std::uint64_t number);
  Message& set(std::string_view name, std::string_view text);
  Message& set(std::string_view name, ByteView bytes);
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  [[nodiscard]] std::optional<ByteView> bytes(std::string_view name) const;
};

/// The lines to put on the wire: 'm' frames and a last 'M'.
std::string encode_message(const Message& message);

/// Puts messages together from frames. A lost or damaged part drops that message only (counted), never a later one.
class Assembler {
 public:
  /// Takes a frame; gives a message when it completes one.
  std::optional<Message> take(const Frame& frame);
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  Bytes partial_;
  std::uint32_t message_id_ = 0;
  std::uint32_t next_part_ = 0;
  bool broken_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace kexlab::wire
