// SPDX-License-Identifier: Apache-2.0
// Steps that make one call and judge its answer: load, unload, reboot that returns, hold, release.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"

namespace kexlab::engine {
namespace {

std::string size_text(std::uint64_t bytes) {
  if (bytes >= std::uint64_t{1} << 20) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
  return fmt::format("{} KiB", (bytes + 1023) / 1024);
}

std::string describe_load(const scenario::LoadStep& load, const Plan& plan) {
  std::uint64_t total = 0;
  for (const auto& segment : plan.segments) total += segment.memsz;
  const std::string what = load.kernel.empty() ? "load" : "load kernel '" + load.kernel + "'";
  const std::string by = load.abi == scenario::native_abi ? "" : ", by a caller of ABI " + load.abi;
  return fmt::format("{} ({} segments, {}, {}{})", what, plan.count(), size_text(total), flags_to_string(plan.flags),
                     by);
}

}  // namespace

void set_credentials(wire::Message& message, const scenario::Credentials& as) {
  if (as.uid) message.set("uid", std::uint64_t{*as.uid});
  std::string drop;
  for (const auto& name : as.drop) drop += (drop.empty() ? "" : ",") + name;
  if (!drop.empty()) message.set("drop", drop);
  if (as.user_namespace) message.set("userns", std::uint64_t{1});
  if (as.pid_namespace) message.set("pidns", std::uint64_t{1});
}

bool succeeded(const wire::Message& answer) {
  return answer.number("errno").value_or(0) == 0 && answer.number("value").value_or(0) == 0;
}

wire::Message load_request(const Plan& plan, const scenario::Credentials& as, std::string_view abi) {
  wire::Message request{.op = "load"};
  const Bytes encoded = encode_plan(plan);
  request.set("plan", ByteView(encoded));
  set_credentials(request, as);
  if (abi != scenario::native_abi) request.set("abi", abi);
  return request;
}

Verdict CaseRunner::on(const scenario::LoadStep& load, StepRecord& record) {
  record.what = load.kernel.empty() ? "load segments" : "load kernel '" + load.kernel + "'";
  auto plan = plan_of(load);
  if (!plan) return from_error(plan.error());
  record.what = describe_load(load, *plan);
  auto now = situation();
  if (!now) return from_error(now.error());
  const bool compat = load.abi != scenario::native_abi;
  auto predicted = model::predict(*now, *plan, load.as, compat);
  for (unsigned i = 1; i < load.repeat; ++i) {  // the answer is that of the last call
    now->state = predicted.after;
    predicted = model::predict(*now, *plan, load.as, compat);
  }
  wire::Message request = load_request(*plan, load.as, load.abi);
  if (load.repeat > 1) request.set("repeat", std::uint64_t{load.repeat});
  auto answer = ask(std::move(request));
  if (!answer) return from_error(answer.error());
  if (succeeded(*answer)) {
    result_.figures["load_ns"] = static_cast<double>(answer->number("ns").value_or(0));
    note_loaded(*plan, (plan->flags & kexec::on_crash) != 0);
  } else if ((plan->flags & kexec::on_crash) != 0) {
    loaded_ = true;  // a failed crash load may have dropped the old image
  }
  return judge_call_and_state(load.expect, *answer, predicted, record);
}

Verdict CaseRunner::on(const scenario::UnloadStep& unload, StepRecord& record) {
  record.what = unload.crash ? "unload the crash kernel" : "unload";
  const Arch* arch = find_arch(stage_.target->name);
  Plan plan{.arch = stage_.target->name};
  plan.flags = (arch != nullptr ? arch->kexec_arch : 0) | unload.extra_flags | (unload.crash ? kexec::on_crash : 0);
  plan.array = Pointer::null;
  auto now = situation();
  if (!now) return from_error(now.error());
  const auto predicted = model::predict(*now, plan, unload.as, unload.abi != scenario::native_abi);
  auto answer = ask(load_request(plan, unload.as, unload.abi));
  if (!answer) return from_error(answer.error());
  if (succeeded(*answer)) note_loaded(plan, unload.crash);
  return judge_call_and_state(unload.expect, *answer, predicted, record);
}

void CaseRunner::unload_what_is_left() {
  if (dirty_ || !loaded_) return;
  bool emptied = true;
  for (const bool crash : {true, false}) {
    StepRecord record;
    const scenario::UnloadStep unload{.crash = crash, .expect = {.kind = scenario::Expectation::Kind::model}};
    emptied = emptied && on(unload, record).outcome == Outcome::passed;
  }
  loaded_ = !emptied || normal_ || crash_;
}

Verdict CaseRunner::on(const scenario::RebootStep& reboot, StepRecord& record) {
  record.what = "reboot(2) that must return";
  wire::Message request{.op = "reboot"};
  request.set("cmd", std::uint64_t{reboot.cmd});
  if (reboot.magic1) request.set("magic1", std::uint64_t{*reboot.magic1});
  if (reboot.magic2) request.set("magic2", std::uint64_t{*reboot.magic2});
  set_credentials(request, reboot.as);
  auto answer = ask(std::move(request));
  if (!answer) {
    if (answer.error().code == Errc::guest_died || answer.error().code == Errc::timeout) {
      return {Outcome::failed,
              "reboot(2) was to return " + reboot.expect.text + ", but it did not return: " + answer.error().broke,
              {}};
    }
    return from_error(answer.error());
  }
  return judge_call(reboot.expect, *answer, std::nullopt, record);
}

Verdict CaseRunner::on(const scenario::HoldStep& hold, StepRecord& record) {
  record.what = hold.at_array ? "stop a load of another task at its array" : "hold the kexec lock in another task";
  scenario::LoadStep load;
  load.segments.resize(1);
  load.segments[0].size = {.text = "1 page", .terms = {{.base = "page"}}};
  (hold.at_array ? load.array : load.segments[0].buf).kind = Pointer::guarded;
  auto plan = plan_of(load);
  candidate_.reset();
  if (!plan) return from_error(plan.error());
  wire::Message request{.op = "hold"};
  const Bytes encoded = encode_plan(*plan);
  request.set("what", "lock").set("plan", ByteView(encoded));
  auto answer = ask(std::move(request));
  if (!answer) return from_error(answer.error());
  dirty_ = true;
  if (answer->number("held").value_or(0) != 1) {
    return {
        Outcome::error,
        "the agent could not hold the kexec lock: " + errno_name(static_cast<int>(answer->number("errno").value_or(0))),
        {}};
  }
  lock_held_ = !hold.at_array;
  record.observed = "held";
  return {};
}

Verdict CaseRunner::on(const scenario::ReleaseStep&, StepRecord& record) {
  record.what = "release the held load; it goes on";
  auto answer = ask(wire::Message{.op = "release"});
  if (!answer) return from_error(answer.error());
  lock_held_ = false;
  scenario::Expectation fine;
  return judge_call(fine, *answer, std::nullopt, record);
}

}  // namespace kexlab::engine
