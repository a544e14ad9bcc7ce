// SPDX-License-Identifier: Apache-2.0
// A switch that comes back (KEXEC_JUMP): the witness's report, and then the first kernel, which must be as it was.
#include <fmt/format.h>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"

namespace kexlab::engine {
namespace {

// Known memory of the running kernel: looked for in /proc/vmcore after a crash, and in place after a jump.
constexpr std::uint64_t marker_pages = 16;

std::vector<std::uint64_t> to_addresses(ByteView bytes) {
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t at = 0; auto value = read_int<std::uint64_t>(bytes, at, std::endian::little); at += 8)
    addresses.push_back(*value);
  return addresses;
}

/// Lines as a sentence.
std::string in_one_line(std::string_view lines) {
  std::string text(lines.substr(0, lines.find_last_not_of('\n') + 1));
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += 2) text.replace(at, 1, "; ");
  return printable(text);
}

}  // namespace

Status CaseRunner::lay_marker() {
  if (marked_boot_ == hello_.boot_id && !marker_pages_.empty()) return {};
  dirty_ = true;
  wire::Message mark{.op = "marker"};
  mark.set("seed", std::uint64_t{ballast_seed(nonce_)}).set("pages", marker_pages);
  auto answer = ask(std::move(mark));
  if (!answer) return tl::unexpected(answer.error());
  marker_pages_ = to_addresses(answer->bytes("addresses").value_or(ByteView{}));
  marked_boot_ = hello_.boot_id;
  return {};
}

Verdict CaseRunner::jump(Loaded& loaded, StepRecord& record) {
  record.what += ", and back";
  if (auto laid = lay_marker(); !laid) return from_error(laid.error());
  auto before = ask(wire::Message{.op = "hello"});
  if (!before) return from_error(before.error());
  if (auto status = session_.send(wire::Message{.op = "jump"}); !status) return from_error(status.error());
  session_.console().mark("-- kexec --");
  switched_ = Clock::now();
  if (auto verdict = hear_witness(loaded, record); verdict.outcome != Outcome::passed) return verdict;
  auto answer = session_.wait_answer("jump", deadline_);
  if (!answer) return not_back(answer.error(), loaded.plan);
  result_.figures["jump_s"] = std::chrono::duration<double>(Clock::now() - switched_).count();
  session_.console().mark("-- back --");
  ++loaded.witness->round;
  return judge_jump(*answer, *before, record);
}

Verdict CaseRunner::not_back(const Error& error, const Plan& plan) {
  if (error.code != Errc::guest_died && error.code != Errc::timeout) return from_error(error);
  auto verdict = from_error(error);
  verdict.reason = "the witness reported, but the first kernel did not come back: " + error.broke + where_is_it(&plan);
  return verdict;
}

Verdict CaseRunner::judge_jump(const wire::Message& answer, const wire::Message& before, StepRecord& record) {
  record.expected = "reboot(2) returns 0, and everything is as it was";
  auto bad = [&](std::string what) {
    record.observed = what;
    return Verdict{Outcome::failed, "the first kernel came back, but not as it was: " + what, {}};
  };
  const auto value = static_cast<std::int64_t>(answer.number("value").value_or(~std::uint64_t{0}));
  if (const auto error = answer.number("errno").value_or(0); error != 0 || value != 0)
    return bad(fmt::format("reboot(2) returned {} ({})", value, errno_name(static_cast<int>(error))));
  if (const auto changed = answer.text("changed").value_or(""); !changed.empty()) return bad(in_one_line(changed));
  auto now = ask(wire::Message{.op = "hello"});
  auto marked = ask(wire::Message{.op = "marked"});
  auto state = ask(wire::Message{.op = "state"});
  for (auto* asked : {&now, &marked, &state}) {
    if (!*asked) return from_error(asked->error());
  }
  if (now->text("boot_id") != before.text("boot_id")) return bad("its boot_id is another");
  if (now->number("generation") != before.number("generation")) return bad("its generation is another");
  const auto then = before.number("uptime_ns").value_or(0), later = now->number("uptime_ns").value_or(0);
  if (later <= then) return bad(fmt::format("its uptime went from {} ns to {} ns", then, later));
  const auto pages = marked->number("pages").value_or(0), lost = marked->number("changed").value_or(0);
  if (pages < marker_pages || lost != 0) return bad(fmt::format("{} of {} pages of memory changed", lost, pages));
  if (state->number("loaded") != std::uint64_t{1}) return bad("the image is no longer loaded");
  record.observed = fmt::format("every segment intact; back after {:.2f} s on CPUs {}, with {} registers held",
                                result_.figures["jump_s"], printable(answer.text("cpus").value_or("")),
                                printable(answer.text("held").value_or("")));
  return {};
}

}  // namespace kexlab::engine
