// SPDX-License-Identifier: Apache-2.0
// The other side of caller.cpp: two pipes, a request, its reply.
#include "harness/agent/compat.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>

#include "harness/agent/agent.h"

namespace kexlab::agent {
namespace {

using wire::Message;

[[noreturn]] void become(const std::string& program, int in, int out) {
  // Two descriptors of a process that has stdio are never 0 or 1, so none is lost here.
  if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
    execl(program.c_str(), program.c_str(), static_cast<char*>(nullptr));
  }
  Message broken{.op = "start"};
  refuse(broken, "start " + program + ": " + error_text(errno));
  (void)write_all(out, wire::encode_message(broken));
  _exit(127);
}

using Callers = std::map<std::string, Caller, std::less<>>;

Callers& callers() {
  static Callers all;
  return all;
}

void forget_callers() {
  for (auto& [abi, caller] : callers()) caller.forget();
}

}  // namespace

bool Caller::start(Message& answer) {
  int to[2];
  int from[2];
  if (pipe2(to, O_CLOEXEC) != 0) {
    refuse(answer, "pipe: " + error_text(errno));
    return false;
  }
  const Fd its_requests(to[0]);
  requests_ = Fd(to[1]);
  if (pipe2(from, O_CLOEXEC) != 0) {
    refuse(answer, "pipe: " + error_text(errno));
    return false;
  }
  replies_ = Fd(from[0]);
  const Fd its_replies(from[1]);
  child_ = fork();
  if (child_ == 0) become(program_, its_requests.get(), its_replies.get());
  if (child_ < 0) refuse(answer, "fork: " + error_text(errno));
  return child_ > 0;
}

// The only message on its way is the reply: whatever comes behind it is nobody's.
std::optional<Message> Caller::reply() {
  wire::Decoder decoder;
  wire::Assembler assembler;
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const long got = read_some(replies_.get(), buffer);
    if (got <= 0) return std::nullopt;
    std::vector<wire::Frame> frames;
    decoder.feed(as_text(ByteView(buffer).first(static_cast<std::size_t>(got))), frames, nullptr);
    for (const auto& frame : frames) {
      if (auto message = assembler.take(frame)) return message;
    }
  }
}

void Caller::load(const Plan& plan, std::uint64_t repeat, Message& answer) {
  if (child_ <= 0 && !start(answer)) return end();
  Message request{.op = "load"};
  const Bytes encoded = encode_plan(plan);
  request.set("plan", ByteView(encoded)).set("repeat", repeat);
  // Where writing fails the program has ended, and what it may have said about it is still to be read.
  (void)write_all(requests_.get(), wire::encode_message(request));
  auto report = reply();
  if (!report) {
    end();
    return refuse(answer, program_ + " ended without an answer");
  }
  if (report->op != request.op) end();
  answer.fields = std::move(report->fields);
}

void Caller::forget() {
  child_ = -1;
  requests_.reset();
  replies_.reset();
}

void Caller::end() {
  const pid_t child = child_;
  forget();
  if (child <= 0) return;
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void load_compat(const Plan& plan, Message& answer, std::string_view abi, std::uint64_t repeat) {
  static const bool registered = pthread_atfork(nullptr, nullptr, forget_callers) == 0;
  if (!registered) return refuse(answer, "pthread_atfork failed");
  auto caller = callers().find(abi);
  if (caller == callers().end()) {
    const bool plain = !abi.empty() && abi.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == abi.npos;
    if (!plain) return refuse(answer, "abi is no name");
    caller = callers().try_emplace(std::string(abi), "/abi/" + std::string(abi)).first;
  }
  caller->second.load(plan, repeat, answer);
}

}  // namespace kexlab::agent
