// SPDX-License-Identifier: Apache-2.0
// A table for people out of Google Benchmark's JSON: a row for each measured thing, a column for each target.
#pragma once

#include <string>
#include <string_view>

#include "kexlab/error.h"

namespace kexlab::measure {

/// Medians of every series by wall clock and by instructions. Errors: corrupt, where it is not what `kexlab bench`
/// wrote.
Result<std::string> summarize(std::string_view json);

}  // namespace kexlab::measure
