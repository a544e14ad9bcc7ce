// SPDX-License-Identifier: Apache-2.0
// The switch into what was loaded, and the evidence of what came up: the witness's report, or another kernel's agent.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"
#include "harness/witness/report.h"

namespace kexlab::engine {
namespace {

std::string join(const std::vector<std::string>& sentences) {
  std::string text;
  for (const auto& sentence : sentences) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

}  // namespace

Verdict CaseRunner::on(const scenario::SwitchStep& change, StepRecord& record) {
  const bool crash = change.how == scenario::SwitchStep::How::crash;
  record.what = crash ? "crash into what is loaded" : "reboot(2) into what is loaded";
  auto& slot = crash ? crash_ : normal_;
  if (!slot && change.if_loaded) {
    record.observed = "not done: the load was refused, as the model says";
    return {.last = true};
  }
  if (!slot) return {Outcome::error, record.what + ": nothing was loaded by an earlier step", {}};
  if (crash) {
    if (auto laid = lay_marker(); !laid) return from_error(laid.error());
    if (auto found = facts(); !found) return from_error(found.error());
    crashed_machine_ = facts_->machine;
    crashed_hello_ = hello_;
    // A configuration that was found beside an image of another release would ask too much of this one.
    const images::Kernel& kernel = kernel_now();
    const bool is_its = kernel.release.empty() || kernel.release == hello_.release;
    crashed_config_ = is_its ? kernel.config : std::map<std::string, std::string>();
  }
  dirty_ = true;
  if (change.land == scenario::SwitchStep::Land::back) return jump(*slot, record);
  if (auto collected = collect_coverage(); !collected) return from_error(collected.error());
  if (auto status = leave(change); !status) return from_error(status.error());
  session_.console().mark(crash ? "-- crash --" : "-- kexec --");
  switched_ = Clock::now();
  const Loaded loaded = *slot;
  started_by_crash_ = crash;
  const bool complained = !session_.console().complaint().empty();
  const bool on_witness = change.land == scenario::SwitchStep::Land::witness;
  Verdict verdict = on_witness ? land_on_witness(loaded, record) : land_on_kernel(loaded.plan, record);
  // An oops that was asked for is no defect, though the kernel tells of it.
  if (change.by != scenario::SwitchStep::By::sysrq && !complained) session_.console().forget_complaint();
  if (on_witness) return verdict;
  normal_.reset();
  crash_.reset();
  running_ = loaded;
  return verdict;
}

Status CaseRunner::leave(const scenario::SwitchStep& change) {
  using By = scenario::SwitchStep::By;
  crashed_idle_ = change.by == By::nmi;
  crashed_by_panic_ = change.by == By::sysrq;
  if (change.by == By::nmi) return session_.guest().raise_nmi();
  const bool crash = change.how == scenario::SwitchStep::How::crash;
  wire::Message request{.op = crash ? "crash" : "reboot"};
  if (!crash) request.set("cmd", std::uint64_t{kexec::reboot_cmd});
  if (change.by == By::oops) request.set("by", "oops");
  if (change.by == By::oops_of_init) request.set("by", "oops of init");
  if (change.cpu) request.set("cpu", std::uint64_t{*change.cpu});
  return session_.send(std::move(request));
}

witness::Handover CaseRunner::handover_of(const Loaded& loaded) const {
  witness::Handover out{loaded.witness->round != 0, loaded.plan.entry, std::nullopt, !case_.guest.level.empty()};
  if (const Segment* tree = find_last_tree(loaded.plan)) out.tree = tree->mem;
  // Where there is one CPU it is number 0 on every machine. Of more it is not known: firmware may choose the first.
  if (case_.guest.cpus == 1) out.cpu = 0;
  const Arch* arch = find_arch(stage_.target->name);
  if (arch == nullptr || arch->demanded == nullptr) return out;
  if (const Segment* found = find_demanded(loaded.plan, arch->demanded(facts_->machine))) out.demanded = found->mem;
  return out;
}

Verdict CaseRunner::hear_witness(const Loaded& loaded, StepRecord& record) {
  record.expected = "the witness reports every segment intact";
  if (!loaded.witness) return {Outcome::error, "land on the witness: the load before had none (witness: true)", {}};
  witness::WitnessReport report(*loaded.witness);
  while (!report.ended()) {
    auto bytes = session_.next_witness_record(deadline_);
    if (!bytes && report.progress() == witness::WitnessReport::Progress::silent)
      return silent(bytes.error(), &loaded.plan, record);
    if (!bytes)
      return {Outcome::failed, "the witness fell silent in the middle of its report: " + bytes.error().broke, {}};
    if (report.progress() == witness::WitnessReport::Progress::silent) note_switch("witness", std::nullopt);
    // What does not fit is counted by the report and is one of its problems.
    static_cast<void>(report.take(*bytes));
  }
  if (const auto counter = report.counter(stage_.target->counter_register)) note_switch("witness", counter);
  auto problems = report.problems();
  const auto registers = witness::check_registers(stage_.target->name, report.registers(), handover_of(loaded));
  problems.insert(problems.end(), registers.begin(), registers.end());
  record.observed = problems.empty() ? "every segment intact, registers as promised" : join(problems);
  if (!problems.empty()) return {Outcome::failed, "what arrived is not what was loaded: " + join(problems), {}};
  return {};
}

Verdict CaseRunner::land_on_witness(const Loaded& loaded, StepRecord& record) {
  auto verdict = hear_witness(loaded, record);
  return verdict.outcome == Outcome::passed ? expect_power_off() : verdict;
}

// How long the switch took: wall time as the harness sees it, and the CPU's own counter where it has one. Under
// -icount a tick of it is a known number of instructions.
void CaseRunner::note_switch(const std::string& where, const std::optional<std::uint64_t>& counter) {
  if (!counter) {
    result_.figures["switch_" + where + "_s"] = std::chrono::duration<double>(Clock::now() - switched_).count();
  } else if (const auto left = session_.left_at(); left && *counter >= *left) {
    result_.figures["switch_" + where + "_ns"] = static_cast<double>((*counter - *left) * stage_.target->counter_ns);
  }
}

Verdict CaseRunner::expect_power_off() {
  auto ended = session_.wait_end(soon());
  if (!ended)
    return {Outcome::error, "the witness reported, but could not power the machine off: " + ended.error().broke, {}};
  const bool resets = stage_.target->limit("power_off") != nullptr;
  if (ended->why == (resets ? vm::Ended::Why::reset : vm::Ended::Why::powered_off)) return {};
  return {Outcome::error, "the witness was to power the machine off, but " + describe(*ended), {}};
}

Verdict CaseRunner::land_on_kernel(const Plan& plan, StepRecord& record) {
  record.expected = "the loaded kernel comes up with this case's initrd";
  auto hello = session_.wait_hello(deadline_);
  if (!hello) return silent(hello.error(), &plan, record);
  note_switch("kernel", std::nullopt);
  if (hello->counter) note_switch("kernel", hello->counter);
  const bool own_initrd = hello->nonce == nonce_;
  const auto generation = hello_.generation + 1;
  if (!own_initrd || hello->generation != generation) {
    return {
        Outcome::failed,
        fmt::format(
            "a kernel came up, but not the one that was loaded: generation {} with nonce '{}', expected {} with '{}'",
            hello->generation, printable(hello->nonce), generation, nonce_),
        {}};
  }
  record.observed = fmt::format("{} up after {:.2f} s", printable(hello->release), result_.figures["switch_kernel_s"]);
  hello_ = std::move(*hello);
  own_initrd_.reset();
  facts_.reset();
  return {};
}

// A switch after which nothing new is heard. A call that returned started nothing; the guest that ended has failed; one
// that still runs has given no verdict.
Verdict CaseRunner::silent(const Error& error, const Plan* plan, StepRecord& record) {
  if (auto answer = session_.take_answer()) {
    const auto code = static_cast<int>(answer->number("errno").value_or(0));
    record.observed = code == 0 ? "ok" : errno_name(code);
    const auto why = answer->text("why");
    const std::string more = why ? " (" + printable(*why) + ")" : "";
    return {Outcome::failed, "the switch did not happen: the call returned " + record.observed + more, {}};
  }
  if (error.code == Errc::cancelled || error.code == Errc::io) return from_error(error);
  const std::string where = where_is_it(plan);
  if (error.code == Errc::guest_died) {
    const bool ours = session_.ended() && session_.ended()->why == vm::Ended::Why::vm_died;
    return {ours ? Outcome::error : Outcome::failed,
            "nothing came up after the switch: " + describe(*session_.ended()) + where,
            {}};
  }
  return {Outcome::timeout,
          fmt::format("nothing came up within {:.0f} s of the switch{}",
                      std::chrono::duration<double>(Clock::now() - switched_).count(), where),
          {}};
}

// A sentence on where a silent guest died: the segment its program counter lies in, and its last words.
std::string CaseRunner::where_is_it(const Plan* plan) {
  std::string text;
  auto diagnosis = session_.guest().diagnose();
  if (diagnosis) {
    result_.diagnosis = printable(diagnosis->registers);
    if (const auto pc = diagnosis->program_counter) {
      std::string place = "outside every loaded segment";
      if (*pc >= std::uint64_t{1} << 47)
        place = "in a kernel's virtual address space, so a kernel had switched its paging on";
      for (const auto& segment : plan != nullptr ? plan->segments : std::vector<Segment>{}) {
        if (*pc >= segment.mem && *pc - segment.mem < segment.memsz)
          place = fmt::format("in segment '{}' at offset 0x{:x}", segment.name, *pc - segment.mem);
      }
      text += fmt::format("; the program counter 0x{:x} is {}", *pc, place);
    }
  }
  const std::string console = session_.console().str();
  const auto mark = console.rfind("-- ");
  const auto after = mark == std::string::npos ? std::string()
                                               : console.substr(std::min(console.size(), console.find('\n', mark) + 1));
  if (after.empty()) return text + "; its console said nothing after the switch";
  const auto end = after.find_last_not_of('\n');
  const auto begin = after.rfind('\n', end);
  return text + "; last console line: \"" +
         after.substr(begin == std::string::npos ? 0 : begin + 1,
                      end - (begin == std::string::npos ? 0 : begin + 1) + 1) +
         "\"";
}

}  // namespace kexlab::engine
