// SPDX-License-Identifier: Apache-2.0
// The loop: bytes in, requests, one operation each, answers out.
#include <poll.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "harness/agent/agent.h"
#include "harness/agent/errno.h"
#include "harness/agent/os.h"

namespace kexlab::agent {
namespace {

constexpr std::size_t chunk = 16384;
// A tty that reports its end has no other side for the moment; it is asked again this often.
constexpr int idle_ms = 50;
// A UART wakes its reader for every few bytes, and under emulation the wake-ups cost more than the bytes: in a request
// longer than this, some are left to gather. Small requests are answered without delay.
constexpr std::size_t short_request = 256;
constexpr int gather_ms = 1;

const Operation* find_operation(std::string_view name) {
  for (const auto table :
       {file_operations(), call_operations(), file_load_operations(), system_operations(), jump_operations()}) {
    for (const auto& operation : table) {
      if (operation.name == name) return &operation;
    }
  }
  return nullptr;
}

// Children that nobody waits for any more: orphans handed to PID 1.
void reap(Agent& agent) {
  for (;;) {
    const pid_t child = waitpid(-1, nullptr, WNOHANG);
    if (child <= 0) return;
    agent.hold.reaped(child);
  }
}

int answer_all(Agent& agent, const std::vector<wire::Frame>& frames, wire::Assembler& assembler) {
  for (const auto& frame : frames) {
    const auto request = assembler.take(frame);
    if (!request) continue;
    if (const int error = agent.send(respond(agent, *request)); error != 0) return error;
    reap(agent);
  }
  return 0;
}

}  // namespace

void refuse(wire::Message& answer, std::string_view why) { answer.set("errno", -1).set("why", why); }

void failed(wire::Message& answer, int error, std::string_view what) {
  std::string why(what);
  why += ": ";
  why += error_text(error);
  answer.set("errno", error).set("why", why);
}

std::optional<std::string> required_text(const wire::Message& request, std::string_view name, wire::Message& answer) {
  const auto text = request.text(name);
  if (text && !text->empty() && text->find('\0') == std::string_view::npos) return std::string(*text);
  std::string why = "field ";
  why += name;
  why += !text ? " is missing" : text->empty() ? " is empty" : " holds a NUL byte";
  refuse(answer, why);
  return std::nullopt;
}

int Agent::send(const wire::Message& message) const { return write_all(channel, wire::encode_message(message)); }

wire::Message respond(Agent& agent, const wire::Message& request) {
  wire::Message answer{.op = request.op, .sequence = request.sequence};
  const Operation* operation = find_operation(request.op);
  if (operation == nullptr) {
    refuse(answer, "unknown operation");
  } else if (operation->guest_only && !agent.in_guest) {
    refuse(answer, "refused outside a guest");
  } else {
    answer.set("errno", 0);
    operation->handler(agent, request, answer);
    const auto own = static_cast<std::int64_t>(answer.number("errno").value_or(0));
    answer.set("errno", generic_errno(static_cast<int>(own)));
  }
  if (!wire::fits(answer)) {
    answer.fields.clear();
    refuse(answer, "the answer is longer than a message can be");
  }
  return answer;
}

int serve(Agent& agent, int in) {
  wire::Message hello{.op = "hello"};
  hello.set("errno", 0);
  fill_hello(agent, hello);
  if (const int error = agent.send(hello); error != 0) return error;
  wire::Decoder decoder;
  wire::Assembler assembler;
  std::array<std::byte, chunk> buffer;
  std::size_t unanswered = 0;
  for (;;) {
    if (agent.in_guest && unanswered > short_request) poll(nullptr, 0, gather_ms);
    const long got = read_some(in, buffer);
    if (got < 0 && errno != EAGAIN && errno != EIO) return errno;
    if (got <= 0) {
      if (!agent.in_guest) return 0;
      poll(nullptr, 0, idle_ms);
      reap(agent);
      continue;
    }
    std::vector<wire::Frame> frames;
    decoder.feed(as_text(ByteView(buffer).first(static_cast<std::size_t>(got))), frames, nullptr);
    unanswered = frames.empty() || frames.back().kind == 'm' ? unanswered + static_cast<std::size_t>(got) : 0;
    if (const int error = answer_all(agent, frames, assembler); error != 0 && !agent.in_guest) return error;
  }
}

}  // namespace kexlab::agent
