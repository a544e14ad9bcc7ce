// SPDX-License-Identifier: Apache-2.0
// Random calls of kexec_load(2) and kexec_file_load(2) to hold against the model, and random layouts to land on the
// witness. Pure: the same seed and world give the same calls.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/model/file_load.h"
#include "harness/model/model.h"
#include "harness/scenario/scenario.h"
#include "kexlab/plan.h"

namespace kexlab::random {

/// One call, sane or not.
struct Attempt {
  Plan plan;
  /// Instead of the plan: a call of kexec_file_load(2). Who makes it is `as`, not the step's own.
  std::optional<scenario::FileLoadStep> file;
  scenario::Credentials as;
  bool compat = false;
  bool operator==(const Attempt&) const = default;
};
/// Calls one after the other. The first two empty both slots, so that an episode needs nothing of what was before it.
using Episode = std::vector<Attempt>;

/// What the calls are made on.
struct World {
  model::Situation situation;
  std::uint64_t kexec_arch = 0;  ///< the kernel's own KEXEC_ARCH_*, shifted
  unsigned bits = 64;            ///< of the caller's word
  RangeSet usable;               ///< RAM that a payload may be placed at
  std::optional<Range> kernel;   ///< the running kernel's text
  bool over_kernel = true;       ///< sane segments may lie there
  bool compat = false;           ///< 32-bit calls can be made too
  bool empty_crash = true;       ///< crash images may have segments of no length
  Bytes demanded;                ///< what one buffer of every load must begin with (Arch::demanded)
  /// What the kernel's loader reads of an image; nullptr: no calls of kexec_file_load.
  const model::FileHeader* header = nullptr;
};

/// Calls in one episode, the two that empty the slots included.
inline constexpr std::size_t episode_calls = 16;

/// The two calls that empty both slots.
Episode make_reset(const World& world);
/// The episode of this number. Left out, since the model does not know what the kernel does: loads that may find no
/// memory, and since 6.8 empty segments at 0, which make the kernel try all of its memory (rule `empty_at_zero`).
Episode make_episode(const World& world, std::uint64_t seed, std::uint64_t number);

/// Up to 15 sane segments anywhere in RAM, for a load that shall be accepted and landed: neighbours, pages that the
/// image itself is kept in, the running kernel, unequal tails, any order. All together at most an eighth of RAM.
std::vector<Segment> make_layout(const World& world, std::uint64_t seed);

/// Where kernel and model differ.
struct Difference {
  std::size_t index = 0;  ///< the call in the episode
  std::string text;       ///< what was answered and what expected, with the rule
  std::string rule;
  bool operator==(const Difference&) const = default;
};
/// Runs an episode and tells the first difference; nothing where there is none or it could not be run.
using Oracle = std::function<std::optional<Difference>(const Episode&)>;

struct Shrunk {
  Episode episode;        ///< ends with the call that differs
  Difference difference;  ///< of this episode
  unsigned probes = 0;    ///< how often the oracle was asked
};
/// The smallest episode found that still differs: calls, segments, and every argument that can be an ordinary one are
/// taken out while any difference stays. Asks the oracle at most `most_probes` times.
Shrunk shrink(Episode episode, Difference found, const Oracle& oracle, unsigned most_probes);

/// A scenario file that makes exactly these calls, each with `expect: model`, and looks at the state after the last.
/// `what` stands for the case in it: its name, guest and target are taken.
std::string to_scenario(const Episode& episode, const Difference& difference, const scenario::Case& what,
                        const std::string& target, const model::State& after);

}  // namespace kexlab::random
