// SPDX-License-Identifier: Apache-2.0
// Frames in a stream of noise: what must come through, what must not, and how much memory it may take.
#include "harness/wire/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace kexlab::wire {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

struct Decoded {
  std::vector<Frame> frames;
  std::string text;
  std::uint64_t damaged = 0;

  [[nodiscard]] std::vector<std::string> payloads() const {
    std::vector<std::string> all;
    for (const auto& frame : frames) all.push_back(std::string(1, frame.kind).append(as_text(frame.payload)));
    return all;
  }
};

Decoded decode(const std::vector<std::string_view>& chunks) {
  Decoded result;
  Decoder decoder;
  for (const auto chunk : chunks) decoder.feed(chunk, result.frames, &result.text);
  result.damaged = decoder.damaged();
  return result;
}

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 31 + 7);
  return bytes;
}

TEST(Crc32, IsTheOneOfIeee8023) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926u);  // the check value of CRC-32/ISO-HDLC
  EXPECT_EQ(crc32(as_bytes("6789"), crc32(as_bytes("12345"))), 0xcbf43926u);
  EXPECT_EQ(crc32({}), 0u);
}

TEST(Frame, LooksAsDocumented) {
  EXPECT_EQ(encode_frame('W', as_bytes("ok")), "\n@KW:0002:b2s=:0ed53394\n");
  EXPECT_EQ(encode_frame('M', {}).substr(0, 11), "\n@KM:0000::");
}

TEST(Frame, EverySizeComesBack) {
  for (std::size_t size = 0; size <= max_payload; ++size) {
    const auto got = decode({encode_frame('m', counting(size))});
    ASSERT_THAT(got.frames, SizeIs(1)) << size;
    EXPECT_EQ(got.frames[0].kind, 'm');
    EXPECT_EQ(got.frames[0].payload, counting(size));
    EXPECT_EQ(got.text, "\n");
  }
}

TEST(Frame, WhatCannotBeEncodedIsEmpty) {
  EXPECT_EQ(encode_frame('m', counting(max_payload + 1)), "");
  EXPECT_EQ(encode_frame('\n', {}), "");
  EXPECT_EQ(encode_frame(':', {}), "");
}

struct StreamCase {
  const char* name;
  std::string stream;
  std::vector<std::string> payloads;
  std::string text;
  std::uint64_t damaged;
};

const std::string frame_a = encode_frame('M', as_bytes("first"));
const std::string frame_b = encode_frame('m', as_bytes("second"));

std::string with_returns(const std::string& text, const std::string& newline) {
  std::string out;
  for (const char c : text) out += c == '\n' ? newline : std::string(1, c);
  return out;
}

std::vector<StreamCase> stream_cases() {
  const std::string half = frame_a.substr(0, frame_a.size() / 2);
  const std::string rest = frame_a.substr(frame_a.size() / 2);
  const std::string letters(2052, 'A');
  const std::string too_large = "@KM:0601:" + letters + ":00000000\n";
  const std::string no_newline = frame_a.substr(1);
  return {
      {"nothing", "", {}, "", 0},
      {"text_only", "hello\nworld", {}, "hello\nworld", 0},
      {"two_frames", frame_a + frame_b, {"Mfirst", "msecond"}, "\n\n", 0},
      {"noise_between", frame_a + "[    1.0] noise\n" + frame_b, {"Mfirst", "msecond"}, "\n[    1.0] noise\n\n", 0},
      {"half_a_line_before", "login: " + frame_a, {"Mfirst"}, "login: \n", 0},
      {"text_right_behind", frame_a + "tail", {"Mfirst"}, "\ntail", 0},
      {"binary_around", "\xff\x01@\x1b[2J" + frame_a + "@@K\n", {"Mfirst"}, "\xff\x01@\x1b[2J\n@@K\n", 0},
      {"noise_inside_one_line", half + "oops" + rest + frame_b, {"msecond"}, half + "oops" + rest + "\n", 1},
      {"noise_inside_two_lines", half + "x\ny" + rest + frame_b, {"msecond"}, half + "x\ny" + rest + "\n", 1},
      {"frame_inside_frame", half + frame_b + rest, {"msecond"}, half + "\n" + rest, 1},
      {"frame_cut_off", half + frame_b, {"msecond"}, half + "\n", 1},
      {"crlf", with_returns(frame_a + "text\n" + frame_b, "\r\n"), {"Mfirst", "msecond"}, "\r\ntext\r\n\r\n", 0},
      {"crcrlf", with_returns(frame_a + "text\n", "\r\r\n"), {"Mfirst"}, "\r\r\ntext\r\r\n", 0},
      {"mark_inside_a_line", "x" + no_newline, {}, "x" + no_newline, 0},
      {"mark_alone", "@K\n@\n@K\r\n", {}, "@K\n@\n@K\r\n", 2},
      {"payload_over_the_limit", too_large, {}, too_large, 1},
      {"upper_case_crc", "@KW:0002:b2s=:0ED53394\n", {}, "@KW:0002:b2s=:0ED53394\n", 1},
      {"pad_bits_set", "@KW:0002:b2t=:4194a553\n", {}, "@KW:0002:b2t=:4194a553\n", 1},
  };
}

