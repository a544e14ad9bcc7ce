// SPDX-License-Identifier: Apache-2.0
// A byte stream over a socket pair.
#include "harness/vm/qemu/stream.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace kexlab::vm {
namespace asio = boost::asio;

Stream::Stream(asio::io_context& context, Descriptor socket) : socket_(context), block_(piece) {
  boost::system::error_code broken;
  socket_.assign(asio::local::stream_protocol(), socket.get(), broken);
  ended_ = static_cast<bool>(broken);
  if (!ended_) socket.release();
  read();
}

void Stream::read() {
  if (reading_ || ended_ || (pending_.size() >= piece && !dropping_)) return;
  reading_ = true;
  socket_.async_read_some(asio::buffer(block_), [this](const boost::system::error_code& broken, std::size_t size) {
    reading_ = false;
    keep({block_.data(), size});
    ended_ = static_cast<bool>(broken);
    read();
  });
}

void Stream::keep(std::string_view bytes) {
  const std::size_t room = most_kept - std::min(most_kept, pending_.size());
  pending_.append(bytes.substr(0, room));
  if (bytes.size() > room) dropped_ += bytes.size() - room;
}

std::string Stream::take() {
  std::string out;
  if (pending_.size() <= piece) {
    out.swap(pending_);
  } else {
    out = pending_.substr(0, piece);
    pending_.erase(0, piece);
  }
  read();
  return out;
}

void Stream::never_hold_back(bool on) {
  dropping_ = on;
  read();
}

Status Stream::send(std::string_view bytes) {
  const std::string what = "send " + std::to_string(bytes.size()) + " bytes to the guest";
  if (ended_) return fail(Errc::guest_died, what, "the channel has ended");
  const std::size_t waiting = queued_.size() + writing_.size();
  if (bytes.size() > most_queued - std::min(most_queued, waiting)) {
    return fail(Errc::no_space, what,
                std::to_string(waiting) + " bytes wait already and the limit is " + std::to_string(most_queued),
                "the guest does not read its channel");
  }
  queued_.append(bytes);
  write();
  return {};
}

void Stream::write() {
  if (!writing_.empty() || queued_.empty()) return;
  writing_.swap(queued_);
  asio::async_write(socket_, asio::buffer(writing_), [this](const boost::system::error_code& broken, std::size_t) {
    writing_.clear();
    if (broken) queued_.clear();  // what is left to read may still be read: the reader tells of the end
    write();
  });
}

}  // namespace kexlab::vm
