// SPDX-License-Identifier: Apache-2.0
// Events as JSON and back: the one place that knows the stored form (results/results.schema.json).
#pragma once

#include <nlohmann/json.hpp>

#include "harness/engine/event.h"
#include "kexlab/error.h"

namespace kexlab::report {

nlohmann::json to_json_value(const engine::Event& event);
/// A stored case result. Error: corrupt, with the key that is missing or of the wrong type.
Result<engine::CaseResult> case_from_json(const nlohmann::json& json);
Result<engine::RunStarted> run_from_json(const nlohmann::json& json);

}  // namespace kexlab::report
