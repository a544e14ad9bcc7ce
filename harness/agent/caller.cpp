// SPDX-License-Identifier: Apache-2.0
// A program of another ABI than the agent's: makes the calls that it is handed on stdin, answers on stdout, ends with
// stdin. What is 32-bit about a call (arguments, array, addresses of buffers) is so because this program is.
#include <unistd.h>

#include <array>

#include "harness/agent/os.h"
#include "harness/wire/message.h"
#include "kexlab/call.h"

namespace {

using namespace kexlab;
using wire::Message;

void refuse(Message& answer, std::string_view why) { answer.set("errno", -1).set("why", why); }

void load(const Message& request, Message& answer) {
  const auto plan = decode_plan(request.bytes("plan").value_or(ByteView()));
  if (!plan) return refuse(answer, plan.error().str());
  const auto call = MaterialisedCall::make(*plan);
  if (!call) return refuse(answer, call.error().str());
  if (!call->guarded().empty()) return refuse(answer, "guarded memory would hold this program for ever");
  const std::uint64_t repeat = request.number("repeat").value_or(1);
  Bytes times;
  for (std::uint64_t i = 0; i < repeat; ++i) {
    const CallResult result = call->load();
    answer.set("value", result.value).set("errno", result.error).set("ns", result.nanoseconds);
    times.resize(times.size() + 8);
    write_int<std::uint64_t>(times, i * 8, result.nanoseconds, std::endian::little);
  }
  if (repeat > 1) answer.set("times", ByteView(times));
}

}  // namespace

int main() {
  wire::Decoder decoder;
  wire::Assembler assembler;
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const long got = agent::read_some(STDIN_FILENO, buffer);
    if (got <= 0) return got == 0 ? 0 : 1;
    std::vector<wire::Frame> frames;
    decoder.feed(as_text(ByteView(buffer).first(static_cast<std::size_t>(got))), frames, nullptr);
    for (const auto& frame : frames) {
      const auto request = assembler.take(frame);
      if (!request) continue;
      Message answer{.op = request->op, .sequence = request->sequence};
      load(*request, answer);
      if (agent::write_all(STDOUT_FILENO, wire::encode_message(answer)) != 0) return 1;
    }
  }
}
