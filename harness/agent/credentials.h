// SPDX-License-Identifier: Apache-2.0
// Other rights for one call: a forked child that gives up what it is told to, makes the call, and reports.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/wire/message.h"

namespace kexlab::agent {

struct Credentials {
  std::optional<std::uint32_t> uid;
  std::vector<unsigned> drop;   ///< CAP_* numbers
  bool user_namespace = false;  ///< as root of a new user namespace
  bool pid_namespace = false;   ///< in a child pid namespace
  [[nodiscard]] bool any() const { return uid || !drop.empty() || user_namespace || pid_namespace; }
};

/// The credentials that a request asks for. Refuses and gives nothing where they make no sense.
std::optional<Credentials> credentials_of(const wire::Message& request, wire::Message& answer);

/// The number of a capability by its name in lower case without "cap_", e.g. "sys_boot".
std::optional<unsigned> capability_number(std::string_view name);

/// Fills the answer by `call`: here where no credentials are asked for, else in a forked child that has taken them on.
/// Refuses with what could not be done where the child does not get as far as the call, or does not report.
void call_as(const Credentials& credentials, const std::function<void(wire::Message&)>& call, wire::Message& answer);

/// Reads the messages that a child wrote to `fd` until its end, and gives the first; nothing where there is none.
std::optional<wire::Message> read_report(int fd);

}  // namespace kexlab::agent
