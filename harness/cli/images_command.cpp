// SPDX-License-Identifier: Apache-2.0
// kexlab images: kernels of the catalogue: list, fetch, build, and tell what a file is.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "harness/cli/command.h"
#include "harness/images/images.h"
#include "harness/report/report.h"
#include "harness/targets/target.h"

namespace kexlab::cli {
namespace {

struct ImagesFlags {
  std::vector<std::string> names;
  std::vector<std::string> targets;
  std::vector<std::string> patches;
  std::string file;
  std::string toolchain;
  bool fetch = false;
};

bool wanted(const ImagesFlags& flags, const images::CatalogueRow& row) {
  auto in = [](const std::vector<std::string>& list, const std::string& word) {
    return list.empty() || std::find(list.begin(), list.end(), word) != list.end();
  };
  return in(flags.names, row.name) && in(flags.targets, row.target);
}

/// True for the kernel that the target's default one loads for a crash.
bool is_crash_kernel(const images::CatalogueRow& row) {
  const auto& rows = images::catalogue();
  return std::any_of(rows.begin(), rows.end(), [&](const images::CatalogueRow& other) {
    return other.is_default && other.target == row.target && other.crash == row.name;
  });
}

/// Without names, what runs of these targets need; without targets too, only what needs no build: that takes too long
/// to happen by accident.
bool needed(const ImagesFlags& flags, const images::CatalogueRow& row) {
  if (!flags.names.empty()) return true;
  return (row.is_default || row.is_next || is_crash_kernel(row)) && (!flags.targets.empty() || !row.package.empty());
}

void print_rows(const ImagesFlags& flags) {
  fmt::print("{:<12} {:<14} {:<10} {}\n", "target", "kernel", "used as", "from");
  for (const auto& row : images::catalogue()) {
    if (!wanted(flags, row)) continue;
    const char* use = row.is_default ? "default" : row.is_next ? "next" : "";
    fmt::print("{:<12} {:<14} {:<10} {}\n", row.target, row.name, use,
               row.source.empty() ? "package " + row.package : "built from " + row.source);
  }
}

void print_kernel(const images::Kernel& kernel) {
  fmt::print("{} {}\n  file     {}\n  from     {}\n  image    {}\n  sha256   {}\n", kernel.target, kernel.name,
             kernel.file.string(), kernel.origin, kernel.image.str(), kernel.sha256);
  const std::string why_not = images::why_not_kexec(kernel);
  fmt::print("  kexec    {}\n", !why_not.empty()      ? why_not
                                : kernel.config_known ? "CONFIG_KEXEC=y"
                                                      : "its configuration is not known");
}

/// Progress of fetching and building, on the terminal.
class Watch {
 public:
  Watch() {
    report::TerminalOptions options;
    options.living = isatty(STDOUT_FILENO) != 0;
    screen_ = report::make_terminal(stdout, options);
  }
  images::Progress progress() {
    return [this](std::string_view what, double fraction) {
      screen_->on(engine::Progressed{std::string(what), fraction});
    };
  }

 private:
  decltype(report::make_terminal(stdout, {})) screen_;
};

int fetch_toolchain(const std::string& name) {
  auto target = named_target(name);
  if (!target) return tell(target.error());
  Watch watch;
  const auto folder = images::toolchain(**target, watch.progress());
  if (!folder) return tell(folder.error());
  fmt::print("{} compiler\n  folder   {}\nrun cmake and the build again: they find it there\n", (*target)->name,
             folder->string());
  return all_good;
}

/// The emulators of the named targets that take theirs from another suite.
Status fetch_emulators(const ImagesFlags& flags, const images::Progress& progress) {
  for (const auto& name : flags.targets) {
    auto target = require_target(name);
    if (!target) return tl::unexpected(target.error());
    if ((*target)->qemu_suite.empty()) continue;
    auto program = images::emulator(**target, progress);
    if (!program) return tl::unexpected(program.error());
    fmt::print("{} emulator\n  file     {}\n", name, program->string());
  }
  return {};
}

/// Gets the rows; what cannot be had is told, and keeps nothing else from being fetched.
class Fetcher {
 public:
  Fetcher(const ImagesFlags& flags, images::Progress progress)
      : patches_(flags.patches.begin(), flags.patches.end()), progress_(std::move(progress)) {}

