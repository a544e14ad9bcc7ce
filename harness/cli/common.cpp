// SPDX-License-Identifier: Apache-2.0
// Exit codes, signals, and the choice of targets, kernels and cases.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "harness/cli/command.h"
#include "harness/images/images.h"
#include "harness/images/process.h"
#include "harness/targets/target.h"
#include "harness/yaml/yaml.h"

namespace kexlab::cli {
namespace {

namespace fs = std::filesystem;

std::stop_source& stop_source() {
  static std::stop_source source;
  return source;
}

// Signals are taken by a thread of its own, so that asking everything to stop may take locks.
void wait_for_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  for (int count = 0;; ++count) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (count > 0) _exit(harness_failed);
    std::fputs("\nkexlab: stopping; results so far are kept (once more to stop at once)\n", stderr);
    stop_source().request_stop();
  }
}

bool is_file(const std::string& name) {
  std::error_code ignored;
  return fs::is_regular_file(name, ignored);
}

const images::CatalogueRow* find_row(const std::string& target,
                                     const std::function<bool(const images::CatalogueRow&)>& fits) {
  for (const auto& row : images::catalogue()) {
    if (row.target == target && fits(row)) return &row;
  }
  return nullptr;
}

tl::unexpected<Error> no_such_kernel(const std::string& name) {
  return fail(Errc::invalid_argument, "use kernel " + name, "there is no such file",
              "give a kernel image, or a name that `kexlab images` lists");
}

images::Progress progress_on(engine::Bus& bus) {
  return [&bus](std::string_view what, double fraction) {
    bus.publish(engine::Progressed{std::string(what), fraction});
  };
}

Result<images::Kernel> get(const Target& target, const std::string& name, engine::Bus& bus) {
  if (is_file(name)) return images::user_kernel(name, &target);
  if (name.find('/') != std::string::npos) return no_such_kernel(name);
  return images::get_kernel(target, name, progress_on(bus));
}

constexpr std::string_view all_kernels = "all", all_targets_word = "all";

/// A kernel on a target, as it was asked for.
struct Pair {
  const Target* target = nullptr;
  std::string kernel;
  bool operator==(const Pair&) const = default;
};

/// What one word of --kernel means on the targets: an image on its own target, "all" and names where the catalogue has
/// them. With `named`, the user named the targets, and a name must be there on each.
Result<std::vector<Pair>> pairs_of(const std::string& kernel, const std::vector<const Target*>& targets, bool named) {
  std::vector<Pair> pairs;
  if (!is_file(kernel) && kernel.find('/') != std::string::npos) return no_such_kernel(kernel);
  if (is_file(kernel) && !named) {
    auto image = images::user_kernel(kernel, nullptr);
    if (!image) return tl::unexpected(image.error());
    auto target = require_target(image->target);
    if (!target) return tl::unexpected(target.error());
    return std::vector{Pair{*target, kernel}};
  }
  for (const Target* target : targets) {
    if (is_file(kernel)) pairs.push_back({target, kernel});
    if (is_file(kernel)) continue;
    for (const auto& row : images::catalogue()) {
      const bool wanted = kernel == all_kernels ? !row.package.empty()
                          : kernel.empty()      ? row.is_default
                                                : row.name == kernel;
      if (row.target == target->name && wanted) pairs.push_back({target, row.name});
    }
    const bool found = !pairs.empty() && pairs.back().target == target;
    // The catalogue's own error names the nearest.
    if (named && !found && !kernel.empty() && kernel != all_kernels) pairs.push_back({target, kernel});
  }
  if (pairs.empty())
    return fail(Errc::invalid_argument, "use kernel " + kernel, "the catalogue has no kernel of that name",
                "`kexlab images` lists them");
  return pairs;
}

/// Its default kernel is a package's; others have to be built first, which nobody is made to wait for unasked.
bool has_stock_kernel(const Target& target) {
  return find_row(target.name, [](const auto& row) { return row.is_default && !row.package.empty(); }) != nullptr;
}

/// Whether a run that names no target is about this one. Of those whose compiler has to be fetched there may be no
/// agent.
bool meant_unnamed(const Target& target, const Choice& choice) {
  return target.compiler_suite.empty() && (!choice.kernels.empty() || has_stock_kernel(target));
}

