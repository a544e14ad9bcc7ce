// SPDX-License-Identifier: Apache-2.0
// Steps that make one call and judge its answer: load, unload, file_load, reboot that returns, hold, release.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"

namespace kexlab::engine {
namespace {

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
  const auto predicted = model::predict(*now, *plan, load.as, load.abi != scenario::native_abi);
  wire::Message request = load_request(*plan, load.as, load.abi);
  if (load.repeat > 1) request.set("repeat", std::uint64_t{load.repeat});
  auto answer = ask(std::move(request));
  if (!answer) return from_error(answer.error());
  if (succeeded(*answer)) {
    result_.figures["load_ns"] = static_cast<double>(answer->number("ns").value_or(0));
    note_loaded(*plan, (plan->flags & kexec::on_crash) != 0);
  } else if ((plan->flags & kexec::on_crash) != 0) {
    dirty_ = true;  // a failed crash load may have dropped the old image
  }
  return judge_call(load.expect, *answer, predicted, record);
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
  return judge_call(unload.expect, *answer, predicted, record);
}

// The initrd of kexec_file_load(2) must be one file. The guest's base archive becomes it: the case's own archive is
// appended, which the next restore takes back. So after this step a case cannot load by kexec_load with an initrd.
Verdict CaseRunner::append_to_base(const NextInitrd& initrd) {
  for (std::size_t i = 1; i < initrd.source.pieces.size(); ++i) {  // the first piece is the base itself
    const Piece& piece = initrd.source.pieces[i];
    Bytes bytes = piece.bytes;
    if (piece.kind == Piece::Kind::pattern) {
      bytes.resize(piece.size);
      fill_pattern(piece.seed, piece.offset, bytes);
    }
    wire::Message request{.op = "write"};
    request.set("path", base_in_guest).set("data", ByteView(bytes)).set("append", std::uint64_t{1});
    auto answer = ask(std::move(request));
    if (!answer) return from_error(answer.error());
    if (const auto error = answer->number("errno").value_or(0); error != 0) {
      return {Outcome::error, "the guest could not write its initrd: " + errno_name(static_cast<int>(error)), {}};
    }
  }
  return {};
}

Verdict CaseRunner::on(const scenario::FileLoadStep& load, StepRecord& record) {
  record.what = "kexec_file_load of kernel '" + load.kernel + "'";
  constexpr std::uint64_t small_ballast = 64 << 10;  // it travels over the channel
  dirty_ = true;
  candidate_ = Loaded{.kernel = load.kernel};
  candidate_->cmdline = command_line(load.cmdline);
  wire::Message request{.op = "file_load"};
  request.set("kernel", load.kernel == "self" ? self_in_guest : next_in_guest).set("cmdline", candidate_->cmdline);
  request.set("flags", load.flags);
  set_credentials(request, load.as);
  if (load.initrd) {
    auto initrd =
        stage_.payload->next_initrd(nonce_, static_cast<unsigned>(hello_.generation) + 1, Cargo{}, small_ballast);
    if (!initrd) return from_error(initrd.error());
    if (auto verdict = append_to_base(*initrd); verdict.outcome != Outcome::passed) return verdict;
    request.set("initrd", base_in_guest);
    candidate_->initrd = std::move(*initrd);
  }
  auto answer = ask(std::move(request));
  if (!answer) return from_error(answer.error());
  // Flags of this call: include/uapi/linux/kexec.h, KEXEC_FILE_UNLOAD 1, KEXEC_FILE_ON_CRASH 2.
  const bool unload = (load.flags & 1) != 0, crash = (load.flags & 2) != 0;
  if (succeeded(*answer)) {
    result_.figures["file_load_ns"] = static_cast<double>(answer->number("ns").value_or(0));
    (crash ? crash_ : normal_) = unload ? std::nullopt : std::move(candidate_);
  }
  candidate_.reset();
  return judge_call(load.expect, *answer, std::nullopt, record);
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
