// SPDX-License-Identifier: Apache-2.0
// Running a tool to its end: output by lines, a deadline, and a group of processes that never outlives this program.
#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "kexlab/error.h"

namespace kexlab::images {

struct Command {
  std::vector<std::string> argv;                   ///< argv[0] is looked for on PATH
  std::map<std::string, std::string> environment;  ///< added to ours
  std::filesystem::path folder;                    ///< working folder; empty: ours
  std::chrono::seconds deadline{60};               ///< wall; then the whole group is killed
  int nice = 0;                                    ///< added to our niceness
  std::filesystem::path log;                       ///< gets all output, appended; empty: none
  std::function<void(std::string_view)> on_line;   ///< each line of either stream, as it comes
};

struct Finished {
  int exit_code = 0;             ///< 128 + signal where a signal ended it
  std::string out;               ///< standard output, at most 16 MiB of it
  std::deque<std::string> last;  ///< the last 20 lines of both streams
  /// The last lines as one text, each on a line of its own.
  [[nodiscard]] std::string last_words() const;
};

/// Runs a command to its end. Errors: not_found (no such program on PATH), timeout, io, cancelled (stop_commands_with). An exit code other than 0 is no
/// error here: see `demand`.
Result<Finished> run(const Command& command);
/// From now on every command, with all that it has started, is killed when a stop is asked for: they are in process
/// groups of their own, which a terminal's interrupt does not reach.
void stop_commands_with(std::stop_token stop);
/// As run, but an exit code other than 0 is an io error that carries the last lines.
Result<Finished> demand(const Command& command, const std::string& asked, const std::string& hint = {});
/// The program's path where PATH has it, else empty.
std::filesystem::path find_program(std::string_view name);

}  // namespace kexlab::images
