// SPDX-License-Identifier: Apache-2.0
// Steps out of YAML nodes.
#pragma once

#include <vector>

#include "harness/scenario/course.h"
#include "harness/scenario/scenario.h"
#include "harness/yaml/yaml.h"

namespace kexlab::scenario {

Result<LoadStep> parse_load(const yaml::Node& node);
Result<FileLoadStep> parse_file_load(const yaml::Node& node);
Result<Credentials> parse_credentials(const yaml::Node& node);

/// Parses `steps:`, repeats unrolled; every step follows the course.
class StepsParser {
 public:
  explicit StepsParser(const GuestShape& guest) : course_(guest) {}

  Status list(const yaml::Node& node);
  /// Adds a step made by the caller (the short form).
  Status add(Step step, bool land_given);
  /// All steps; an error where the course cannot end here.
  Result<std::vector<Step>> finish(const Position& where);

 private:
  Status step(const yaml::Node& node);
  Status action(const std::string& name, const yaml::Node& value, const Position& where, const yaml::Node* expect);
  Status repeat(const yaml::Node& node);
  Status change(const yaml::Node& node, const Position& where);
  template <class Action>
  Status call(Result<Action> parsed, const yaml::Node* expect, const Position& where);
  template <class Action>
  Status quiet(Result<Action> parsed, const yaml::Node* expect, const Position& where);

  Course course_;
  std::vector<Step> steps_;
  std::size_t segments_ = 0;
};

}  // namespace kexlab::scenario
