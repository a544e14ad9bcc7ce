// SPDX-License-Identifier: Apache-2.0
// Reporters: they take events and print or store them, and decide nothing.
#pragma once

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/event.h"
#include "kexlab/error.h"

namespace kexlab::report {

/// How the terminal reporter writes. Colours and the living line only where `living`.
struct TerminalOptions {
  bool living = false;   ///< a terminal: colours, one line that shows progress
  bool verbose = false;  ///< every step of every case
  unsigned width = 80;   ///< columns, for the living line
};
/// Progress on a terminal, one plain line a case elsewhere; details of what went wrong; a table at the end.
std::unique_ptr<engine::Sink> make_terminal(std::FILE* out, const TerminalOptions& options);

/// Appends one JSON object a line to `file`, flushed after each, so that an interrupted run keeps what it had.
/// The schema is results/results.schema.json. A disk that fills up is told once (Errc::no_space through `trouble`).
Result<std::unique_ptr<engine::Sink>> make_json_lines(const std::filesystem::path& file, bool append,
                                                      std::function<void(const Error&)> trouble);
/// Writes JUnit XML when the run finishes, interrupted or not.
std::unique_ptr<engine::Sink> make_junit(const std::filesystem::path& file, std::function<void(const Error&)> trouble);
/// Prints KTAP version 1 as results come. Source: Documentation/dev-tools/ktap.rst.
std::unique_ptr<engine::Sink> make_ktap(std::FILE* out);

/// Stores what belongs to results beside their verdict (see engine::attachment_file), each file as its case ends.
std::unique_ptr<engine::Sink> make_attachments(const std::filesystem::path& folder,
                                               std::function<void(const Error&)> trouble);

/// What a results file holds.
struct Stored {
  engine::RunStarted started;
  std::vector<engine::CaseResult> results;  ///< in the order in which they came; the last of a key counts
  bool finished = false;
};
/// Reads a results file, also one whose last line was cut off. Errors: not_found, corrupt with line number.
Result<Stored> read_results(const std::filesystem::path& file);

/// JSON of one event, one line without the newline.
std::string to_json(const engine::Event& event);

/// "3 passed, 1 failed (…)" table by target, as it ends a run.
std::string table(const std::vector<engine::CaseResult>& results);

}  // namespace kexlab::report
