// SPDX-License-Identifier: Apache-2.0
// Messages there and back, and over a channel that loses, repeats and reorders.
#include "harness/wire/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/wire/zero_runs.h"

namespace kexlab::wire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<Frame> frames_of(std::string_view stream) {
  std::vector<Frame> frames;
  Decoder decoder;
  decoder.feed(stream, frames, nullptr);
  EXPECT_EQ(decoder.damaged(), 0u);
  return frames;
}

std::vector<Frame> frames_of(const Message& message) { return frames_of(encode_message(message)); }

std::vector<Message> deliver(Assembler& assembler, const std::vector<Frame>& frames) {
  std::vector<Message> messages;
  for (const auto& frame : frames) {
    if (auto message = assembler.take(frame)) messages.push_back(std::move(*message));
  }
  return messages;
}

Message make(std::string_view op, std::uint32_t sequence = 0) {
  return Message{.op = std::string(op), .sequence = sequence};
}

Message sized(std::string_view op, std::uint32_t sequence, std::size_t size) {
  Bytes data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i * 7 + sequence);
  return make(op, sequence).set("data", data);
}

// A frame of one part, made by hand: what a broken or hostile peer may send.
Frame part(char kind, std::uint32_t id, std::uint32_t number, ByteView piece) {
  Bytes payload(8);
  write_int<std::uint32_t>(payload, 0, id, std::endian::little);
  write_int<std::uint32_t>(payload, 4, number, std::endian::little);
  payload.insert(payload.end(), piece.begin(), piece.end());
  return {kind, payload};
}

Frame whole(ByteView packed) { return part('M', crc32(packed), 0, packed); }
Frame whole_body(std::string_view body) { return whole(pack_zero_runs(as_bytes(body))); }

TEST(Message, FieldsKeepTheirTypes) {
  auto message = make("read", 7);
  message.set("path", "/proc/cmdline").set("max", 512).set("errno", -1).set("empty", "").set("zero", 0);
  EXPECT_EQ(message.text("path"), "/proc/cmdline");
  EXPECT_EQ(message.number("max"), 512u);
  EXPECT_EQ(static_cast<std::int64_t>(message.number("errno").value()), -1);
  EXPECT_EQ(message.text("empty"), "");
  EXPECT_EQ(message.number("zero"), 0u);
  EXPECT_EQ(message.number("path"), std::nullopt);
  EXPECT_EQ(message.text("max"), std::nullopt);
  EXPECT_EQ(message.bytes("absent"), std::nullopt);
}

TEST(Message, SettingAgainReplaces) {
  auto message = make("x");
  message.set("a", 1).set("b", "two").set("a", "one").set("b", 2);
  EXPECT_THAT(message.fields, SizeIs(2));
  EXPECT_EQ(message.text("a"), "one");
  EXPECT_EQ(message.number("b"), 2u);
  message.set("a", *message.bytes("a"));  // a view of the field itself
  EXPECT_EQ(message.text("a"), "one");
}

struct SizeCase {
  const char* name;
  std::size_t size;
  std::size_t frames;
};

class Sizes : public testing::TestWithParam<SizeCase> {};

TEST_P(Sizes, ComeBackEqual) {
  const auto message = sized("echo", 3, GetParam().size);
  const auto frames = frames_of(message);
  EXPECT_THAT(frames, SizeIs(GetParam().frames));
  Assembler assembler;
  EXPECT_THAT(deliver(assembler, frames), ElementsAre(message));
  EXPECT_EQ(assembler.dropped(), 0u);
}

