// SPDX-License-Identifier: Apache-2.0
// Do instruction counts repeat? Told for the table of targets, from what `kexlab bench` measured.
#pragma once

#include <string_view>
#include <vector>

#include "harness/report/overview.h"
#include "kexlab/error.h"

namespace kexlab::measure {

/// Of each target and kernel the series of instruction counts, and how many gave the same count in every sample. A
/// series that failed, or has one sample, repeated nothing. Errors: as read_samples.
Result<std::vector<report::Overview>> repeats_of(std::string_view json);

}  // namespace kexlab::measure
