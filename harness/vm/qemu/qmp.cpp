// SPDX-License-Identifier: Apache-2.0
// The QMP client: lines of JSON over a stream socket.
#include "harness/vm/qemu/qmp.h"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <cstring>

namespace kexlab::vm {
namespace asio = boost::asio;
using nlohmann::json;

std::string text_of(const json& message, const char* key, std::string otherwise) {
  if (!message.is_object()) return otherwise;
  const auto found = message.find(key);
  return found != message.end() && found->is_string() ? found->get<std::string>() : std::move(otherwise);
}

Qmp::Qmp(asio::io_context& context, Descriptor socket, OnEvent on_event)
    : context_(context), socket_(context), on_event_(std::move(on_event)), block_(std::size_t{64} << 10) {
  boost::system::error_code broken;
  socket_.assign(asio::local::stream_protocol(), socket.get(), broken);
  if (broken) {
    give_up(Errc::io, broken.message());
    return;
  }
  socket.release();
  socket_.non_blocking(true, broken);
  read();
}

Status Qmp::handshake(Clock::time_point deadline) {
  while (!greeted_) {
    if (broken_) return failed("greet QEMU");
    if (Clock::now() >= deadline) return fail(Errc::timeout, "greet QEMU", "no greeting came on its control socket");
    context_.run_one_until(deadline);
  }
  auto answer = execute("qmp_capabilities", json::object(), deadline);
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

Result<json> Qmp::execute(std::string_view command, const json& arguments, Clock::time_point deadline, int passed) {
  const std::string what = "QMP command " + std::string(command);
  answer_.reset();
  const json message = {{"execute", command}, {"arguments", arguments}, {"id", ++last_id_}};
  if (auto sent = write(message.dump() + "\n", passed); !sent) return tl::unexpected(sent.error());
  while (!answer_) {
    if (broken_) return failed(what);
    if (Clock::now() >= deadline) return fail(Errc::timeout, what, "QEMU did not answer in time");
    context_.run_one_until(deadline);
  }
  if (auto error = answer_->find("error"); error != answer_->end()) {
    return fail(Errc::refused, what, text_of(*error, "desc", "an error without a description"));
  }
  return std::move((*answer_)["return"]);
}

void Qmp::read() {
  socket_.async_read_some(asio::buffer(block_), [this](const boost::system::error_code& broken, std::size_t size) {
    if (broken == asio::error::operation_aborted) return;
    if (broken) return give_up(Errc::guest_died, "QEMU closed its control socket");
    take(size);
    if (!broken_) read();
  });
}

void Qmp::take(std::size_t size) {
  std::string_view fresh(block_.data(), size);
  while (!fresh.empty() && !broken_) {
    const std::size_t end = fresh.find('\n');
    line_.append(fresh.substr(0, end));
    if (line_.size() > longest_message) {
      return give_up(Errc::protocol, "a message has more than " + std::to_string(longest_message) + " bytes");
    }
    if (end == std::string_view::npos) return;
    fresh.remove_prefix(end + 1);
    take_line(line_);
    line_.clear();
  }
}

void Qmp::take_line(std::string_view line) {
  const json message = json::parse(line, nullptr, false);
  if (!message.is_object()) return give_up(Errc::protocol, "a message is no JSON object");
  const auto event = message.find("event");
  if (message.contains("QMP")) {
    greeted_ = true;
  } else if (event != message.end() && event->is_string()) {
    on_event_(event->get<std::string>(), message.value("data", json::object()));
  } else if (message.contains("return") || message.contains("error")) {
    take_answer(message);
  }
}

void Qmp::take_answer(const json& message) {
  const auto id = message.find("id");
  if (id == message.end() || !id->is_number_unsigned()) {
    return give_up(Errc::protocol, "an answer has no id");
  }
  if (id->get<std::uint64_t>() != last_id_) return;  // the answer to a command that nobody waits for any more
  if (auto error = message.find("error"); error != message.end() && !error->is_object()) {
    return give_up(Errc::protocol, "an error is no object");
  }
  answer_ = message;
}

void Qmp::give_up(Errc code, std::string why) {
  if (!broken_) broken_ = Error{code, "talk QMP", std::move(why), {}};
  boost::system::error_code ignored;
  socket_.close(ignored);
}

tl::unexpected<Error> Qmp::failed(std::string_view what) const {
  return fail(broken_->code, std::string(what), broken_->broke);
}

Status Qmp::write(std::string_view text, int passed) {
  const std::string what = "send a QMP command";
  if (broken_) return failed(what);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  iovec piece{const_cast<char*>(text.data()), text.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (passed >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &passed, sizeof(int));
  }
  // Commands are short and are answered before the next: a full socket means that QEMU has long stopped to read.
  const ssize_t sent = ::sendmsg(socket_.native_handle(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(text.size())) return {};
  if (sent < 0 && errno == EAGAIN) return fail(Errc::timeout, what, "QEMU does not read its control socket");
  give_up(Errc::guest_died, sent < 0 ? std::strerror(errno) : "QEMU took only part of a command");
  return failed(what);
}

}  // namespace kexlab::vm
