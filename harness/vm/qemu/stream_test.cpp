// SPDX-License-Identifier: Apache-2.0
// Streams keep memory bounded in both directions.
#include "harness/vm/qemu/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>

namespace kexlab::vm {
namespace {

class StreamTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = make_socket_pair();
    ASSERT_TRUE(pair);
    peer_ = std::move(pair->theirs);
    stream_ = std::make_unique<Stream>(context_, std::move(pair->ours));
  }
  /// Writes until the socket takes no more, letting the stream read meanwhile; gives how much went in.
  std::size_t flood(std::size_t most) {
    const std::string block(16384, 'x');
    std::size_t sent = 0;
    while (sent < most) {
      context_.poll();
      const ssize_t size =
          ::send(peer_.get(), block.data(), std::min(block.size(), most - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size < 0) break;
      sent += static_cast<std::size_t>(size);
    }
    context_.poll();
    return sent;
  }
  std::size_t take_all() {
    std::size_t taken = 0;
    while (stream_->pending()) {
      const auto piece = stream_->take();
      EXPECT_LE(piece.size(), Stream::piece);
      taken += piece.size();
      context_.poll();
    }
    return taken;
  }

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  Descriptor peer_;
  std::unique_ptr<Stream> stream_;
};

constexpr std::size_t plenty = std::size_t{64} << 20;

TEST_F(StreamTest, a_flood_is_held_back_and_nothing_is_lost) {
  const std::size_t sent = flood(plenty);
  EXPECT_LT(sent, std::size_t{4} << 20) << "the peer was not held back";
  EXPECT_EQ(take_all(), sent);
  EXPECT_EQ(stream_->dropped(), 0U);
}

TEST_F(StreamTest, a_stream_that_never_holds_back_keeps_the_first_mebibyte_and_counts_the_rest) {
  stream_->never_hold_back(true);
  EXPECT_EQ(flood(plenty), plenty);
  EXPECT_EQ(take_all(), Stream::most_kept);
  EXPECT_EQ(stream_->dropped(), plenty - Stream::most_kept);
  stream_->never_hold_back(false);
  EXPECT_LT(flood(plenty), std::size_t{4} << 20);
}

TEST_F(StreamTest, what_was_written_before_the_end_is_read_before_the_end) {
  ASSERT_EQ(::send(peer_.get(), "last words", 10, MSG_NOSIGNAL), 10);
  peer_ = Descriptor();
  context_.poll();
  EXPECT_EQ(stream_->take(), "last words");
  context_.poll();
  EXPECT_TRUE(stream_->ended());
  EXPECT_EQ(stream_->send("x").error().code, Errc::guest_died);
}

TEST_F(StreamTest, bytes_arrive_in_order_however_slowly_the_peer_reads) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += static_cast<char>('a' + i % 26);
  for (std::size_t at = 0; at < text.size(); at += 1000) ASSERT_TRUE(stream_->send(text.substr(at, 1000)));
  std::string received;
  char block[777];
  while (received.size() < text.size()) {
    context_.poll();
    const ssize_t size = ::recv(peer_.get(), block, sizeof(block), MSG_DONTWAIT);
    ASSERT_GT(size, 0);
    received.append(block, static_cast<std::size_t>(size));
  }
  EXPECT_EQ(received, text);
}

TEST_F(StreamTest, a_peer_that_does_not_read_costs_bounded_memory) {
  const std::string block(std::size_t{1} << 20, 'x');
  std::size_t queued = 0;
  Status status;
  while ((status = stream_->send(block))) {
    queued += block.size();
    context_.poll();
    ASSERT_LE(queued, 2 * Stream::most_queued);
  }
  EXPECT_EQ(status.error().code, Errc::no_space);
}

}  // namespace
}  // namespace kexlab::vm
