// SPDX-License-Identifier: Apache-2.0
// The contract as a pure function: (kernel, state, call) → outcome, with the rule that decides.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/scenario.h"
#include "kexlab/machine.h"
#include "kexlab/plan.h"

namespace kexlab::model {

/// A rule of the contract. Constant.
struct Rule {
  std::string_view name;    ///< "overlap"
  std::string_view text;    ///< "segments must not overlap"
  std::string_view source;  ///< "kernel/kexec_core.c: sanity_check_segment_list"
  std::string_view advice;  ///< what a user does about it
};

/// What is known of the kernel and of its state before the call.
struct Situation {
  std::string arch;                                   ///< target name
  std::uint64_t page_size = 4096;
  unsigned major = 6, minor = 1;                      ///< kernel version
  std::map<std::string, std::string> config;          ///< CONFIG_X → y/m/value, without the prefix
  std::uint64_t ram_pages = 0;                        ///< totalram_pages(), see `ram_pages_from_meminfo`
  std::optional<Range> crash_reservation;             ///< "Crash kernel" of /proc/iomem
  bool loaded = false, crash_loaded = false, load_disabled = false;
  bool lock_held = false;
};

struct Prediction {
  long value = 0;      ///< raw return value
  int error = 0;       ///< errno where value is -1
  const Rule* rule = nullptr;  ///< the rule that decided; "accepted" where it is allowed
  bool loaded = false, crash_loaded = false;  ///< after the call
};

/// An unload is a plan with no segments.
Prediction predict(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat);
/// All rules in the order in which the kernel applies them.
std::vector<const Rule*> rules();

}  // namespace kexlab::model
