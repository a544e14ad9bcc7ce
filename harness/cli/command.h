// SPDX-License-Identifier: Apache-2.0
// What the commands share: exit codes, how a mistake is told, and the choice of targets and kernels.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/engine/bus.h"
#include "harness/engine/lab.h"
#include "harness/scenario/scenario.h"
#include "kexlab/error.h"

namespace kexlab::cli {

/// Exit codes of every command.
enum Exit : int {
  all_good = 0,
  kernel_failed = 1,   ///< at least one case failed or timed out
  usage = 2,           ///< the command line, a scenario or an image is wrong
  harness_failed = 3,  ///< the harness or the host could not do its part, or the run was interrupted
};

/// A command registers its options and gives what to do when it was chosen.
using Action = std::function<int()>;
Action add_run(CLI::App& app);
Action add_list(CLI::App& app);
Action add_bench(CLI::App& app);
Action add_images(CLI::App& app);
Action add_plan(CLI::App& app);
Action add_doctor(CLI::App& app);

/// Prints "kexlab: <error>" and gives the exit code that fits the error's kind.
int tell(const Error& error);

/// A target that the user named. Error: invalid_argument with the nearest name.
Result<const Target*> named_target(const std::string& name);

/// Set by SIGINT and SIGTERM; a second signal ends the process at once (its guests go with it).
std::stop_token stop_token();
void watch_signals();

/// QEMU, each target's from where its row has it.
std::unique_ptr<vm::Backend> make_backend();

/// Which targets and kernels a run is about.
struct Choice {
  std::vector<std::string> targets;  ///< names, or "all"; empty: those whose default kernel is a package's, or
                                     ///< the image's own
  std::vector<std::string> kernels;  ///< catalogue names, files, "all" (see add_choice); empty: the catalogue's default
  std::string next;                  ///< likewise; empty: the catalogue's, or the kernel itself where a file was given
};
void add_choice(CLI::App& app, Choice& choice);
struct Benches {
  std::vector<engine::Bench> all;
  std::size_t left_out = 0;  ///< targets that nobody named and whose kernel cannot be had: the host's fault, told
};
/// Gets kernels, accelerators and payloads: a bench for each target and kernel. Progress and notices go to the bus.
Result<Benches> make_benches(const Choice& choice, vm::Backend& backend, engine::Bus& bus);

/// Scenario files: the given ones, else the project's own (beside the program, or installed).
Result<std::filesystem::path> scenario_folder();
/// Cases by names, globs, tags ("tag:smoke") and files. Unknown names are an error with the nearest right one.
Result<std::vector<scenario::Case>> choose_cases(const std::vector<std::string>& wanted);

}  // namespace kexlab::cli
