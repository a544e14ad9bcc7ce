// SPDX-License-Identifier: Apache-2.0
// A prediction in words, for a person whose call would be refused.
#pragma once

#include <string>
#include <vector>

#include "harness/model/model.h"

namespace kexlab::model {

/// What the call would give, by which rule, because of which segments, what to do, and the state after it; then what
/// the prediction rests on but nobody told (see `unknowns`). Lines, each ended.
std::string explain(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat);

/// What a prediction takes for granted in this situation, since it is not known; each a clause.
std::vector<std::string> unknowns(const Situation& situation);

}  // namespace kexlab::model
