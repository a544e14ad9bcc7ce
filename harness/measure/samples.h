// SPDX-License-Identifier: Apache-2.0
// The samples in Google Benchmark's JSON, as `kexlab bench --out` writes it.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/error.h"

namespace kexlab::measure {

/// One sample of a series.
struct Sample {
  std::string what;           ///< "bench/switch-kernel/switch_kernel": the case and its figure
  std::string target, clock;  ///< "arm64", "wall" or "instructions"
  double value = 0;           ///< milliseconds by the wall, millions by instructions
  std::string error;          ///< why there is no value; else empty
};

struct Samples {
  std::vector<Sample> all;                     ///< in the file's order
  std::map<std::string, std::string> kernels;  ///< by target: its name in the catalogue, or the image's
};

/// Errors: corrupt, where the text is not what `kexlab bench` wrote.
Result<Samples> read_samples(std::string_view json);

}  // namespace kexlab::measure
