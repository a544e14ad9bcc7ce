// SPDX-License-Identifier: Apache-2.0
// One byte stream between the guest and us, with bounded memory in both directions.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/vm/qemu/descriptor.h"
#include "kexlab/error.h"

namespace kexlab::vm {

/// Reads while the context runs, and holds back the guest once `piece` bytes are pending: QEMU's UART then has nowhere
/// to put its bytes. While QEMU is asked something it must not be held back, since some UARTs (PL011) block all of QEMU
/// until their byte is taken: then up to `most_kept` bytes are kept and what comes beyond is dropped and counted.
class Stream {
 public:
  static constexpr std::size_t piece = std::size_t{64} << 10;
  static constexpr std::size_t most_kept = std::size_t{1} << 20;
  static constexpr std::size_t most_queued = std::size_t{16} << 20;

  Stream(boost::asio::io_context& context, Descriptor socket);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] bool pending() const { return !pending_.empty(); }
  /// At most `piece` bytes, in order.
  std::string take();
  /// Queues bytes. Errors: guest_died (the stream has ended), no_space (more than `most_queued` bytes would wait).
  Status send(std::string_view bytes);
  /// Whether to drop rather than to hold back.
  void never_hold_back(bool on);
  /// The peer has closed its end and all that it wrote has been read.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void read();
  void write();
  void keep(std::string_view bytes);

  boost::asio::local::stream_protocol::socket socket_;
  std::vector<char> block_;
  std::string pending_, queued_, writing_;
  std::uint64_t dropped_ = 0;
  bool reading_ = false, ended_ = false, dropping_ = false;
};

}  // namespace kexlab::vm