/// What a run is about: every kernel on the named targets, else on the image's own, or on all that have it.
Result<std::vector<Pair>> choose_pairs(const Choice& choice) {
  std::vector<const Target*> targets;
  const bool every = std::find(choice.targets.begin(), choice.targets.end(), all_targets_word) != choice.targets.end();
  for (const auto& name : choice.targets) {
    if (every) break;
    auto target = named_target(name);
    if (!target) return tl::unexpected(target.error());
    targets.push_back(*target);
  }
  const bool named = !targets.empty();
  if (!named) {
    for (const auto& target : all_targets()) {
      if (every || meant_unnamed(target, choice)) targets.push_back(&target);
    }
  }
  std::vector<Pair> pairs;
  for (const auto& kernel : choice.kernels.empty() ? std::vector<std::string>{""} : choice.kernels) {
    auto more = pairs_of(kernel, targets, named);
    if (!more) return more;
    for (auto& pair : *more) {
      if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

/// The cases that any of the patterns selects, in their order; a pattern that selects none is a mistake.
Result<std::vector<scenario::Case>> select(std::vector<scenario::Case> cases,
                                           const std::vector<std::string>& patterns) {
  if (patterns.empty()) return cases;
  std::vector<std::string> known;
  for (const auto& one : cases) {
    if (known.empty() || known.back() != one.scenario) known.push_back(one.scenario);
  }
  for (const auto& pattern : patterns) {
    const bool any =
        std::any_of(cases.begin(), cases.end(), [&](const auto& one) { return scenario::matches(one, pattern); });
    if (any) continue;
    const auto near = yaml::nearest(pattern, known);
    return fail(Errc::invalid_argument, "choose cases '" + pattern + "'", "no scenario has that name, tag or pattern",
                near ? "did you mean `" + *near + "`?" : "`kexlab list` tells all of them");
  }
  std::erase_if(cases, [&](const auto& one) {
    return std::none_of(patterns.begin(), patterns.end(),
                        [&](const auto& pattern) { return scenario::matches(one, pattern); });
  });
  return cases;
}

/// The second kernel, first choice first: what was asked for; else the catalogue's next ones, and its default for a
/// next itself, so that the two differ; a kernel that the user brought starts itself, so that only what the user
/// brought is judged.
std::vector<std::string> next_names(const Pair& pair, const Choice& choice) {
  if (!choice.next.empty()) return {choice.next};
  if (is_file(pair.kernel)) return {pair.kernel};
  std::vector<std::string> names = images::next_kernels(pair.target->name);
  std::erase(names, pair.kernel);
  const auto* row = find_row(pair.target->name, [](const images::CatalogueRow& one) { return one.is_default; });
  if (names.empty()) names.push_back(row != nullptr ? row->name : pair.kernel);
  return names;
}

Result<images::Kernel> get_next(const Pair& pair, const Choice& choice, engine::Bus& bus) {
  return images::first_kernel(
      next_names(pair, choice), [&](const std::string& name) { return get(*pair.target, name, bus); },
      [&](const std::string& name, const Error& why) {
        bus.notice(
            engine::Notice::Level::warning,
            fmt::format("{}: {} cannot be had, so another is started from it: {}", pair.target->name, name, why.str()));
      });
}

/// How a bench's guests run, told once for a target.
Status equip(engine::Bench& bench, const std::vector<engine::Bench>& benches, vm::Backend& backend, engine::Bus& bus) {
  for (const auto& earlier : benches) {
    if (&earlier == &bench || earlier.target != bench.target) continue;
    bench.vm_version = earlier.vm_version;
    bench.accelerator = earlier.accelerator;
    return {};
  }
  // Fetched here, where its progress is seen.
  if (auto program = images::emulator(*bench.target, progress_on(bus)); !program)
    return tl::unexpected(program.error());
  auto version = backend.version(*bench.target);
  if (!version) return tl::unexpected(version.error());
  bench.vm_version = std::move(*version);
  bench.accelerator = vm::choose_accelerator(*bench.target);
  if (!bench.accelerator.why.empty())
    bus.notice(engine::Notice::Level::info, bench.target->name + ": " + bench.accelerator.why);
  return {};
}

}  // namespace

int tell(const Error& error) {
  std::fprintf(stderr, "kexlab: %s\n", error.str().c_str());
  switch (error.code) {
    case Errc::invalid_argument:
    case Errc::truncated:
    case Errc::corrupt:
    case Errc::unsupported:
    case Errc::wrong_arch:
      return usage;
    default:
      return harness_failed;
  }
}

Result<const Target*> named_target(const std::string& name) {
  auto target = require_target(name);
  // What is not in the table is here a word on the command line that is wrong.
  if (!target && target.error().code == Errc::not_found) target.error().code = Errc::invalid_argument;
  return target;
}

std::stop_token stop_token() { return stop_source().get_token(); }

void watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // Output into a closed pipe (`kexlab list | head`) is an error of write(2), not a death.
  signal(SIGPIPE, SIG_IGN);
  images::stop_commands_with(stop_token());
  std::thread(wait_for_signals).detach();
}

void add_choice(CLI::App& app, Choice& choice) {
  app.add_option("--target", choice.targets,
                 "Target(s), or `all`; default: every target whose default kernel is a package's, so that none has to "
                 "be built, and "
                 "whose compiler is the machine's own")
      ->delimiter(',');
  app.add_option("--kernel", choice.kernels,
                 "Kernel(s) under test: images (bzImage, Image, vmlinux), catalogue names, or `all`: every kernel of "
                 "the catalogue that comes from a package")
      ->delimiter(',');
  app.add_option("--next", choice.next,
                 "Kernel that it starts: an image or a catalogue name; default: the catalogue's, or an image given by "
                 "--kernel itself");
}

std::unique_ptr<vm::Backend> make_backend() {
  return vm::make_qemu_backend([](const Target& target) { return images::emulator(target, {}); });
}

namespace {

/// The kernel to load for a crash where the one under test cannot be it; empty where it is itself. Of a kernel that is
/// a file as of the target's default one: what keeps that from running inside a reservation keeps others from it too.
std::string crash_kernel_of(const std::string& target, const std::string& kernel) {
  const auto* row = find_row(target, [&](const images::CatalogueRow& each) {
    return is_file(kernel) ? each.is_default : each.name == kernel;
  });
  return row == nullptr ? std::string() : row->crash;
}

/// Everything of a bench, whose target is set.
Status fill(engine::Bench& bench, const std::vector<engine::Bench>& benches, const Pair& pair, const Choice& choice,
            vm::Backend& backend, engine::Bus& bus) {
  const Target& target = *bench.target;
  auto self = get(target, pair.kernel, bus);
  if (!self) return tl::unexpected(self.error());
  bench.self = std::move(*self);
  if (!choice.kernels.empty()) bench.asked = pair.kernel;
  auto next = get_next(pair, choice, bus);
  if (!next) return tl::unexpected(next.error());
  bench.next = std::move(*next);
  if (const auto name = crash_kernel_of(target.name, pair.kernel); !name.empty()) {
    auto crash = get(target, name, bus);
    if (!crash) return tl::unexpected(crash.error());
    bench.crash = std::move(*crash);
  }
  if (auto status = equip(bench, benches, backend, bus); !status) return status;
  return engine::prepare(bench);
}

}  // namespace

Result<Benches> make_benches(const Choice& choice, vm::Backend& backend, engine::Bus& bus) {
  auto pairs = choose_pairs(choice);
  if (!pairs) return tl::unexpected(pairs.error());
  Benches benches;
  benches.all.reserve(pairs->size());  // payloads point into the benches
  for (const Pair& pair : *pairs) {
    engine::Bench& bench = benches.all.emplace_back();
    bench.target = pair.target;
    auto filled = fill(bench, benches.all, pair, choice, backend, bus);
    if (filled) continue;
    // What was asked for by name must be there; of all that there is, what a mirror does not give stops nothing else.
    const bool absent = filled.error().code == Errc::io || filled.error().code == Errc::not_found;
    if (!choice.targets.empty() || !absent || pairs->size() == 1) return tl::unexpected(filled.error());
    bus.notice(engine::Notice::Level::error,
               fmt::format("{} is left out: {}", pair.target->name, filled.error().str()));
    benches.all.pop_back();
    ++benches.left_out;
  }
  if (benches.all.empty())
    return fail(Errc::not_found, "get the kernels of the targets", "none of them can be had",
                "the lines above tell why");
  return benches;
}

Result<fs::path> scenario_folder() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  const char* chosen = std::getenv("KEXLAB_SCENARIOS");
  for (const fs::path& candidate : {chosen != nullptr ? fs::path(chosen) : fs::path(), program / "scenarios",
                                    program / "../share/kexlab/scenarios"}) {
    if (!candidate.empty() && fs::is_directory(candidate, ignored)) return candidate;
  }
  return fail(Errc::not_found, "find the scenarios", "there is no folder 'scenarios' beside the program",
              "set KEXLAB_SCENARIOS, or name scenario files on the command line");
}

Result<std::vector<scenario::Case>> choose_cases(const std::vector<std::string>& wanted) {
  std::vector<std::string> files, patterns;
  for (const auto& word : wanted) {
    const bool path = word.ends_with(".yaml") || word.ends_with(".yml") ||
                      (word.find('/') != std::string::npos && fs::is_directory(word));
    (path ? files : patterns).push_back(word);
  }
  if (files.empty()) {
    auto folder = scenario_folder();
    if (!folder) return tl::unexpected(folder.error());
    files.push_back(folder->string());
  }
  auto scenarios = scenario::read_scenarios(files);
  if (!scenarios) return tl::unexpected(scenarios.error());
  std::vector<scenario::Case> cases;
  for (const auto& one : *scenarios) {
    auto expanded = scenario::expand(one);
    if (!expanded) return tl::unexpected(expanded.error());
    cases.insert(cases.end(), std::make_move_iterator(expanded->begin()), std::make_move_iterator(expanded->end()));
  }
  return select(std::move(cases), patterns);
}

}  // namespace kexlab::cli
