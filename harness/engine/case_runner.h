// SPDX-License-Identifier: Apache-2.0
// Runs one case on one ready guest: each step in turn, its evidence recorded, the first step that goes wrong decides.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "harness/engine/event.h"
#include "harness/engine/facts.h"
#include "harness/engine/payload.h"
#include "harness/engine/session.h"
#include "harness/model/file_load.h"
#include "harness/model/model.h"
#include "harness/random/random.h"
#include "harness/scenario/scenario.h"
#include "harness/witness/report.h"

namespace kexlab::engine {

struct Dump;

/// What a step came to. `outcome` passed: go on.
struct Verdict {
  Outcome outcome = Outcome::passed;
  std::string reason;
  std::string rule;
  bool last = false;  ///< passed, and the steps that follow have no object
};

/// What every case on a guest shares.
struct Stage {
  const Target* target = nullptr;         ///< not null, like all pointers here
  const images::Kernel* self = nullptr;   ///< the kernel under test
  const images::Kernel* next = nullptr;   ///< the kernel it is to start; may be the same
  const images::Kernel* crash = nullptr;  ///< what is loaded for a crash in place of `self`; may be `self`
  const Payload* payload = nullptr;
  Bytes witness;                   ///< the target's witness image; empty where it has none
  Cargo cargo;                     ///< what the guest carries
  Hello hello;                     ///< of the first kernel
  Facts facts;                     ///< likewise
  std::filesystem::path coverage;  ///< where counters of executed lines go, see coverage_folder; empty: nowhere
  std::uint64_t seed = 0;          ///< of the run, mixed into the seeds of random steps; 0: these as they are
};

class CaseRunner {
 public:
  /// `revive` puts the guest back to where it was before the case, also after its death; empty: that cannot be done.
  CaseRunner(const Stage& stage, const scenario::Case& what, Session& session, std::function<Status()> revive = {});

  /// Runs all steps. Never throws; whatever happens becomes the result's outcome.
  CaseResult run();
  /// True where the guest is no longer as it was before: something was loaded, written, or switched to.
  [[nodiscard]] bool dirty() const { return dirty_ || loaded_; }
  /// Empties both slots where the case has loaded something and changed nothing else, for a guest that cannot be put
  /// back in another way. Afterwards dirty() tells whether that was enough.
  void unload_what_is_left();

 private:
  using Clock = vm::Clock;

  /// What one of the two slots holds.
  struct Loaded {
    Plan plan;
    std::optional<NextInitrd> initrd;
    std::string cmdline;
    std::string kernel;                            ///< "self", "next"; empty for explicit segments
    std::optional<witness::WitnessTable> witness;  ///< what the witness among the segments was told
  };
  /// KiB: MemTotal, and MemFree with what waits in the CPUs' lists.
  struct Meminfo {
    std::uint64_t total = 0, free = 0;
  };

  Verdict step(const scenario::Step& step, StepRecord& record);
  Verdict on(const scenario::LoadStep& load, StepRecord& record);
  Verdict on(const scenario::UnloadStep& unload, StepRecord& record);
  Verdict on(const scenario::FileLoadStep& load, StepRecord& record);
  Verdict on(const scenario::StateStep& state, StepRecord& record);
  Verdict on(const scenario::MemoryStep& memory, StepRecord& record);
  Verdict on(const scenario::SwitchStep& change, StepRecord& record);
  Verdict on(const scenario::RebootStep& reboot, StepRecord& record);
  Verdict on(const scenario::CheckStep& check, StepRecord& record);
  Verdict on(const scenario::VmcoreStep& vmcore, StepRecord& record);
  Verdict on(const scenario::ReadStep& read, StepRecord& record);
  Verdict on(const scenario::WriteStep& write, StepRecord& record);
  Verdict on(const scenario::RandomStep& random, StepRecord& record);
  Verdict on(const scenario::HoldStep& hold, StepRecord& record);
  Verdict on(const scenario::ReleaseStep& release, StepRecord& record);

  // plans (plan_steps.cpp)
  Result<Plan> plan_of(const scenario::LoadStep& load);
  /// `self`, which for a crash may be another kernel, or `next`.
  [[nodiscard]] const images::Kernel& kernel_of(std::string_view word, bool crash) const;
  Result<Plan> plan_kernel_load(const scenario::LoadStep& load);
  Result<Plan> plan_segments(const scenario::LoadStep& load);
  Status add_witness(const scenario::LoadStep& load, Plan& plan);
  Status add_demanded(Plan& plan, RangeSet& free, witness::WitnessTable& table) const;
  Result<std::uint64_t> value_of(const scenario::Expression& expression) const;

