// SPDX-License-Identifier: Apache-2.0
// The host's side of a conversation with an agent on this machine.
#include "harness/agent/testing_client.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace kexlab::agent::testing {
namespace {

constexpr int patience_ms = 10'000;

[[noreturn]] void run(const std::string& program, const std::vector<std::string>& arguments, int socket, int console) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(socket, STDIN_FILENO);
  dup2(socket, STDOUT_FILENO);
  dup2(console, STDERR_FILENO);
  std::vector<char*> words{const_cast<char*>(program.c_str()), const_cast<char*>("--stdio")};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  execv(program.c_str(), words.data());
  _exit(127);
}

}  // namespace

Client::Client(const std::string& program, const std::vector<std::string>& arguments)
    : console_(memfd_create("console", MFD_CLOEXEC)) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
  socket_ = Fd(ends[0]);
  const Fd theirs(ends[1]);
  child_ = fork();
  if (child_ == 0) run(program, arguments, theirs.get(), console_.get());
}

Client::~Client() {
  if (child_ > 0) kill(child_, SIGKILL);
  finish();
}

void Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), std::min<std::size_t>(bytes.size(), 4096), MSG_NOSIGNAL);
    ASSERT_GT(sent, 0) << error_text(errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::optional<wire::Message> Client::next() {
  while (messages_.empty()) {
    pollfd watched{socket_.get(), POLLIN, 0};
    if (poll(&watched, 1, patience_ms) != 1) return std::nullopt;
    std::array<std::byte, 65536> buffer;
    const long got = read_some(socket_.get(), buffer);
    if (got <= 0) return std::nullopt;
    std::vector<wire::Frame> frames;
    decoder_.feed(as_text(ByteView(buffer).first(static_cast<std::size_t>(got))), frames, nullptr);
    for (const auto& frame : frames) {
      if (auto message = assembler_.take(frame)) messages_.push_back(std::move(*message));
    }
  }
  auto message = std::move(messages_.front());
  messages_.pop_front();
  return message;
}

wire::Message Client::ask(wire::Message request) {
  request.sequence = ++sequence_;
  send(wire::encode_message(request));
  auto answer = next();
  EXPECT_TRUE(answer.has_value()) << "no answer to " << request.op;
  if (!answer) return {};
  EXPECT_EQ(answer->op, request.op);
  EXPECT_EQ(answer->sequence, request.sequence);
  EXPECT_TRUE(answer->number("errno").has_value());
  return std::move(*answer);
}

int Client::finish() {
  socket_.reset();
  int status = -1;
  if (child_ > 0) waitpid(child_, &status, 0);
  child_ = -1;
  return status;
}

std::string Client::console() const {
  std::string text(1 << 20, '\0');
  const long size = read_some(console_.get(), std::as_writable_bytes(std::span(text)), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

}  // namespace kexlab::agent::testing
