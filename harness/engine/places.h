// SPDX-License-Identifier: Apache-2.0
// From a scenario's addresses and segments to numbers, on a machine that is known. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "harness/engine/facts.h"
#include "harness/scenario/scenario.h"
#include "kexlab/plan.h"

namespace kexlab::engine {

/// The names that expressions may hold, and what they stand for (see scenario::base_names).
class Places {
 public:
  Places(const Facts& facts, const Target& target) : facts_(facts), target_(target) {}

  /// Nothing where this machine has no such place.
  [[nodiscard]] std::optional<std::uint64_t> lookup(std::string_view base) const;
  /// Errors: not_found (a name that this machine has no place for).
  [[nodiscard]] Result<std::uint64_t> value(const scenario::Expression& expression) const;
  /// The segments that a step writes down, in the order in which it does. Errors: as value.
  Result<std::vector<Segment>> lay(const scenario::LoadStep& load);

 private:
  [[nodiscard]] Result<std::uint64_t> first(bool crash) const;
  Result<Segment> lay(const scenario::SegmentSpec& spec, std::size_t index, bool crash);

  const Facts& facts_;
  const Target& target_;
  std::optional<Range> previous_;  ///< the segment laid last, for "previous end"
};

/// The call that a step with segments of its own writes down, without what only a running case can add: its witness,
/// its random layout. Errors: as Places::value, unsupported (a target without a boot protocol).
Result<Plan> written_plan(const scenario::LoadStep& load, const Facts& facts, const Target& target);

/// Puts a step's flags, architecture, count and pointer into a plan's call.
void set_arguments(const scenario::LoadStep& load, Plan& plan);

}  // namespace kexlab::engine