// A body is 21 bytes longer than its data here, packing adds 3 (2 where it is short), a part holds 1528 bytes.
INSTANTIATE_TEST_SUITE_P(Wire, Sizes,
                         testing::Values(SizeCase{"empty", 0, 1}, SizeCase{"one_full_part", 1528 - 24, 1},
                                         SizeCase{"one_byte_more", 1528 - 23, 2},
                                         SizeCase{"half_mebibyte", 1 << 19, 344},
                                         SizeCase{"largest", max_message - 21, 687}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Message, EncodingIsTheSameOnEveryHost) {
  const auto frames = frames_of(make("ab", 0x01020304).set("n", 5).set("t", "hi"));
  ASSERT_THAT(frames, SizeIs(1));
  const std::string body("\1\2ab\4\3\2\1\2\1n\0\5\0\0\0\0\0\0\0\1t\1\2\0\0\0hi", 29);
  EXPECT_EQ(frames[0].payload, whole_body(body).payload);
}

TEST(Message, WhatBreaksTheLimitsIsNotEncoded) {
  EXPECT_EQ(encode_message(sized("echo", 1, max_message - 20)), "");
  EXPECT_EQ(encode_message(make("")), "");
  EXPECT_EQ(encode_message(make(std::string(max_name + 1, 'x'))), "");
  EXPECT_EQ(encode_message(make("x").set(std::string(max_name + 1, 'x'), 1)), "");
  auto many = make("x");
  for (std::size_t i = 0; i < max_fields; ++i) many.set(std::string(i + 1, 'f'), i);
  EXPECT_NE(encode_message(many), "");
  EXPECT_EQ(encode_message(many.set("one_more", 1)), "");
}

struct ChannelCase {
  const char* name;
  std::vector<Frame> (*mangle)(std::vector<Frame> frames);
  std::uint64_t dropped;
};

// What happens to the parts of one message; the one before it and the one behind it must come through.
class Channel : public testing::TestWithParam<ChannelCase> {};

TEST_P(Channel, OnlyThatMessageIsLost) {
  const auto before = sized("before", 1, 4000);
  const auto behind = sized("behind", 3, 4000);
  Assembler assembler;
  EXPECT_THAT(deliver(assembler, frames_of(before)), ElementsAre(before));
  EXPECT_THAT(deliver(assembler, GetParam().mangle(frames_of(sized("mangled", 2, 4000)))), IsEmpty());
  EXPECT_THAT(deliver(assembler, frames_of(behind)), ElementsAre(behind));
  EXPECT_EQ(assembler.dropped(), GetParam().dropped);
}

std::vector<Frame> without(std::vector<Frame> frames, std::size_t at) {
  frames.erase(frames.begin() + static_cast<std::ptrdiff_t>(at));
  return frames;
}

std::vector<Frame> swapped(std::vector<Frame> frames, std::size_t a, std::size_t b) {
  std::swap(frames[a], frames[b]);
  return frames;
}

std::vector<Frame> doubled(std::vector<Frame> frames, std::size_t at) {
  frames.insert(frames.begin() + static_cast<std::ptrdiff_t>(at), frames[at]);
  return frames;
}

INSTANTIATE_TEST_SUITE_P(
    Wire, Channel,
    testing::Values(ChannelCase{"first_lost", [](std::vector<Frame> f) { return without(f, 0); }, 1},
                    ChannelCase{"middle_lost", [](std::vector<Frame> f) { return without(f, 1); }, 1},
                    ChannelCase{"last_lost", [](std::vector<Frame> f) { return without(f, 2); }, 1},
                    ChannelCase{"all_but_last_lost", [](std::vector<Frame> f) { return std::vector<Frame>{f[2]}; }, 1},
                    ChannelCase{"all_lost", [](std::vector<Frame>) { return std::vector<Frame>{}; }, 0},
                    ChannelCase{"first_two_swapped", [](std::vector<Frame> f) { return swapped(f, 0, 1); }, 2},
                    ChannelCase{"last_two_swapped", [](std::vector<Frame> f) { return swapped(f, 1, 2); }, 1},
                    ChannelCase{"middle_doubled", [](std::vector<Frame> f) { return doubled(f, 1); }, 1},
                    ChannelCase{"piece_changed",
                                [](std::vector<Frame> f) {
                                  f[1].payload[9] ^= std::byte{1};
                                  return f;
                                },
                                1},
                    ChannelCase{"number_changed",
                                [](std::vector<Frame> f) {
                                  f[1].payload[4] ^= std::byte{4};
                                  return f;
                                },
                                1},
                    ChannelCase{"header_cut",
                                [](std::vector<Frame> f) {
                                  f[1].payload.resize(7);
                                  return f;
                                },
                                1},
                    ChannelCase{"ends_too_early",
                                [](std::vector<Frame> f) {
                                  f[1].kind = 'M';
                                  return f;
                                },
                                1}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Assembler, ADoubledFirstPartBeginsAnew) {
  const auto message = sized("x", 2, 4000);
  Assembler assembler;
  EXPECT_THAT(deliver(assembler, doubled(frames_of(message), 0)), ElementsAre(message));
  EXPECT_EQ(assembler.dropped(), 1u);
}

TEST(Assembler, ADoubledLastPartGivesNoSecondMessage) {
  const auto message = sized("x", 2, 4000);
  Assembler assembler;
  EXPECT_THAT(deliver(assembler, doubled(frames_of(message), 2)), ElementsAre(message));
  EXPECT_EQ(assembler.dropped(), 1u);
}

TEST(Assembler, TheSameMessageTwiceIsTwoMessages) {
  const auto message = sized("x", 2, 4000);
  Assembler assembler;
  auto frames = frames_of(message);
  const auto again = frames;
  frames.insert(frames.end(), again.begin(), again.end());
  EXPECT_THAT(deliver(assembler, frames), ElementsAre(message, message));
}

TEST(Assembler, OtherKindsOfFramesMayComeBetween) {
  const auto message = sized("x", 2, 4000);
  auto frames = frames_of(message);
  frames.insert(frames.begin() + 1, Frame{'W', to_bytes(as_bytes("witness"))});
  Assembler assembler;
  EXPECT_THAT(deliver(assembler, frames), ElementsAre(message));
}

TEST(Assembler, AnEndlessMessageIsDroppedAtTheLimit) {
  Assembler assembler;
  const Bytes piece(1528);
  for (std::uint32_t i = 0; i < 100'000; ++i) {  // 146 MiB
    ASSERT_EQ(assembler.take(part('m', 77, i, piece)), std::nullopt);
    ASSERT_EQ(assembler.dropped(), i * piece.size() + piece.size() > max_message ? 1u : 0u) << i;
  }
  EXPECT_THAT(deliver(assembler, frames_of(make("next", 1))), SizeIs(1));
}

// Sixty-five good fields, which encode_message would refuse too.
std::string too_many_fields() {
  std::string body("\1\1x\0\0\0\0\x41", 8);
  for (int i = 0; i < 65; ++i) body.append("\1n\1\0\0\0\0", 7);
  return body;
}

struct BodyCase {
  const char* name;
  std::string body;
};

class BadBodies : public testing::TestWithParam<BodyCase> {};

TEST_P(BadBodies, AreDropped) {
  Assembler assembler;
  EXPECT_EQ(assembler.take(whole_body(GetParam().body)), std::nullopt);
  EXPECT_EQ(assembler.dropped(), 1u);
}

std::string text(const char* bytes, std::size_t size) { return {bytes, size}; }

INSTANTIATE_TEST_SUITE_P(Wire, BadBodies,
                         testing::Values(BodyCase{"empty", ""}, BodyCase{"version", text("\2\1x\0\0\0\0\0", 8)},
                                         BodyCase{"no_operation", text("\1\0\0\0\0\0\0", 7)},
                                         BodyCase{"long_operation", "\1\x41" + std::string(100, 'x')},
                                         BodyCase{"too_short", text("\1\1x\0\0\0", 6)},
                                         BodyCase{"bytes_behind", text("\1\1x\0\0\0\0\0z", 9)},
                                         BodyCase{"field_missing", text("\1\1x\0\0\0\0\1", 8)},
                                         BodyCase{"many_fields", too_many_fields()},
                                         BodyCase{"unknown_type", text("\1\1x\0\0\0\0\1\1n\2", 11)},
                                         BodyCase{"number_cut", text("\1\1x\0\0\0\0\1\1n\0\1\2", 13)},
                                         BodyCase{"bytes_cut", text("\1\1x\0\0\0\0\1\1n\1\5\0\0\0abcd", 19)},
                                         BodyCase{"size_huge", text("\1\1x\0\0\0\0\1\1n\1\xff\xff\xff\xff", 15)}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Assembler, WhatDoesNotUnpackIsDropped) {
  Assembler assembler;
  EXPECT_EQ(assembler.take(whole(as_bytes("\x7f"))), std::nullopt);
  EXPECT_EQ(assembler.dropped(), 1u);
}

// The body that unpacks to more than a message may have: 4 bytes that stand for 2 MiB.
TEST(Assembler, ABombIsDropped) {
  Assembler assembler;
  EXPECT_EQ(assembler.take(whole(as_bytes(std::string_view("\0\x80\x80\x80\1", 5)))), std::nullopt);
  EXPECT_EQ(assembler.dropped(), 1u);
}

TEST(Message, ZerosCostNextToNothing) {
  const auto message = make("read", 1).set("data", Bytes(max_message - 100));
  EXPECT_LT(encode_message(message).size(), 200u);
  Assembler assembler;
  EXPECT_THAT(deliver(assembler, frames_of(message)), ElementsAre(message));
}

TEST(Assembler, TheBadBodiesDifferFromAGoodOne) {
  Assembler assembler;
  EXPECT_NE(assembler.take(whole_body(text("\1\1x\0\0\0\0\0", 8))), std::nullopt);
  EXPECT_NE(assembler.take(whole_body(text("\1\1x\0\0\0\0\1\1n\1\4\0\0\0abcd", 19))), std::nullopt);
  EXPECT_EQ(assembler.dropped(), 0u);
}

TEST(List, BringsEveryMessageInOrder) {
  const std::vector<Message> messages{make("load", 1).set("plan", "abc"), make("state", 2),
                                      make("unload").set("crash", 1)};
  EXPECT_EQ(decode_list(encode_list(messages)), messages);
  EXPECT_EQ(decode_list({}), std::vector<Message>{});
}

TEST(List, IsTakenWholeOrNotAtAll) {
  const Bytes good = encode_list({make("load", 1).set("plan", "abc"), make("state", 2)});
  const std::size_t first = 4 + encode_body(make("load", 1).set("plan", "abc")).size();
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_EQ(decode_list(ByteView(good).first(size)).has_value(), size == first) << size;
  }
  Bytes longer = good;
  write_int<std::uint32_t>(longer, 0, 0xffffffff, std::endian::little);
  EXPECT_EQ(decode_list(longer), std::nullopt);
  EXPECT_TRUE(encode_list({make("state"), make("")}).empty()) << "one of them does not fit";
}

}  // namespace
}  // namespace kexlab::wire