  void get(const images::CatalogueRow& row) { keep(row.target, one(row)); }
  /// Of the target's next kernels the first that can be had.
  void get_next(const std::string& target) {
    keep(target, images::first_kernel(
                     images::next_kernels(target),
                     [&](const std::string& name) -> Result<images::Kernel> {
                       auto row = images::find_row(target, name);
                       return row ? one(*row) : tl::unexpected(row.error());
                     },
                     [&](const std::string& name, const Error& why) {
                       fmt::print(stderr, "kexlab: {} {} is passed over: {}\n", target, name, why.str());
                     }));
  }
  [[nodiscard]] bool any() const { return got_ || code_ != all_good; }
  /// Of the last that could not be had.
  [[nodiscard]] int code() const { return code_; }

 private:
  Result<images::Kernel> one(const images::CatalogueRow& row) {
    auto target = require_target(row.target);
    if (!target) return tl::unexpected(target.error());
    return patches_.empty() ? images::get_kernel(**target, row.name, progress_)
                            : images::build_kernel(**target, row, patches_, progress_);
  }
  void keep(const std::string& target, const Result<images::Kernel>& kernel) {
    if (kernel) {
      got_ = true;
      return print_kernel(*kernel);
    }
    fmt::print(stderr, "kexlab: a kernel of {} is missing\n", target);
    code_ = tell(kernel.error());
  }

  std::vector<std::filesystem::path> patches_;
  images::Progress progress_;
  bool got_ = false;
  int code_ = all_good;
};

int fetch(const ImagesFlags& flags) {
  Watch watch;
  if (auto emulators = fetch_emulators(flags, watch.progress()); !emulators) return tell(emulators.error());
  Fetcher fetcher(flags, watch.progress());
  std::set<std::string> with_next;
  for (const auto& row : images::catalogue()) {
    if (!wanted(flags, row) || !needed(flags, row)) continue;
    if (!row.is_next || !flags.names.empty()) {
      fetcher.get(row);
    } else if (with_next.insert(row.target).second) {
      fetcher.get_next(row.target);
    }
  }
  return fetcher.any() ? fetcher.code()
                       : tell({Errc::invalid_argument, "fetch kernels",
                               "no row of the catalogue is of that name and target", "`kexlab images` lists them"});
}

/// All that guests of the targets are made of: compilers and emulators of other suites, and the kernels.
int build(const ImagesFlags& flags) {
  std::vector<std::string> names;
  for (const auto& name : flags.targets) {
    auto target = named_target(name);
    if (!target) return tell(target.error());
    names.push_back((*target)->name);
    if ((*target)->compiler_suite.empty()) continue;
    if (const int code = fetch_toolchain(name); code != all_good) return code;
  }
  return fetch({.targets = std::move(names)});
}

int show_file(const std::string& file) {
  auto kernel = images::user_kernel(file, nullptr);
  if (!kernel) return tell(kernel.error());
  print_kernel(*kernel);
  return all_good;
}

}  // namespace

Action add_images(CLI::App& app) {
  auto flags = std::make_shared<ImagesFlags>();
  app.add_option("kernels", flags->names, "Names of the catalogue; default: all");
  app.add_option("--target", flags->targets, "Target(s)")->delimiter(',');
  app.add_flag("--get", flags->fetch,
               "Fetch or build them into the cache (where none is named, default and next kernels of the targets; "
               "without targets too, those that need no build)");
  app.add_option("--patch", flags->patches,
                 "With --get, for kernels built from source: patches to apply, for example to break one on purpose")
      ->check(CLI::ExistingFile);
  app.add_option("--toolchain", flags->toolchain,
                 "Fetch the cross compiler of a target that takes it from another Debian suite, for the build to find");
  app.add_option("--file", flags->file, "Tell what this kernel image is")->check(CLI::ExistingFile);
  auto* all = app.add_subcommand(
      "build", "Get all that guests of these targets need: compiler, emulator and kernels, fetched or built");
  all->add_option("targets", flags->targets, "Target(s)")->required();
  return [flags, all] {
    if (all->parsed()) return build(*flags);
    if (!flags->file.empty()) return show_file(flags->file);
    if (!flags->toolchain.empty()) return fetch_toolchain(flags->toolchain);
    if (flags->fetch) return fetch(*flags);
    return print_rows(*flags), static_cast<int>(all_good);
  };
}

}  // namespace kexlab::cli
