// SPDX-License-Identifier: Apache-2.0
// Operations that make the calls under test: load, unload, reboot, poweroff, hold, release; and state.
#include "harness/agent/call_operations.h"

#include <linux/reboot.h>

#include <cerrno>

#include "harness/agent/agent.h"
#include "harness/agent/channel.h"
#include "harness/agent/compat.h"
#include "harness/agent/counter/counter.h"
#include "harness/agent/credentials.h"
#include "harness/agent/os.h"
#include "kexlab/call.h"

namespace kexlab::agent {
namespace {

constexpr std::uint64_t most_repeats = 10'000;

using wire::Message;

// Any argument is allowed: contract scenarios pass numbers that no machine word holds only on 32-bit guests.
unsigned long word(std::uint64_t value) { return static_cast<unsigned long>(value); }

void set_result(Message& answer, const CallResult& result) {
  answer.set("value", result.value).set("errno", result.error).set("ns", result.nanoseconds);
}

void load_plan(const MaterialisedCall& call, std::uint64_t repeat, Message& answer) {
  Bytes times(static_cast<std::size_t>(repeat) * 8);
  for (std::uint64_t i = 0; i < repeat; ++i) {
    const CallResult result = call.load();
    set_result(answer, result);
    write_int<std::uint64_t>(times, i * 8, result.nanoseconds, std::endian::little);
  }
  if (repeat > 1) answer.set("times", ByteView(times));
}

void load(Agent&, const Message& request, Message& answer) {
  const std::uint64_t repeat = request.number("repeat").value_or(1);
  if (repeat == 0 || repeat > most_repeats) return refuse(answer, "repeat must be 1..10000");
  const auto plan = decode_plan(request.bytes("plan").value_or(ByteView()));
  if (!plan) return refuse(answer, plan.error().str());
  const auto credentials = credentials_of(request, answer);
  if (!credentials) return;
  if (const auto abi = request.text("abi")) {
    return call_as(
        *credentials, [&](Message& report) { load_compat(*plan, report, *abi, repeat); }, answer);
  }
  const auto call = MaterialisedCall::make(*plan);
  if (!call) return refuse(answer, call.error().str());
  if (!call->guarded().empty()) return refuse(answer, "guarded memory would hold the agent itself; use hold");
  call_as(
      *credentials, [&](Message& report) { load_plan(*call, repeat, report); }, answer);
}

void unload(Agent&, const Message& request, Message& answer) {
  const auto credentials = credentials_of(request, answer);
  if (!credentials) return;
  const std::uint64_t flags = request.number("crash").value_or(0) != 0 ? kexec::on_crash : 0;
  call_as(
      *credentials, [&](Message& report) { set_result(report, raw_kexec_load(0, 0, nullptr, word(flags))); }, answer);
}

void reboot(Agent& agent, const Message& request, Message& answer) {
  const auto cmd = request.number("cmd");
  if (!cmd) return refuse(answer, "field cmd is missing");
  const auto credentials = credentials_of(request, answer);
  if (!credentials) return;
  const auto number = [&](std::string_view name, std::uint64_t otherwise) {
    return static_cast<unsigned>(request.number(name).value_or(otherwise));
  };
  if (!move_to_cpu(request, answer)) return;
  const unsigned magic1 = number("magic1", LINUX_REBOOT_MAGIC1);
  const unsigned magic2 = number("magic2", LINUX_REBOOT_MAGIC2);
  say_leaving(agent);
  const auto call = [&](Message& report) {
    set_result(report, raw_reboot(static_cast<unsigned>(*cmd), magic1, magic2));
  };
  call_as(*credentials, call, answer);
}

void poweroff(Agent&, const Message&, Message& answer) { set_result(answer, raw_reboot(LINUX_REBOOT_CMD_POWER_OFF)); }

void state(Agent&, const Message&, Message& answer) {
  const State now = observe();
  if (now.loaded) answer.set("loaded", *now.loaded);
  if (now.crash_loaded) answer.set("crash_loaded", *now.crash_loaded);
  if (now.crash_size) answer.set("crash_size", *now.crash_size);
  if (now.load_disabled) answer.set("load_disabled", *now.load_disabled);
  if (now.load_limit_reboot) answer.set("load_limit_reboot", *now.load_limit_reboot);
  if (now.load_limit_panic) answer.set("load_limit_panic", *now.load_limit_panic);
}

void hold(Agent& agent, const Message& request, Message& answer) { agent.hold.start(request, answer); }

void release(Agent& agent, const Message&, Message& answer) { agent.hold.release(answer); }

constexpr Operation operations[] = {
    {"load", true, load},    {"unload", true, unload}, {"reboot", true, reboot},   {"poweroff", true, poweroff},
    {"state", false, state}, {"hold", true, hold},     {"release", true, release},
};

}  // namespace

bool move_to_cpu(const Message& request, Message& answer) {
  const auto cpu = request.number("cpu");
  if (!cpu) return true;
  const int error = run_on_cpu(static_cast<unsigned>(*cpu));
  if (error != 0) failed(answer, error, "run on CPU " + std::to_string(*cpu));
  return error == 0;
}

void say_leaving(const Agent& agent) {
  Message leaving{.op = "leaving"};
  if (const auto counter = cpu_counter()) leaving.set("counter", *counter);
  (void)agent.send(leaving);
  drain(agent.channel);
}

std::span<const Operation> call_operations() { return operations; }

}  // namespace kexlab::agent
