// SPDX-License-Identifier: Apache-2.0
// A client of the QEMU Machine Protocol. Source: QEMU's docs/interop/qmp-spec.rst.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/vm/qemu/descriptor.h"
#include "kexlab/error.h"

namespace kexlab::vm {

/// A string inside a message, or `otherwise` where there is none: the peer's messages have no shape one could rely on.
std::string text_of(const nlohmann::json& message, const char* key, std::string otherwise = {});

/// One connection. Commands wait inside the given context, so whatever else lives there goes on meanwhile. What the
/// peer sends is bounded: a message of more than `longest_message` bytes, or one that is no JSON object, ends the
/// connection.
class Qmp {
 public:
  using Clock = std::chrono::steady_clock;
  using OnEvent = std::function<void(const std::string& name, const nlohmann::json& data)>;
  static constexpr std::size_t longest_message = std::size_t{1} << 20;

  Qmp(boost::asio::io_context& context, Descriptor socket, OnEvent on_event);
  Qmp(const Qmp&) = delete;
  Qmp& operator=(const Qmp&) = delete;

  /// Waits for the greeting and leaves the negotiation mode. Errors: protocol, timeout, guest_died (end of stream).
  Status handshake(Clock::time_point deadline);
  /// Sends a command and waits for its answer; gives its "return". An answer that comes after the deadline is dropped
  /// when it comes. `passed`: a descriptor that travels along (getfd). Errors: refused (QEMU's own error, with its
  /// words), protocol, timeout, guest_died.
  Result<nlohmann::json> execute(std::string_view command, const nlohmann::json& arguments, Clock::time_point deadline,
                                 int passed = -1);
  /// No more answers will come.
  [[nodiscard]] bool closed() const { return broken_.has_value(); }

 private:
  void read();
  void take(std::size_t size);
  void take_line(std::string_view line);
  void take_answer(const nlohmann::json& message);
  void give_up(Errc code, std::string why);
  Status write(std::string_view text, int passed);
  tl::unexpected<Error> failed(std::string_view what) const;

  boost::asio::io_context& context_;
  boost::asio::local::stream_protocol::socket socket_;
  OnEvent on_event_;
  std::vector<char> block_;
  std::string line_;
  bool greeted_ = false;
  std::uint64_t last_id_ = 0;
  std::optional<nlohmann::json> answer_;  ///< to the command `last_id_`
  std::optional<Error> broken_;
};

}  // namespace kexlab::vm
