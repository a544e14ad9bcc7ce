// SPDX-License-Identifier: Apache-2.0
// For tests: an agent as a child process over a socket pair, and the host's side of the conversation.
#pragma once

#include <sys/types.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/agent/os.h"
#include "harness/wire/message.h"

namespace kexlab::agent::testing {

class Client {
 public:
  /// Starts `program` with --stdio and these further arguments.
  Client(const std::string& program, const std::vector<std::string>& arguments);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Puts bytes on the wire as they are.
  void send(std::string_view bytes);
  /// The next message, or nothing within ten seconds or at the end.
  std::optional<wire::Message> next();
  /// Sends a request under a new sequence number and gives the answer to it; an answer to another is a failure.
  wire::Message ask(wire::Message request);
  /// Closes the channel and gives the agent's wait status.
  int finish();
  /// What the agent wrote to its console (stderr), up to now.
  std::string console() const;

 private:
  pid_t child_ = -1;
  Fd socket_;
  Fd console_;
  wire::Decoder decoder_;
  wire::Assembler assembler_;
  std::deque<wire::Message> messages_;
  std::uint32_t sequence_ = 0;
};

}  // namespace kexlab::agent::testing
