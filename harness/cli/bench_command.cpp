// SPDX-License-Identifier: Apache-2.0
// kexlab bench: load and switch latency, reported by Google Benchmark.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "harness/cli/command.h"
#include "harness/cli/workdir.h"
#include "harness/images/file.h"
#include "harness/images/images.h"
#include "harness/measure/measure.h"
#include "harness/measure/summary.h"
#include "harness/report/report.h"

namespace kexlab::cli {
namespace {

struct BenchFlags {
  std::vector<std::string> wanted;
  Choice choice;
  unsigned repetitions = 5;
  bool no_instructions = false, list = false, fresh = false;
  std::string json, filter, summary;
};

/// Google Benchmark takes its settings as arguments of a program.
void initialize(const BenchFlags& flags) {
  std::vector<std::string> words{"kexlab bench", "--benchmark_counters_tabular=true"};
  if (!flags.json.empty()) {
    words.push_back("--benchmark_out=" + flags.json);
    words.push_back("--benchmark_out_format=json");
  }
  if (!flags.filter.empty()) words.push_back("--benchmark_filter=" + flags.filter);
  if (flags.list) words.push_back("--benchmark_list_tests=true");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  int argc = static_cast<int>(argv.size());
  benchmark::Initialize(&argc, argv.data());
}

Result<int> bench(const BenchFlags& flags) {
  auto cases = choose_cases(flags.wanted.empty() ? std::vector<std::string>{"tag:bench"} : flags.wanted);
  if (!cases) return tl::unexpected(cases.error());
  auto cache = images::cache_folder();
  if (!cache) return tl::unexpected(cache.error());
  auto workdir = Workdir::make();
  if (!workdir) return tl::unexpected(workdir.error());
  report::TerminalOptions options;
  options.living = isatty(STDERR_FILENO) != 0;
  auto screen = report::make_terminal(stderr, options);
  engine::Bus bus;
  bus.attach(*screen);
  auto backend = make_backend();
  auto benches = make_benches(flags.choice, *backend, bus);
  if (!benches) return tl::unexpected(benches.error());
  const auto series = measure::make_series(engine::make_jobs(*cases, benches->all), !flags.no_instructions);
  if (series.empty())
    return fail(Errc::invalid_argument, "measure these cases", "none of them loads or switches on the chosen targets",
                "`kexlab list tag:bench` tells which do");
  measure::MeasureOptions how;
  how.repetitions = flags.repetitions;
  how.lab = {.snapshots = true, .keep_snapshots = !flags.fresh, .workdir = workdir->path(), .cache = *cache};
  measure::register_series(series, *backend, bus, how, stop_token());
  initialize(flags);
  for (const auto& one : benches->all) {
    benchmark::AddCustomContext(one.target->name,
                                fmt::format("{} ({}), {}, {}", one.self.name, one.self.origin, one.vm_version,
                                            vm::to_string(one.accelerator.accelerator)));
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (!flags.list) {
    fmt::print(
        "wall: load in the guest's clock, switch in the host's; under emulation compare them as ratios within one "
        "run.\n"
        "instructions: under -icount shift=0, one nanosecond is one guest instruction; samples of one kernel "
        "differ by some thousandths at most, by when a request reaches the guest.\n"
        "Caches, TLBs and memory bandwidth are in neither.\n");
  }
  if (stop_token().stop_requested() || measure::series_in_error() > 0 || benches->left_out > 0)
    return static_cast<int>(harness_failed);
  return static_cast<int>(all_good);
}

int show_summary(const std::string& file) {
  auto json = images::read_file(file);
  if (!json) return tell(json.error());
  auto table = measure::summarize(as_text(*json));
  if (!table) return tell(table.error());
  fmt::print("{}", *table);
  return all_good;
}

}  // namespace

Action add_bench(CLI::App& app) {
  auto flags = std::make_shared<BenchFlags>();
  app.add_option("cases", flags->wanted, "Names, globs, tag:NAME, files or folders; default: tag:bench");
  add_choice(app, flags->choice);
  app.add_option("--repetitions", flags->repetitions, "Samples of each wall-clock series")
      ->check(CLI::Range(1U, 1000U));
  app.add_option("--out", flags->json, "File for Google Benchmark's JSON");
  app.add_option("--filter", flags->filter, "Regular expression over the series' names");
  app.add_option("--summary", flags->summary, "Measure nothing: print a table of what an earlier --out FILE holds");
  app.add_flag("--no-instructions", flags->no_instructions,
               "Leave out the instruction counts (they need a boot of their own)");
  app.add_flag("--list", flags->list, "List the series");
  app.add_flag("--fresh", flags->fresh, "Use no guest that an earlier run kept, and keep none");
  return [flags] {
    if (!flags->summary.empty()) return show_summary(flags->summary);
    auto code = bench(*flags);
    return code ? *code : tell(code.error());
  };
}

}  // namespace kexlab::cli
