// SPDX-License-Identifier: Apache-2.0
// Scenarios as users write them, and the cases they expand into. Pure data; the engine executes it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/scenario/expression.h"
#include "harness/yaml/yaml.h"
#include "kexlab/error.h"
#include "kexlab/plan.h"

namespace kexlab::scenario {

/// Where something stands, for messages.
using Position = yaml::Position;

/// What a call must give: success, an errno by name, a raw positive value (compat), or what the model predicts.
struct Expectation {
  enum class Kind { ok, error, value, model } kind = Kind::ok;
  int error = 0;   ///< errno number for Kind::error, in the generic numbering (asm-generic/errno.h) on every target
  long value = 0;  ///< for Kind::value
  std::string text = "ok";
  bool operator==(const Expectation&) const = default;
};

/// Who makes the call.
struct Credentials {
  std::optional<unsigned> uid;
  std::vector<std::string> drop;  ///< capability names without "CAP_", lower case
  bool user_namespace = false;
  bool pid_namespace = false;
  [[nodiscard]] bool any() const { return uid || !drop.empty() || user_namespace || pid_namespace; }
  bool operator==(const Credentials&) const = default;
};

/// The ABI of callers that are built for the kernel's own; others stand in the table of targets.
inline constexpr const char* native_abi = "native";

/// A pointer as written: a kind of mistake, or an address of its own.
struct PointerSpec {
  Pointer kind = Pointer::valid;
  std::uint64_t address = 0;
};

/// A segment as written. Defaults give a sane one.
struct SegmentSpec {
  std::string name;                ///< default "segment N"
  std::optional<Expression> at;    ///< the parser fills in the default: behind the previous one
  Expression size;                 ///< memsz
  std::optional<Expression> data;  ///< bufsz; default: memsz
  std::uint32_t pattern = 0;       ///< seed of the fill; default: index + 1
  PointerSpec buf;
};

/// load: of a kernel (the boot protocol plans it) or of explicit segments.
struct LoadStep {
  std::string kernel;  ///< "self", "next" or empty for explicit segments
  bool initrd = true;
  std::string cmdline;  ///< appended to the target's own words and the case's nonce
  bool crash = false;
  bool digest = false;
  std::vector<SegmentSpec> segments;
  std::optional<std::uint64_t> random;  ///< instead of segments: the seed of a random layout
  bool witness = false;                 ///< explicit segments: add the witness as a further segment and enter it
  std::vector<std::string> order;       ///< empty: as written; {"reverse"}: the order in the array, addresses stay
  std::optional<Expression> entry;      ///< default: the witness, else the first segment
  std::uint64_t extra_flags = 0;        ///< or-ed to the flags
  std::optional<std::uint64_t> arch;    ///< KEXEC_ARCH value (shifted); default: the target's own
  std::optional<std::uint64_t> nr_segments;
  PointerSpec array;
  std::string abi = native_abi;
  Credentials as;
  Expectation expect;
  unsigned repeat = 1;  ///< same call that often (measuring)
};
struct UnloadStep {
  bool crash = false;
  std::string abi = native_abi;
  std::uint64_t extra_flags = 0;
  Credentials as;
  Expectation expect;
};
/// A file that is handed to kexec_file_load, whole or broken on purpose.
struct FileSpec {
  std::string from;                ///< a word of file_words()
  std::optional<Expression> size;  ///< cut to that size, or lengthened by zeros; default: as it is
  struct Edit {
    std::uint64_t at = 0;  ///< offset of the first byte
    Bytes bytes;
    bool operator==(const Edit&) const = default;
  };
  std::vector<Edit> edits;
  std::string open = "read";  ///< a word of open_words()
  /// It has bytes of which a changed copy can be made.
  [[nodiscard]] bool can_be_copied() const;
  bool operator==(const FileSpec&) const = default;
};
struct FileLoadStep {
  FileSpec kernel{.from = "self", .size = {}, .edits = {}};
  FileSpec initrd{.from = "own", .size = {}, .edits = {}};
  std::string cmdline;                       ///< appended to the target's own words and the case's nonce
  std::optional<std::uint64_t> cmdline_len;  ///< default: with the byte 0 at the end; what is beyond it is 0
  Pointer cmdline_at = Pointer::valid;
  std::uint64_t flags = 0;
  Credentials as;
  Expectation expect;
  bool operator==(const FileLoadStep&) const = default;
};
struct StateStep {
  std::optional<bool> loaded, crash_loaded, load_disabled;
  std::optional<Expression> crash_size, load_limit_reboot, load_limit_panic;
};
/// What the kernel says of its memory. Unset: not looked at.
struct MemoryStep {
  bool fits = false;                      ///< the memory map, MemTotal and the reservation are what the guest was given
  bool note = false;                      ///< remembers System RAM, MemTotal and free memory
  bool same = false;                      ///< System RAM covers the bytes that were noted
  bool reserved = false;                  ///< a crash kernel's is what the kernel that crashed had reserved
  std::optional<Expression> lost, grown;  ///< since noted: free memory fell by at most, MemTotal grew by this
};
/// reboot(LINUX_REBOOT_CMD_KEXEC) or a crash; then something must come up.
struct SwitchStep {
  enum class How { reboot, crash } how = How::reboot;
  enum class Land { kernel, witness, back } land = Land::kernel;  ///< back: the witness, and then this kernel again
  /// What brings the crash about: sysrq-c, an invalid access of a program's or of process 1's in the kernel, or an NMI.
  enum class By { sysrq, oops, oops_of_init, nmi } by = By::sysrq;
  std::optional<unsigned> cpu;  ///< that the call, or the crash, is made on; unset: whichever the agent runs on
  bool if_loaded = false;       ///< after a load that expects `model`: where it was refused, the case ends here
};
/// A reboot(2) that must return.
struct RebootStep {
  std::uint32_t cmd = kexec::reboot_cmd;
  std::optional<unsigned> magic1, magic2;
  Credentials as;
  Expectation expect;
};
/// Facts of the kernel that runs now. Unset: not looked at.
struct CheckStep {
  std::string release;                 ///< "self" or "next": the running kernel is that one
  bool cmdline = false;                ///< /proc/cmdline is, to the byte, what the plan carried
  bool initrd = false;                 ///< every file of the initrd has the digest it was given
  std::optional<unsigned> generation;  ///< number of kexecs since the first boot
};
/// /proc/vmcore of a crash kernel: ELF header sane, sizes plausible, marker page and vmcoreinfo found, RAM covered.
struct VmcoreStep {};
struct ReadStep {
  std::string path;
  std::optional<std::string> equals;
  std::optional<std::string> contains;
  std::string lines;    ///< of the contents only the lines that hold this; empty: all
  std::string keep;     ///< remember the contents under this name, over switches
  std::string same_as;  ///< they are those that an earlier step kept
  Expectation expect;
};
struct WriteStep {
  std::string path;
  std::string data;
  Expectation expect;
};
/// Random calls, each held against the model.
struct RandomStep {
  std::uint64_t calls = 0;
  std::uint64_t seed = 1;
  bool files = false;  ///< half of them calls of kexec_file_load
};
/// Another task's load stops in the copy of its buffer, holding the kexec lock, or at its array, before it.
struct HoldStep {
  bool at_array = false;
};
struct ReleaseStep {};

struct Step {
  using Action = std::variant<LoadStep, UnloadStep, FileLoadStep, StateStep, MemoryStep, SwitchStep, RebootStep,
                              CheckStep, VmcoreStep, ReadStep, WriteStep, RandomStep, HoldStep, ReleaseStep>;
  Action action;
  Position where;
};

/// The machine a scenario wants; unset values come from the target's row.
struct GuestShape {
  std::optional<std::uint64_t> memory_mib;
  unsigned cpus = 1;
  std::string cmdline;                           ///< further words
  std::string level;                             ///< of privilege that the first kernel is started at; empty: the usual
  std::string firmware;                          ///< that the first kernel is started by; empty: the usual
  std::optional<std::uint64_t> crashkernel_mib;  ///< 0: the target's default size; unset: no reservation
  bool operator==(const GuestShape&) const = default;
};

struct Scenario {
  std::string name;  ///< "layout/adjacent", unique
  std::string about;
  std::vector<std::string> targets;  ///< names; empty: all
  std::vector<std::string> tags;
  std::vector<std::string> needs;           ///< config options without CONFIG_, "KEXEC" is implied
  std::vector<std::string> features;        ///< of the target: "crash", "witness", …; a limitation skips the case.
                                            ///< What the steps need (a witness, a crash, …) is added by itself
  std::optional<std::string> since, until;  ///< kernel versions, inclusive / exclusive
  GuestShape guest;
  std::chrono::seconds deadline{60};  ///< for the whole case, guest's boot not included
  /// Matrix parameters in order, each with its values as text.
  std::vector<std::pair<std::string, std::vector<std::string>>> matrix;
  std::string body;   ///< the YAML text, from which cases are made by substitution
  int body_line = 1;  ///< line of the file that `body` starts at
  Position where;
};

/// A scenario with all its parameters fixed: the unit that passes, fails, is filtered, sharded and reported.
struct Case {
  std::string id;  ///< "layout/adjacent[gap=0]"; with target and kernel it is unique
  std::string scenario;
  std::string about;
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<std::string> tags, needs, features;
  std::vector<std::string> targets;  ///< names; empty: all
  std::optional<std::string> since, until;
  GuestShape guest;
  std::chrono::seconds deadline{60};
  std::vector<Step> steps;
  Position where;
};

/// Parses one scenario file (one document a scenario; several documents allowed). Every mistake is an error with
/// file:line:column, what is wrong, and the nearest right word.
Result<std::vector<Scenario>> parse_scenarios(std::string_view yaml, const std::string& file);
/// The cases of a scenario: the product of its matrix, the last parameter varying fastest. At most max_cases.
Result<std::vector<Case>> expand(const Scenario& scenario);
/// Reads files and folders (recursively, *.yaml), sorted by name. Duplicate scenario names are an error.
Result<std::vector<Scenario>> read_scenarios(const std::vector<std::string>& paths);
/// True where `pattern` selects the case: "tag:NAME", or a glob (`*` any text, `?` one character; a bracket is itself)
/// over the case's id or its scenario's name.
bool matches(const Case& item, std::string_view pattern);
/// JSON Schema (draft 7) of a scenario file, for completion in editors.
std::string json_schema();
/// The tables of the vocabulary page, as Markdown.
std::string vocabulary_tables();

inline constexpr std::size_t max_cases = 4096;  ///< of one scenario
inline constexpr std::size_t max_steps = 1024;  ///< of one case, repeats unrolled

}  // namespace kexlab::scenario