class Streams : public testing::TestWithParam<StreamCase> {};

TEST_P(Streams, WholeAndSplitAtEveryByte) {
  const auto& c = GetParam();
  for (std::size_t cut = 0; cut <= c.stream.size(); ++cut) {
    const std::string_view stream = c.stream;
    const auto got = decode({stream.substr(0, cut), stream.substr(cut)});
    ASSERT_EQ(got.payloads(), c.payloads) << "cut at " << cut;
    ASSERT_EQ(got.text, c.text) << "cut at " << cut;
    ASSERT_EQ(got.damaged, c.damaged) << "cut at " << cut;
  }
}

TEST_P(Streams, ByteByByteAndWithoutText) {
  const auto& c = GetParam();
  Decoded got;
  Decoder decoder;
  for (const char& byte : c.stream) decoder.feed(std::string_view(&byte, 1), got.frames, nullptr);
  EXPECT_EQ(got.payloads(), c.payloads);
  EXPECT_EQ(decoder.damaged(), c.damaged);
}

INSTANTIATE_TEST_SUITE_P(Wire, Streams, testing::ValuesIn(stream_cases()),
                         [](const auto& row) { return std::string(row.param.name); });

// The crc of "pad_bits_set" is right, so it is the pad bits that the decoder objects to.
TEST(Frame, PadBitsCaseHasAGoodCrc) { EXPECT_EQ(crc32(as_bytes("W:0002:b2t=")), 0x4194a553u); }

TEST(Frame, NoChangedByteGivesAnotherFrame) {
  for (const std::size_t size : {0u, 1u, 2u, 3u, 50u}) {
    const std::string good = encode_frame('M', counting(size));
    for (std::size_t at = 1; at < good.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        std::string bad = good;
        bad[at] = static_cast<char>(value);
        if (bad == good || (at + 1 == good.size() && value == '\r')) continue;  // "\r" and the next "\n": still whole
        const auto got = decode({bad, frame_a});
        ASSERT_EQ(got.payloads(), std::vector<std::string>{"Mfirst"})
            << "size " << size << " at " << at << " = " << value;
      }
    }
  }
}

TEST(Frame, NoMissingByteGivesAnotherFrame) {
  const std::string good = encode_frame('M', counting(50));
  for (std::size_t at = 1; at + 1 < good.size(); ++at) {
    std::string bad = good;
    bad.erase(at, 1);
    ASSERT_EQ(decode({bad, frame_a}).payloads(), std::vector<std::string>{"Mfirst"}) << "without byte " << at;
  }
}

// Nothing is kept of a line that can be no frame, and it is passed on at once: not even the newline is waited for.
TEST(Decoder, FloodsWithoutNewlineAreNotKept) {
  const std::string flood(1 << 16, '@');
  std::vector<Frame> frames;
  Decoder decoder;
  for (int i = 0; i < 160; ++i) {  // 10 MiB
    std::string text;
    decoder.feed(flood, frames, &text);
    ASSERT_EQ(text, flood);
  }
  decoder.feed(frame_a, frames, nullptr);
  EXPECT_THAT(frames, SizeIs(1));
  EXPECT_EQ(decoder.damaged(), 0u);
}

TEST(Decoder, FloodsThatPretendToBeAFrameAreBoundedAndCounted) {
  std::vector<Frame> frames;
  std::string text;
  Decoder decoder;
  std::string sent = "@KM:0600:";
  decoder.feed(sent, frames, &text);
  std::size_t most_held = 0;
  const std::string piece(997, 'A');
  for (int i = 0; i < 10'500; ++i) {  // 10 MB
    decoder.feed(piece, frames, &text);
    sent += piece;
    most_held = std::max(most_held, sent.size() - text.size());
  }
  EXPECT_LE(most_held, 2u * max_payload);
  EXPECT_GT(most_held, 0u);
  decoder.feed(frame_a, frames, &text);
  EXPECT_EQ(text, sent + "\n");
  EXPECT_THAT(frames, SizeIs(1));
  EXPECT_EQ(decoder.damaged(), 1u);
}

TEST(Decoder, TextIsNotHeldBackOnceItCanBeNoFrame) {
  std::vector<Frame> frames;
  std::string text;
  Decoder decoder;
  decoder.feed("# ", frames, &text);
  EXPECT_EQ(text, "# ");
  decoder.feed("\n@", frames, &text);
  EXPECT_EQ(text, "# \n");
  decoder.feed("!", frames, &text);
  EXPECT_EQ(text, "# \n@!");
  EXPECT_THAT(frames, IsEmpty());
}

}  // namespace
}  // namespace kexlab::wire
