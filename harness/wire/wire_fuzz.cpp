// SPDX-License-Identifier: Apache-2.0
// Fuzzes what stands between an untrusted stream and the rest: Decoder and Assembler, with their invariants.
#include <cstdlib>

#include "harness/wire/message.h"
#include "harness/wire/zero_runs.h"

namespace {

using namespace kexlab::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

// Whatever was accepted encodes to something that is accepted again as the same.
void check(const Frame& frame) {
  std::vector<Frame> again;
  Decoder decoder;
  decoder.feed(encode_frame(frame.kind, frame.payload), again, nullptr);
  require(again.size() == 1 && again[0].kind == frame.kind && again[0].payload == frame.payload);
}

void check(const Message& message) {
  std::vector<Frame> frames;
  Decoder decoder;
  decoder.feed(encode_message(message), frames, nullptr);
  Assembler assembler;
  std::optional<Message> again;
  for (const auto& frame : frames) again = assembler.take(frame);
  require(again == message);
}

// The first byte tells the size of the chunks that the rest is fed in. Text and frames may not depend on it.
void check_stream(std::string_view stream, std::size_t chunk) {
  std::vector<Frame> whole;
  std::vector<Frame> pieces;
  std::string whole_text;
  std::string text;
  Decoder first;
  first.feed(stream, whole, &whole_text);
  Decoder second;
  for (std::size_t at = 0; at < stream.size(); at += chunk) second.feed(stream.substr(at, chunk), pieces, &text);
  require(whole_text == text && whole.size() == pieces.size() && first.damaged() == second.damaged());
  require(text.size() <= stream.size());
  Assembler assembler;
  for (const auto& frame : pieces) {
    check(frame);
    if (const auto message = assembler.take(frame)) check(*message);
  }
}

// Frames with a good checksum are what a fuzzer finds last: parts made from the input directly.
void check_parts(std::string_view input) {
  Assembler assembler;
  while (input.size() >= 2) {
    const auto size = static_cast<unsigned char>(input[1]);
    const Frame frame{static_cast<char>((input[0] & 1) != 0 ? 'M' : 'm'),
                      kexlab::to_bytes(kexlab::as_bytes(input.substr(2, size)))};
    input.remove_prefix(2 + (size < input.size() - 2 ? size : input.size() - 2));
    if (const auto message = assembler.take(frame)) check(*message);
  }
}

// The input as the packed or plain body of a message, with its right id.
void check_body(kexlab::ByteView body) {
  const auto id = crc32(body);
  kexlab::Bytes payload(8);
  kexlab::write_int<std::uint32_t>(payload, 0, id, std::endian::little);
  payload.insert(payload.end(), body.begin(), body.end());
  Assembler assembler;
  if (const auto message = assembler.take({'M', payload})) check(*message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_stream(input.substr(1), 1u + data[0] % 64);
  check_parts(input.substr(1));
  const auto bytes = kexlab::as_bytes(input.substr(1));
  const auto packed = pack_zero_runs(bytes);
  require(packed.size() <= bytes.size() + zero_runs_overhead);
  require(unpack_zero_runs(packed, bytes.size()) == kexlab::to_bytes(bytes));
  check_body(bytes);
  check_body(packed);
  return 0;
}
