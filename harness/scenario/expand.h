// SPDX-License-Identifier: Apache-2.0
// From the tree of a scenario to its cases.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/scenario/scenario.h"
#include "harness/yaml/yaml.h"

namespace kexlab::scenario {

using Parameters = std::vector<std::pair<std::string, std::string>>;
using Matrix = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// `matrix:` of a scenario's root; empty where it has none.
Result<Matrix> read_matrix(const yaml::Node& root);
/// All cases of a root, each checked in full.
Result<std::vector<Case>> expand_root(const yaml::Node& root, const Matrix& matrix);
/// The case of a root that has no parameters left.
Result<Case> read_case(const yaml::Node& root);
/// "$name" and "${name}" replaced by values, "$$" by a dollar. `used` counts each parameter's uses.
Result<std::string> substitute(const std::string& text, const Position& where, const Parameters& parameters,
                               std::set<std::string>& used);

}  // namespace kexlab::scenario
