// SPDX-License-Identifier: Apache-2.0
// Events as a run makes them, for tests.
#pragma once

#include <vector>

#include "harness/engine/event.h"

namespace kexlab::report::testing_events {

inline engine::CaseResult passed_case(const std::string& id) {
  engine::CaseResult result{
      .id = id, .scenario = id, .about = "about", .target = "arm64", .kernel = "k", .outcome = engine::Outcome::passed};
  result.seconds = 0.25;
  result.reproduce = "kexlab run " + id;
  return result;
}

inline engine::CaseResult bad_case(const std::string& id, engine::Outcome outcome, const std::string& reason) {
  auto result = passed_case(id);
  result.outcome = outcome;
  result.reason = reason;
  return result;
}

/// Every member has a value of its own.
inline engine::CaseResult failed_case() {
  auto result = bad_case("t/failed[a=#1]", engine::Outcome::failed, "the kernel answered EBUSY, expected ok");
  result.scenario = "t/failed";
  result.parameters = {{"a", "#1"}, {"b", ""}};
  result.rule = "overlap";
  result.where = "case.yaml:7";
  result.steps = {{"load kernel", "ok", "ok", true, 0.5}, {"switch", "EBUSY", "ok", false, 1.5}};
  result.console_tail = "last <words> & ]]> more\nsecond line\n";
  result.diagnosis = "PC=1";
  result.figures = {{"load_ns", 2e6}, {"switch_kernel_s", 0.5}};
  result.reproduce = "kexlab run 't/failed[a=#1]' --target arm64";
  return result;
}

inline engine::RunStarted started() {
  engine::RunStarted run{
      .id = "20260101T000000Z-abcd", .started = "2026-01-01T00:00:00Z", .version = "1.0", .cases = 5, .jobs = 2};
  run.kernels = {{"arm64/k", "made up sha256:0"}};
  run.host = {{"cores", "2"}};
  run.wanted = {"reboot/*", "tag:smoke"};
  run.targets = {"arm64"};
  run.kernel = "path/to/Image";
  run.next = "debian-6.12";
  return run;
}

inline engine::RunFinished finished() {
  engine::RunFinished end{
      .total = {1, 1, 1, 1, 1}, .seconds = 12.5, .peak_memory_kib = 2048, .results = "kexlab-results/one"};
  end.by_target["arm64"] = end.total;
  return end;
}

/// One event of each kind that is stored.
inline std::vector<engine::Event> one_of_each_kind() {
  return {started(),
          engine::GuestReady{"arm64", "k", "arm64 k 512 MiB 1 cpu", 2.5, false},
          engine::Notice{engine::Notice::Level::warning, "text"},
          engine::CaseStarted{"t/failed[a=#1]", "arm64", "k"},
          engine::CaseFinished{failed_case()},
          finished()};
}

/// A run with one result of each outcome.
inline std::vector<engine::Event> one_of_each_outcome() {
  using engine::CaseFinished;
  using engine::Outcome;
  return {started(),
          engine::GuestReady{"arm64", "k", "arm64 k 512 MiB 1 cpu", 2.5, false},
          engine::Notice{engine::Notice::Level::info, "a notice\nof two lines"},
          CaseFinished{passed_case("t/passed")},
          CaseFinished{failed_case()},
          CaseFinished{bad_case("t/error", Outcome::error, "the host could not")},
          CaseFinished{bad_case("t/timeout", Outcome::timeout, "nothing came")},
          CaseFinished{bad_case("t/skipped", Outcome::skipped, "no #witness here")},
          finished()};
}

}  // namespace kexlab::report::testing_events
