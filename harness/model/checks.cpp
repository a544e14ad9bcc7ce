// SPDX-License-Identifier: Apache-2.0
// Who may call, what a pointer gives, and what a kernel has: the same for both calls.
#include "harness/model/checks.h"

#include <algorithm>

namespace kexlab::model {

bool since(const Situation& situation, unsigned major, unsigned minor) {
  return situation.major > major || (situation.major == major && situation.minor >= minor);
}

bool has_option(const Situation& situation, std::string_view option, bool unknown) {
  if (situation.config.empty()) return unknown && can_be_built_with(situation.arch, option);
  auto found = situation.config.find(std::string(option));
  return found != situation.config.end() && (found->second == "y" || found->second == "m");
}

bool has_crash_slot(const Situation& situation) {
  return !since(situation, 6, 9) || has_option(situation, "CRASH_DUMP", true);
}

bool lacks_capability(const scenario::Credentials& as) {
  const bool dropped = std::find(as.drop.begin(), as.drop.end(), "sys_boot") != as.drop.end();
  // Capabilities held in a user namespace of one's own do not count; a uid other than 0 has none.
  return dropped || as.user_namespace || as.uid.value_or(0) != 0;
}

bool limit_used_up(const Situation& situation, bool crash) {
  const auto limit = crash ? situation.state.load_limit_panic : situation.state.load_limit_reboot;
  return since(situation, 6, 3) && limit == 0;
}

void spend_limit(const Situation& situation, bool crash, State& state) {
  auto& limit = crash ? state.load_limit_panic : state.load_limit_reboot;
  if (since(situation, 6, 3) && limit && *limit > 0) --*limit;
}

}  // namespace kexlab::model