  // files (file_load_steps.cpp)
  Verdict append_to_base(const NextInitrd& initrd);
  Verdict give_own_initrd();
  Result<model::File> give_file(const std::string& name, const scenario::FileSpec& file, wire::Message& request);
  /// What the call finds; its files, `line` and flags go into the request.
  Result<model::FileCall> file_call(const scenario::FileLoadStep& load, const std::string& line,
                                    wire::Message& request);

  // what the running kernel is (situation.cpp)
  Result<const Facts*> facts();
  [[nodiscard]] const images::Kernel& kernel_now() const;
  Result<model::Situation> situation();
  Result<wire::Message> ask(wire::Message request);

  // the dump (vmcore_step.cpp)
  Verdict check_notes(ByteView head, const Dump& dump);
  Verdict check_release(const Dump& dump, std::string_view vmcoreinfo);
  Verdict check_end(std::uint64_t end);
  Verdict check_contents(const Dump& dump);
  Verdict check_inside(const Dump& dump);
  Verdict check_odd_read(std::uint64_t offset, bool& told);
  [[nodiscard]] bool is_file_loaded() const;
  Verdict check_known_page(const Dump& dump, std::size_t number);
  Verdict check_read_at_once(std::uint64_t offset, std::uint64_t first, std::uint64_t second);
  Verdict check_mapping(const Range& window);
  Verdict check_mappings(const std::vector<Range>& windows, std::uint64_t end);

  // memory (memory_step.cpp)
  Result<Meminfo> read_meminfo();
  Verdict memory_fits(StepRecord& record);
  Verdict memory_same(StepRecord& record);
  Verdict memory_reserved(StepRecord& record);

  // random calls (random_steps.cpp)
  [[nodiscard]] random::World random_world(const model::Situation& now) const;
  [[nodiscard]] std::uint64_t seed_of(std::uint64_t step) const;
  Result<wire::Message> request_of(const random::Attempt& call);
  Result<model::Prediction> predict(const random::Attempt& call, const model::Situation& now);
  Result<std::optional<random::Difference>> play(const random::Episode& episode, model::Situation& now);
  void attach(const random::Episode& episode, const random::Difference& difference, model::Situation now);
  Result<std::optional<random::Difference>> replay(const random::Episode& candidate, model::Situation& now);
  Verdict judge_difference(const random::Episode& episode, const random::Difference& first, model::Situation now);
  Verdict judge_death(const random::Episode& episode, const Error& death, model::Situation now);

  // judging
  void judge_complaint();
  /// Fetches the running kernel's counters of executed lines, where the run wants them and the kernel has some.
  Status collect_coverage();
  Verdict judge_call(const scenario::Expectation& expect, const wire::Message& answer,
                     const std::optional<model::Prediction>& predicted, StepRecord& record);
  Verdict judge_text(const scenario::ReadStep& read, const std::string& text, StepRecord& record);
  Verdict judge_state(const model::Prediction& predicted, StepRecord& record);
  /// As judge_call, and where the model is to decide, what the call left behind too.
  Verdict judge_call_and_state(const scenario::Expectation& expect, const wire::Message& answer,
                               const model::Prediction& predicted, StepRecord& record);
  void note_loaded(const Plan& plan, bool crash);
  [[nodiscard]] bool reserved_nothing() const;
  Verdict from_error(const Error& error) const;
  /// What a read of the dump that failed says: an errno is the kernel's answer, all else is the harness'.
  Verdict unread(const Error& error, std::uint64_t offset, std::uint64_t size) const;
  Verdict unmapped(const Error& error, std::uint64_t offset, std::uint64_t size) const;
  Verdict silent(const Error& error, const Plan* plan, StepRecord& record);
  [[nodiscard]] witness::Handover handover_of(const Loaded& loaded) const;
  Verdict hear_witness(const Loaded& loaded, StepRecord& record);
  /// Makes the running kernel go: the request to the agent, or the NMI.
  Status leave(const scenario::SwitchStep& change);
  Verdict land_on_witness(const Loaded& loaded, StepRecord& record);
  Verdict land_on_kernel(const Plan& plan, StepRecord& record);
  // a switch that comes back (jump_step.cpp)
  Verdict jump(Loaded& loaded, StepRecord& record);
  Verdict not_back(const Error& error, const Plan& plan);
  Verdict judge_jump(const wire::Message& answer, const wire::Message& before, StepRecord& record);
  Status lay_marker();

