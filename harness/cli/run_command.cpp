// SPDX-License-Identifier: Apache-2.0
// kexlab run: scenarios on kernels, reported as they come.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <random>
#include <thread>

#include "harness/cli/command.h"
#include "harness/cli/workdir.h"
#include "harness/engine/run.h"
#include "harness/images/images.h"
#include "harness/report/report.h"

namespace kexlab::cli {
namespace {

namespace fs = std::filesystem;

struct RunFlags {
  std::vector<std::string> wanted;
  Choice choice;
  unsigned jobs = 0, stop_after = 0;
  std::uint64_t memory_mib = 0;
  fs::path results, resume, junit, coverage;
  std::string format = "terminal";
  bool no_snapshots = false, fresh = false, verbose = false;
  double deadline_scale = 1;
  std::uint64_t seed = 0;
  std::string shard;
};

std::string make_run_id() {
  std::random_device random;
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{:04x}", fmt::gmtime(std::time(nullptr)), random() & 0xffff);
}

/// Takes every n-th case, so that shards are of about equal weight. "2/4": the second of four.
Status apply_shard(const std::string& shard, std::vector<scenario::Case>& cases) {
  unsigned index = 0, count = 0;
  char rest = 0;
  if (std::sscanf(shard.c_str(), "%u/%u%c", &index, &count, &rest) != 2 || index < 1 || index > count) {
    return fail(Errc::invalid_argument, "--shard " + shard, "a shard is INDEX/COUNT with 1 <= INDEX <= COUNT",
                "for example --shard 1/4");
  }
  std::vector<scenario::Case> mine;
  for (std::size_t i = index - 1; i < cases.size(); i += count) mine.push_back(std::move(cases[i]));
  cases = std::move(mine);
  return {};
}

unsigned terminal_width(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::unique_ptr<engine::Sink> make_screen(const RunFlags& flags) {
  if (flags.format == "ktap") return report::make_ktap(stdout);
  report::TerminalOptions options;
  options.living = isatty(STDOUT_FILENO) != 0;
  options.verbose = flags.verbose;
  options.width = terminal_width(stdout);
  return report::make_terminal(stdout, options);
}

engine::RunStarted describe_run(const std::string& id, std::size_t cases, unsigned jobs, const fs::path& folder,
                                const std::vector<engine::Bench>& benches) {
  engine::RunStarted started{.id = id,
                             .started = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr))),
                             .version = KEXLAB_VERSION};
  started.cases = cases;
  started.jobs = jobs;
  started.results = folder.string();
  for (const auto& bench : benches) {
    started.kernels[bench.target->name + "/" + bench.self.name] = bench.self.origin + " sha256:" + bench.self.sha256;
    started.kernels[bench.target->name + "/" + bench.next.name + " (next)"] =
        bench.next.origin + " sha256:" + bench.next.sha256;
    started.host[bench.target->name] = bench.vm_version + ", " + vm::to_string(bench.accelerator.accelerator);
  }
  started.host["cores"] = std::to_string(std::thread::hardware_concurrency());
  return started;
}

/// `whole`: no target was left out.
int exit_code(const engine::RunFinished& summary, bool whole) {
  if (summary.interrupted || summary.total.error > 0 || !whole)
    return summary.total.failed + summary.total.timeout > 0 && !summary.interrupted ? kernel_failed : harness_failed;
  return summary.total.failed + summary.total.timeout > 0 ? kernel_failed : all_good;
}

/// Where results go and what is already there.
struct Books {
  fs::path folder;
  std::vector<engine::CaseResult> earlier;
  std::string id;
};

Result<Books> open_books(const RunFlags& flags) {
  Books books{.folder = !flags.resume.empty() ? flags.resume : flags.results, .earlier = {}, .id = make_run_id()};
  if (books.folder.empty()) books.folder = fs::path("kexlab-results") / books.id;
  if (!flags.resume.empty()) {
    auto stored = report::read_results(flags.resume / "results.jsonl");
    if (!stored) return tl::unexpected(stored.error());
    books.id = stored->started.id;
    // What the harness or the host could not do is tried again; verdicts on the kernel stand.
    for (auto& result : stored->results) {
      if (result.outcome != engine::Outcome::error) books.earlier.push_back(std::move(result));
    }
  }
  std::error_code error;
  fs::create_directories(books.folder, error);
  if (error)
    return fail(Errc::io, "make the results folder " + books.folder.string(), error.message(),
                "choose another with --results");
  return books;
}

/// A resumed run goes on with what it was started with, unless something else is asked for.
Status take_selection(RunFlags& flags) {
  if (flags.resume.empty()) return {};
  auto stored = report::read_results(flags.resume / "results.jsonl");
  if (!stored) return tl::unexpected(stored.error());
  const auto& started = stored->started;
  if (flags.wanted.empty()) flags.wanted = started.wanted;
  if (flags.choice.targets.empty()) flags.choice.targets = started.targets;
  if (flags.choice.kernels.empty() && !started.kernel.empty())
    flags.choice.kernels = CLI::detail::split(started.kernel, ',');
  if (flags.choice.next.empty()) flags.choice.next = started.next;
  return {};
}

/// Counters that a kernel does not have would only show as an empty folder after the run.
Status check_coverage(const RunFlags& flags, const std::vector<engine::Bench>& benches) {
  if (flags.coverage.empty()) return {};
  for (const auto& bench : benches) {
    const auto& config = bench.self.config;
    const auto option = config.find("CONFIG_GCOV_KERNEL");
    if (!bench.self.config_known || (option != config.end() && option->second == "y")) continue;
    return fail(Errc::unsupported, "measure the coverage of kernel " + bench.self.name,
                "it is built without CONFIG_GCOV_KERNEL, says its own configuration", "take --kernel gcov-6.1");
  }
  return {};
}

