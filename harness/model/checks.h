// SPDX-License-Identifier: Apache-2.0
// What the rules of kexec_load(2) and of kexec_file_load(2) have in common. Internal to the model and to the random
// calls.
#pragma once

#include <optional>
#include <string_view>

#include "harness/model/model.h"

namespace kexlab::model {

// Errnos in the generic numbering. Source: include/uapi/asm-generic/errno-base.h, errno.h.
inline constexpr int eperm = 1, eio = 5, enoexec = 8, ebadf = 9, enomem = 12, efault = 14, ebusy = 16, einval = 22,
                     etxtbsy = 26, efbig = 27, enosys = 38, enodata = 61, elibbad = 80, eaddrnotavail = 99,
                     enokey = 126, ekeyrejected = 129;

struct Answer {
  long value = -1;
  int error = 0;
};
/// What a rule says of a call; nothing where it lets it pass.
using Decision = std::optional<Answer>;

inline Decision refuse_if(bool broken, int error) { return broken ? Decision(Answer{-1, error}) : std::nullopt; }

/// The kernel is that version or newer.
bool since(const Situation& situation, unsigned major, unsigned minor);
/// The config option is y or m; where no config is known at all, `unknown` if the architecture has it.
bool has_option(const Situation& situation, std::string_view option, bool unknown);
/// The kernel has a crash slot. Since 6.9 it is compiled only with CRASH_DUMP.
bool has_crash_slot(const Situation& situation);

/// Both calls ask for CAP_SYS_BOOT in the initial user namespace.
bool lacks_capability(const scenario::Credentials& as);
/// Both calls take from the same limits, by the slot that the flags name. Source: kernel/kexec_core.c,
/// kexec_load_permitted, kexec_limit_permitted (6.3).
bool limit_used_up(const Situation& situation, bool crash);
void spend_limit(const Situation& situation, bool crash, State& state);

}  // namespace kexlab::model