  void note_switch(const std::string& where, const std::optional<std::uint64_t>& counter);
  [[nodiscard]] std::string command_line(const std::string& more, bool crash) const;
  Verdict expect_power_off();
  /// `text` is blank-separated words of the kind that the running kernel's boot protocol puts on the command line.
  [[nodiscard]] bool is_protocol_word(std::string_view word) const;
  [[nodiscard]] bool arrived(std::string_view line, std::string_view want) const;
  [[nodiscard]] bool only_protocol_words(std::string_view text) const;
  std::string where_is_it(const Plan* plan);
  [[nodiscard]] Clock::time_point soon() const;
  [[nodiscard]] double elapsed() const;

  const Stage& stage_;
  const scenario::Case& case_;
  Session& session_;
  std::function<Status()> revive_;
  Clock::time_point started_, deadline_, switched_;
  std::string nonce_;
  CaseResult result_;
  std::optional<Facts> facts_;  ///< of the kernel that runs now
  Hello hello_;                 ///< of the kernel that runs now
  std::optional<Loaded> normal_, crash_;
  std::optional<Loaded> running_;            ///< what the kernel that runs now was started from
  std::optional<Loaded> candidate_;          ///< what the last plan_of made
  std::vector<std::uint64_t> marker_pages_;  ///< physical addresses of known memory: see the agent's `marker`
  std::string marked_boot_;                  ///< boot_id of the kernel that has it
  Machine crashed_machine_;                  ///< facts of the kernel that crashed, for /proc/vmcore
  Hello crashed_hello_;
  std::optional<NextInitrd> own_initrd_;     ///< what the guest's base archive has been made into
  std::map<std::string, std::string> kept_;  ///< what reads have remembered, by name
  unsigned coverage_sets_ = 0;
  std::optional<Meminfo> noted_memory_;
  RangeSet noted_ram_;  ///< System RAM when it was noted
  bool lock_held_ = false;
  std::map<std::string, std::string> crashed_config_;  ///< its configuration; empty: not known
  bool crashed_idle_ = false;                          ///< it may have crashed in no task's name
  bool crashed_by_panic_ = false;                      ///< it crashed because it was asked to, not by a fault
  bool started_by_crash_ = false;                      ///< the running kernel is a crash kernel
  bool loaded_ = false;                                ///< a slot may hold another image than before the case
  bool dirty_ = false;                                 ///< something else was changed
};

/// What the model must know of a machine and its kernel; nothing loaded, nothing forbidden, no lock held.
model::Situation situation_of(const Facts& facts, std::string_view release,
                              const std::map<std::string, std::string>& config);
/// What an agent's answer to `state` says.
model::State state_of(const wire::Message& answer);
/// "loaded=1 crash_loaded=0 …".
std::string state_text(const model::State& state);
/// "loaded is 1, expected 0, …"; empty where nothing differs.
std::string state_difference(const model::State& found, const model::State& expected);
/// "rule 'overlap': segments do not overlap (its source)"; `predicted.rule` is not null.
std::string rule_text(const model::Prediction& predicted);
/// {6, 1} of "6.1.0-56-amd64" and of "6.1"; numbers that are not there are 0.
std::pair<unsigned, unsigned> version_of(std::string_view release);
/// The request that makes a plan's call.
wire::Message load_request(const Plan& plan, const scenario::Credentials& as, std::string_view abi);
/// Adds to a request who makes its call.
void set_credentials(wire::Message& message, const scenario::Credentials& as);
/// The call of an answer gave 0.
bool succeeded(const wire::Message& answer);

/// Where a case's counters go below `root`: a folder for each kernel that ran, 0 for the first, and in it the files as
/// the kernel names them, `…/kernel/kexec.gcda`.
std::filesystem::path coverage_folder(const std::filesystem::path& root, const CaseResult& result);

/// Steps that load again behind a switch need the kernels in the second kernel too.
Cargo cargo_of(const scenario::Case& what);

}  // namespace kexlab::engine