Result<int> run(RunFlags flags) {
  if (auto status = take_selection(flags); !status) return tl::unexpected(status.error());
  auto cases = choose_cases(flags.wanted);
  if (!cases) return tl::unexpected(cases.error());
  if (!flags.shard.empty()) {
    if (auto status = apply_shard(flags.shard, *cases); !status) return tl::unexpected(status.error());
  }
  auto books = open_books(flags);
  if (!books) return tl::unexpected(books.error());
  auto cache = images::cache_folder();
  if (!cache) return tl::unexpected(cache.error());
  auto workdir = Workdir::make();
  if (!workdir) return tl::unexpected(workdir.error());

  bool stored_all = true;
  auto trouble = [&](const Error& error) {
    stored_all = false;
    std::fprintf(stderr, "kexlab: %s\n", error.str().c_str());
  };
  auto store = report::make_json_lines(books->folder / "results.jsonl", !flags.resume.empty(), trouble);
  if (!store) return tl::unexpected(store.error());
  auto screen = make_screen(flags);
  auto junit = report::make_junit(flags.junit.empty() ? books->folder / "junit.xml" : flags.junit, trouble);
  const fs::path attachments = books->folder / "found";
  auto keeper = report::make_attachments(attachments, trouble);
  engine::Bus bus;
  for (auto* sink : {store->get(), keeper.get(), screen.get(), junit.get()}) bus.attach(*sink);

  auto backend = make_backend();
  auto benches = make_benches(flags.choice, *backend, bus);
  if (!benches) return tl::unexpected(benches.error());
  if (auto status = check_coverage(flags, benches->all); !status) return tl::unexpected(status.error());
  engine::RunOptions options;
  options.jobs = flags.jobs != 0 ? flags.jobs : std::max(1U, std::thread::hardware_concurrency());
  options.memory_mib = flags.memory_mib;
  options.stop_after = flags.stop_after;
  options.lab = {.snapshots = !flags.no_snapshots,
                 .keep_snapshots = !flags.fresh,
                 .seed = flags.seed,
                 .deadline_scale = flags.deadline_scale,
                 .workdir = workdir->path(),
                 .cache = *cache,
                 .coverage = flags.coverage};
  options.earlier = books->earlier;
  if (!flags.choice.next.empty()) options.command += " --next " + flags.choice.next;
  if (flags.seed != 0) options.command += fmt::format(" --seed {}", flags.seed);
  options.attachments = attachments;
  const auto jobs = engine::make_jobs(*cases, benches->all);
  if (jobs.empty())
    return fail(Errc::invalid_argument, "run these cases", "none of them applies to the chosen targets",
                "`kexlab list` tells the targets of each");
  auto started = describe_run(books->id, jobs.size(), options.jobs, books->folder, benches->all);
  started.wanted = flags.wanted;
  started.targets = flags.choice.targets;
  started.kernel = fmt::format("{}", fmt::join(flags.choice.kernels, ","));
  started.next = flags.choice.next;
  bus.publish(started);
  for (const auto& result : options.earlier) bus.publish(engine::CaseFinished{result});
  engine::Runner runner(*backend, bus, options);
  auto summary = runner.run(jobs, stop_token());
  summary.results = books->folder.string();
  if (summary.total.skipped == jobs.size()) {
    bus.notice(engine::Notice::Level::warning,
               fmt::format("nothing was tested: all {} cases were skipped", jobs.size()));
  }
  bus.publish(summary);
  return stored_all ? exit_code(summary, benches->left_out == 0) : static_cast<int>(harness_failed);
}

}  // namespace

Action add_run(CLI::App& app) {
  auto flags = std::make_shared<RunFlags>();
  app.add_option("cases", flags->wanted,
                 "Names, globs, tag:NAME, scenario files or folders; default: all scenarios of the project");
  add_choice(app, flags->choice);
  app.add_option("--jobs,-j", flags->jobs, "Guests at a time; default: one a core");
  app.add_option("--memory", flags->memory_mib, "MiB for all guests together; default: three quarters of what is free");
  app.add_option("--results", flags->results, "Folder for results; default: kexlab-results/<run>");
  app.add_option("--resume", flags->resume, "Go on with the interrupted run whose results lie in this folder")
      ->check(CLI::ExistingDirectory)
      ->excludes("--results");
  app.add_option("--junit", flags->junit, "JUnit XML file; default: junit.xml in the results folder");
  app.add_option("--coverage", flags->coverage,
                 "Folder for the kernel's counters of executed lines (needs CONFIG_GCOV_KERNEL); ci/coverage reads it");
  app.add_option("--format", flags->format, "What is printed: terminal or ktap")
      ->check(CLI::IsMember({"terminal", "ktap"}));
  app.add_flag("--no-snapshots", flags->no_snapshots, "Boot a guest for every case");
  app.add_flag("--fresh", flags->fresh, "Use no guest that an earlier run kept, and keep none");
  app.add_flag("--verbose,-v", flags->verbose, "Print every step of every case");
  app.add_option("--deadline-scale", flags->deadline_scale, "Multiply every deadline, for slow hosts")
      ->check(CLI::Range(0.1, 100.0));
  app.add_option("--seed", flags->seed,
                 "Other random calls and layouts than in every other run; a failure says how to have them again");
  app.add_option("--stop-after", flags->stop_after, "End the run after so many cases that failed or timed out");
  app.add_option("--shard", flags->shard, "INDEX/COUNT: only every COUNT-th case, from the INDEX-th on");
  return [flags] {
    auto code = run(*flags);
    return code ? *code : tell(code.error());
  };
}

}  // namespace kexlab::cli
