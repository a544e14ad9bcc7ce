// SPDX-License-Identifier: Apache-2.0
// Series for Google Benchmark out of cases.
#include "harness/measure/measure.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <atomic>
#include <memory>

namespace kexlab::measure {
namespace {

std::atomic<std::size_t> errors{0};

/// Guests that stay between the series, so that only the first of a shape waits for a boot.
class Guests {
 public:
  engine::ReadyGuest& at(vm::Backend& backend, engine::Bus& bus, const engine::Shape& shape,
                         const engine::LabOptions& lab, std::stop_token stop) {
    if (!guest_ || !(guest_->shape() == shape)) {
      guest_.reset();
      guest_ = std::make_unique<engine::ReadyGuest>(backend, bus, shape, lab, std::move(stop));
    }
    return *guest_;
  }

 private:
  std::unique_ptr<engine::ReadyGuest> guest_;
};

/// What every registered series needs; kept alive by the closures that use it.
struct Place {
  vm::Backend& backend;
  engine::Bus& bus;
  MeasureOptions options;
  std::stop_token stop;
  Guests guests;
};

// The figure of one sample in seconds, as Google Benchmark wants it; under -icount one instruction is one nanosecond.
std::optional<double> seconds_of(const Series& series, const engine::CaseResult& result) {
  const auto at = result.figures.find(series.figure);
  if (at == result.figures.end()) return std::nullopt;
  return series.figure.ends_with("_s") ? at->second : at->second * 1e-9;
}

Result<engine::CaseResult> sample(const Series& series, Place& place) {
  engine::Shape shape = engine::shape_of(*series.job.bench, *series.job.what);
  shape.count_instructions = series.clock == Clock::instructions;
  auto& guest = place.guests.at(place.backend, place.bus, shape, place.options.lab, place.stop);
  // Every sample starts from a restored snapshot, the first too: only so do instruction counts repeat.
  for (int round = 0; round < 2; ++round) {
    if (auto ready = guest.make_ready(); !ready) {
      guest.discard();
      return tl::unexpected(ready.error());
    }
    if (round == 0) guest.spoil();
  }
  engine::CaseRunner runner(guest.stage(), *series.job.what, guest.session());
  auto result = runner.run();
  if (result.outcome == engine::Outcome::passed) return result;
  if (guest.session().ended() && guest.session().ended()->gone) guest.discard();
  return fail(Errc::refused, "measure " + series.name(),
              fmt::format("{}: {}", engine::to_string(result.outcome), result.reason));
}

void measure(benchmark::State& state, const Series& series, Place& place) {
  for (auto round : state) {
    (void)round;
    if (place.stop.stop_requested()) return state.SkipWithError("interrupted");
    auto result = sample(series, place);
    const auto seconds = result ? seconds_of(series, *result) : std::nullopt;
    if (!seconds) {
      ++errors;
      return state.SkipWithError(result ? "the case gave no such figure" : result.error().str().c_str());
    }
    state.SetIterationTime(*seconds);
  }
  if (series.clock == Clock::instructions) {
    state.counters["instructions_are_ns"] = 1;
  }
}

bool switches(const scenario::Case& what, scenario::SwitchStep::Land land) {
  for (const auto& step : what.steps) {
    const auto* change = std::get_if<scenario::SwitchStep>(&step.action);
    if (change != nullptr && change->land == land) return true;
  }
  return false;
}

bool loads(const scenario::Case& what) {
  for (const auto& step : what.steps) {
    if (std::holds_alternative<scenario::LoadStep>(step.action)) return true;
  }
  return false;
}

}  // namespace

std::string Series::name() const {
  std::string what = figure.substr(0, figure.rfind('_'));
  return fmt::format("{}/{}/{}/{}", job.what->id, what, job.bench->target->name,
                     clock == Clock::wall ? "wall" : "instructions");
}

std::vector<Series> make_series(const std::vector<engine::Job>& jobs, bool with_instructions) {
  std::vector<Series> all;
  for (const auto& job : jobs) {
    if (!engine::why_skip(*job.what, *job.bench).empty()) continue;
    const bool kernel = switches(*job.what, scenario::SwitchStep::Land::kernel);
    const bool witness = switches(*job.what, scenario::SwitchStep::Land::witness);
    // Under -icount the wall means nothing, and a switch is measured by the CPU's counter instead.
    if (loads(*job.what)) all.push_back({job, "load_ns", Clock::wall});
    if (witness) all.push_back({job, "switch_witness_s", Clock::wall});
    if (kernel) all.push_back({job, "switch_kernel_s", Clock::wall});
    if (!with_instructions || job.bench->target->limit("icount") != nullptr) continue;
    if (loads(*job.what)) all.push_back({job, "load_ns", Clock::instructions});
    // Without a counter that goes on over the switch nobody can tell how long it took.
    if (job.bench->target->counter_ns == 0) continue;
    if (witness) all.push_back({job, "switch_witness_ns", Clock::instructions});
    if (kernel) all.push_back({job, "switch_kernel_ns", Clock::instructions});
  }
  return all;
}

void register_series(const std::vector<Series>& series, vm::Backend& backend, engine::Bus& bus,
                     const MeasureOptions& options, std::stop_token stop) {
  auto place = std::make_shared<Place>(Place{backend, bus, options, std::move(stop), {}});
  for (const auto& one : series) {
    const unsigned repetitions = one.clock == Clock::wall ? options.repetitions : 2;
    benchmark::RegisterBenchmark(one.name().c_str(),
                                 [one, place](benchmark::State& state) { measure(state, one, *place); })
        ->UseManualTime()
        ->Iterations(1)
        ->Repetitions(static_cast<int>(repetitions))
        ->Unit(benchmark::kMillisecond)
        ->DisplayAggregatesOnly(true);
  }
}

std::size_t series_in_error() { return errors; }

}  // namespace kexlab::measure
