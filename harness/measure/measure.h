// SPDX-License-Identifier: Apache-2.0
// Measurements: scenarios tagged "bench", run again and again, each figure a series that Google Benchmark reports.
#pragma once

#include <string>
#include <vector>

#include "harness/engine/run.h"

namespace kexlab::measure {

/// What a figure counts.
enum class Clock {
  wall,  ///< the host's clock around the switch, the guest's clock around a call: compare as ratios within one run
  instructions,  ///< the guest's clock under -icount shift=0: one tick an instruction
};

/// One registered measurement: a case on a target, one of its figures, by one clock.
struct Series {
  engine::Job job;
  std::string figure;  ///< key in CaseResult::figures
  Clock clock = Clock::wall;
  /// "reboot/self/switch_kernel/x86_64/wall"
  [[nodiscard]] std::string name() const;
};

/// The series of the given jobs: which figures a case yields follows from its steps.
std::vector<Series> make_series(const std::vector<engine::Job>& jobs, bool with_instructions);

struct MeasureOptions {
  engine::LabOptions lab;
  unsigned repetitions = 5;  ///< samples of a wall-clock series; instruction counts need two, to show that they repeat
};

/// Registers the series with Google Benchmark. Everything passed in must outlive RunSpecifiedBenchmarks.
/// A case that fails makes its series an error ("SkipWithError") with the case's reason.
void register_series(const std::vector<Series>& series, vm::Backend& backend, engine::Bus& bus,
                     const MeasureOptions& options, std::stop_token stop);
/// How many series ended in an error since the process began.
std::size_t series_in_error();

}  // namespace kexlab::measure
