// SPDX-License-Identifier: Apache-2.0
// Events: the typed record of what happened. Everything that is printed or stored is made from these.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace kexlab::engine {

enum class Outcome {
  passed,
  failed,   ///< the kernel under test broke a rule
  error,    ///< the harness or the host could not do its part
  timeout,  ///< a deadline passed with no verdict
  skipped,  ///< not run, with its reason
};
const char* to_string(Outcome outcome);
std::optional<Outcome> outcome_from(std::string_view text);

/// One thing a case did, in order, with what came of it. Kept for every case: the evidence behind the verdict.
struct StepRecord {
  std::string what;      ///< "load kernel next (4 segments, 21.3 MiB)"
  std::string observed;  ///< "0", "EINVAL", "second kernel up after 2.31 s"
  std::string expected;  ///< empty where nothing was demanded
  bool good = true;
  double seconds = 0;
};

/// A file that belongs to a result.
struct Attachment {
  std::string name;  ///< "calls.yaml"
  std::string text;
};

struct CaseResult {
  std::string id;  ///< case id, e.g. "reboot/self"
  std::string scenario;
  std::string about;
  std::string target;
  std::string kernel;  ///< name of the kernel under test
  std::vector<std::pair<std::string, std::string>> parameters;
  Outcome outcome = Outcome::error;
  std::string reason;  ///< one sentence; empty only for passed
  std::string rule;    ///< the contract rule that decided, where one did
  std::string where;   ///< "file:line" of the step that decided, empty for passed
  double seconds = 0;  ///< wall
  std::vector<StepRecord> steps;
  std::string console_tail;               ///< last console lines, made printable; for everything but passed
  std::string diagnosis;                  ///< registers and program counter of a silent guest
  std::map<std::string, double> figures;  ///< measured on the way: "load_ns", "switch_s", …
  std::vector<Attachment>
      attachments;        ///< e.g. a scenario that shows the same in fewer calls; stored beside the results
  std::string reproduce;  ///< the command line that runs just this case again
};

/// The id of a case, or its key, as the name of a file or folder: letters, digits, "-", "." and "_", and a digest of
/// the id that tells "1 page + 1" from "1 page - 1".
std::string file_name(std::string_view id);

struct RunStarted {
  std::string id;       ///< of the run: date and random part
  std::string started;  ///< ISO 8601, UTC
  std::string version;  ///< kexlab's
  std::size_t cases = 0;
  unsigned jobs = 1;
  std::map<std::string, std::string> kernels;  ///< "x86_64/debian-6.1" → origin and digest
  std::string results;                         ///< folder
  std::map<std::string, std::string> host;     ///< accelerator by target, QEMU version, cores, memory
  /// What the run is of, so that it can be resumed without saying it again: words, targets, kernel, next.
  std::vector<std::string> wanted, targets;
  std::string kernel, next;
};
struct GuestReady {
  std::string target, kernel, shape;
  double seconds = 0;
  bool from_snapshot = false;
};
struct CaseStarted {
  std::string id, target, kernel;
};
struct CaseFinished {
  CaseResult result;
};
/// Something to tell that is no verdict.
struct Notice {
  enum class Level { info, warning, error } level = Level::info;
  std::string text;
};
/// Long work: fetching, building. `fraction` in 0..1, negative where unknown.
struct Progressed {
  std::string what;
  double fraction = -1;
};
struct Tally {
  std::size_t passed = 0, failed = 0, error = 0, timeout = 0, skipped = 0;
};
struct RunFinished {
  std::map<std::string, Tally> by_target;
  Tally total;
  double seconds = 0;
  bool interrupted = false;
  std::uint64_t peak_memory_kib = 0;  ///< of all guests together, largest sum seen
  std::string results;
};

using Event = std::variant<RunStarted, GuestReady, CaseStarted, CaseFinished, Notice, Progressed, RunFinished>;

/// Takes events, one at a time, in order; never called from two threads at once.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void on(const Event& event) = 0;
};

}  // namespace kexlab::engine
