// SPDX-License-Identifier: Apache-2.0
// Requests to a guest's agent over its byte streams.
#include "harness/engine/session.h"

#include <fmt/format.h>

#include <algorithm>

namespace kexlab::engine {
namespace {

// A guest that sends messages faster than anybody asks is broken; older ones are of no use to anyone.
constexpr std::size_t most_queued = 256;

// Console and channel are two streams: the answer of a kernel that came back may be here before what the witness said.
constexpr std::chrono::seconds overtaken{10};

Hello to_hello(const wire::Message& message) {
  auto text = [&](std::string_view name) { return std::string(message.text(name).value_or("")); };
  Hello hello{.release = text("release"),
              .version = text("version"),
              .machine = text("machine"),
              .cmdline = text("cmdline"),
              .nonce = text("nonce"),
              .boot_id = text("boot_id"),
              .channel = text("channel"),
              .module_errors = text("module_errors")};
  hello.generation = message.number("generation").value_or(0);
  hello.page_size = message.number("page_size").value_or(0);
  hello.uptime_ns = message.number("uptime_ns").value_or(0);
  hello.counter = message.number("counter");
  return hello;
}

template <class Queue>
auto pop(Queue& queue) {
  auto front = std::move(queue.front());
  queue.pop_front();
  return front;
}

}  // namespace

std::string describe(const vm::Ended& ended) {
  std::string text;
  switch (ended.why) {
    case vm::Ended::Why::powered_off:
      text = "the guest powered off";
      break;
    case vm::Ended::Why::reset:
      text = "the guest was reset (a reboot, a panic, or a fault with no handler)";
      break;
    case vm::Ended::Why::panicked:
      text = "the guest reported a panic";
      break;
    case vm::Ended::Why::vm_died:
      text = "the virtual machine's process ended";
      break;
  }
  return ended.detail.empty() ? text : text + ": " + ended.detail;
}

void Session::take(vm::Output::Stream stream, std::string_view bytes) {
  const bool console = stream == vm::Output::Stream::console;
  Ear& ear = console ? console_ear_ : channel_ear_;
  std::vector<wire::Frame> frames;
  std::string text;
  ear.decoder.feed(bytes, frames, &text);
  if (console) console_.feed(text);
  for (auto& frame : frames) {
    if (frame.kind == 'W') {
      witness_records_.push_back(std::move(frame.payload));
      if (witness_records_.size() > most_queued) witness_records_.pop_front();
    } else if (auto message = ear.assembler.take(frame)) {
      if (message->op == "leaving") {
        left_at_ = message->number("counter");
        continue;
      }
      messages_.push_back(std::move(*message));
      if (messages_.size() > most_queued) messages_.pop_front();
    }
  }
}

Status Session::pump(vm::Clock::time_point deadline) {
  if (ended_) return fail(Errc::guest_died, "listen to the guest", describe(*ended_));
  auto happening = guest_.next(deadline, stop_);
  if (!happening) return tl::unexpected(happening.error());
  if (auto* output = std::get_if<vm::Output>(&*happening)) {
    take(output->stream, output->bytes);
  } else if (auto* ended = std::get_if<vm::Ended>(&*happening)) {
    ended_ = *ended;
  } else {
    return fail(Errc::timeout, "listen to the guest", "nothing came before the deadline");
  }
  return {};
}

Result<Hello> Session::wait_hello(vm::Clock::time_point deadline) {
  while (true) {
    if (answered() != nullptr)
      return fail(Errc::refused, "wait for a kernel to come up", "the call that was to start it returned");
    while (!messages_.empty()) {
      const auto message = pop(messages_);
      if (message.op == "hello" && message.sequence == 0) return to_hello(message);
    }
    if (auto status = pump(deadline); !status) return tl::unexpected(status.error());
  }
}

Status Session::send(wire::Message request) {
  if (ended_) return fail(Errc::guest_died, "send '" + request.op + "' to the agent", describe(*ended_));
  request.sequence = ++sequence_;
  return guest_.send(wire::encode_message(request));
}

Result<wire::Message> Session::call(wire::Message request, vm::Clock::time_point deadline) {
  const std::string op = request.op;
  if (auto status = send(std::move(request)); !status) return tl::unexpected(status.error());
  return wait_answer(op, deadline);
}

Result<wire::Message> Session::wait_answer(const std::string& op, vm::Clock::time_point deadline) {
  while (true) {
    if (auto answer = take_answer()) {
      if (static_cast<std::int64_t>(answer->number("errno").value_or(0)) < 0) {
        return fail(Errc::protocol, "ask the agent for '" + op + "'",
                    printable(answer->text("why").value_or("no reason")));
      }
      return std::move(*answer);
    }
    if (auto status = pump(deadline); !status) {
      auto error = status.error();
      error.asked = "ask the agent for '" + op + "'";
      return tl::unexpected(std::move(error));
    }
  }
}

const wire::Message* Session::answered() const {
  const auto at = std::find_if(messages_.begin(), messages_.end(),
                               [this](const auto& message) { return message.sequence == sequence_; });
  return sequence_ != 0 && at != messages_.end() ? &*at : nullptr;
}

std::optional<wire::Message> Session::take_answer() {
  for (auto at = messages_.begin(); at != messages_.end(); ++at) {
    if (at->sequence != sequence_ || at->sequence == 0) continue;
    auto answer = std::move(*at);
    messages_.erase(at);
    return answer;
  }
  return std::nullopt;
}

Result<Bytes> Session::next_witness_record(vm::Clock::time_point deadline) {
  bool back = false;
  while (witness_records_.empty()) {
    if (const auto* answer = answered(); answer != nullptr && !back) {
      back = answer->op == "jump" && answer->number("errno").value_or(0) == 0;
      if (!back) return fail(Errc::refused, "wait for the witness", "the call that was to start it returned");
      deadline = std::min(deadline, vm::Clock::now() + overtaken);
    }
    if (auto status = pump(deadline); !status) return tl::unexpected(status.error());
  }
  return pop(witness_records_);
}

Result<vm::Ended> Session::wait_end(vm::Clock::time_point deadline) {
  while (!ended_) {
    if (auto status = pump(deadline); !status) return tl::unexpected(status.error());
  }
  return *ended_;
}

void Session::reset() {
  console_ear_ = Ear();
  channel_ear_ = Ear();
  console_.clear();
  messages_.clear();
  witness_records_.clear();
  ended_.reset();
  left_at_.reset();
}

}  // namespace kexlab::engine
