// SPDX-License-Identifier: Apache-2.0
// The agent: what it keeps between requests, its operations, and its loop. harness/wire/PROTOCOL.md is the contract.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/agent/hold.h"
#include "harness/wire/message.h"

namespace kexlab::agent {

/// Memory that `marker` filled; never given back.
struct Marked {
  std::uint32_t seed = 0;
  std::span<std::byte> bytes;
};

struct Agent {
  bool in_guest = false;  ///< PID 1 of a machine of its own: operations that change the machine are allowed
  int channel = -1;       ///< answers go here
  std::string channel_name;
  std::string writable_folder;  ///< outside a guest, the one folder that `write` writes in; empty: none
  std::string module_errors;
  std::vector<Marked> marked;
  Hold hold;

  /// Puts a message on the channel. 0 or errno.
  int send(const wire::Message& message) const;
};

/// Fills the answer: `errno` and what else belongs to it.
using Handler = void (*)(Agent& agent, const wire::Message& request, wire::Message& answer);

struct Operation {
  std::string_view name;
  bool guest_only;  ///< refused outside a guest: it loads, ends or changes the machine
  Handler handler;
};

// Each file of operations gives its table.
std::span<const Operation> file_operations();
std::span<const Operation> call_operations();
std::span<const Operation> file_load_operations();
std::span<const Operation> system_operations();
std::span<const Operation> jump_operations();

/// The answer to `hello`, and the message that starts a conversation.
void fill_hello(const Agent& agent, wire::Message& answer);

/// The answer to a request; always has `errno`.
wire::Message respond(Agent& agent, const wire::Message& request);

/// Says hello, then reads requests from `in` and answers each, until `in` ends. Returns errno, 0 at the end.
int serve(Agent& agent, int in);

/// `errno`=-1: the agent itself cannot or will not do it.
void refuse(wire::Message& answer, std::string_view why);
/// `errno`=`error` and, for people, what failed.
void failed(wire::Message& answer, int error, std::string_view what);
/// A text field that must be there and hold no NUL byte: a path, a name. Refuses and gives nothing otherwise.
std::optional<std::string> required_text(const wire::Message& request, std::string_view name, wire::Message& answer);

}  // namespace kexlab::agent
