// SPDX-License-Identifier: Apache-2.0
// Agents that were taken over, and channels that carry noise: every such guest gives an outcome.
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/engine/case_runner_story.h"
#include "harness/wire/frame.h"

namespace kexlab::engine {
namespace {

// An agent that was taken over, or whose channel carries noise: every such guest gives an outcome.
struct Hostile {
  const char* name;
  const char* yaml;
  void (*change)(Agent& agent);
  Outcome outcome;
};
void PrintTo(const Hostile& one, std::ostream* out) { *out << one.name; }

constexpr const char* two_reads = R"(name: t/reads
about: A file is read after a write, so that facts are read too.
steps:
  - write: {path: /sys/kernel/x, data: "1"}
  - load: {segments: [{at: ram, size: 1 page}]}
)";

Message read_answer(std::string_view data) {
  Message fields;
  return fields.set("data", data).set("eof", 0);
}
template <class Make>
Agent::Instead reads(Make make) {
  return on("read",
            [=](Agent& agent, const Message& request, FakeWire& wire) { agent.answer(wire, request, make(request)); });
}

const Hostile hostiles[] = {
    {"garbage_before_every_answer", self,
     [](Agent& a) {
       a.instead = [](Agent&, const Message&, FakeWire& wire) {
         wire.channel(std::string("\0\xff@KM:0010:!!!!:00000000\n@KM:ffff:\n@K@K@Km:0004:AAAA:deadbeef\n", 62));
         wire.channel(wire::encode_frame('M', as_bytes("no message at all")) + wire::encode_frame('m', {}));
         return false;
       };
     },
     Outcome::passed},
    {"answers_with_other_numbers", self,
     [](Agent& a) {
       a.instead = on("load", [](Agent& agent, const Message& request, FakeWire& wire) {
         for (const std::uint32_t other : {0U, 1U, request.sequence + 1, 0xffffffffU}) {
           Message fake = request;
           fake.sequence = other == request.sequence ? 77 : other;
           Message fields;
           agent.answer(wire, fake, fields.set("value", 0));
         }
       });
     },
     Outcome::timeout},
    {"an_older_answer_again_before_the_right_one", self,
     [](Agent& a) {
       a.instead = [](Agent& agent, const Message& request, FakeWire& wire) {
         Message old = request;
         --old.sequence;
         agent.answer_errno(wire, old, EINVAL);
         return false;
       };
     },
     Outcome::passed},
    {"more_messages_than_anyone_asked_for", self,
     [](Agent& a) {
       a.instead = on("load", [](Agent&, const Message&, FakeWire& wire) {
         for (std::uint32_t i = 100; i < 5000; ++i)
           wire.channel(wire::encode_message(Message{.op = "noise", .sequence = i}));
       });
     },
     Outcome::timeout},
    {"reads_larger_than_asked", two_reads,
     [](Agent& a) {
       a.instead =
           reads([](const Message& r) { return read_answer(std::string(r.number("max").value_or(0) + 1, 'x')); });
     },
     Outcome::error},
    {"zeros_beyond_any_message", two_reads,
     [](Agent& a) {
       a.instead = on("read", [](Agent&, const Message&, FakeWire& wire) {
         // Groups of no literal bytes and 2^28 - 1 zeros each (zero_runs.h), with a right id and checksum.
         Bytes piece;
         for (int i = 0; i < 300; ++i) {
           for (const int byte : {0x00, 0xff, 0xff, 0xff, 0x7f}) piece.push_back(static_cast<std::byte>(byte));
         }
         Bytes payload(8);
         write_int(payload, 0, wire::crc32(piece), std::endian::little);
         payload.insert(payload.end(), piece.begin(), piece.end());
         for (int i = 0; i < 100; ++i) wire.channel(wire::encode_frame('M', payload));
       });
     },
     Outcome::timeout},
    {"a_file_that_never_ends", two_reads,
     [](Agent& a) {
       a.instead = reads([](const Message& r) { return read_answer(std::string(r.number("max").value_or(0), 'x')); });
     },
     Outcome::error},
    {"a_file_of_nothing", two_reads,
     [](Agent& a) { a.instead = reads([](const Message&) { return read_answer(""); }); }, Outcome::error},
    {"numbers_where_bytes_should_be", two_reads,
     [](Agent& a) {
       a.instead = reads([](const Message&) {
         Message m;
         return m.set("data", 7);
       });
     },
     Outcome::error},
    {"an_iomem_of_noise", two_reads, [](Agent& a) { a.files["/proc/iomem"] = std::string(5000, '\xff'); },
     Outcome::error},
    {"a_device_tree_of_noise", self,
     [](Agent& a) {
       a.files["/sys/firmware/fdt"] = std::string(3000, '\xd0');
       a.instead = nullptr;
     },
     Outcome::passed},  // the facts of a first kernel come from the stage
    {"errno_beyond_reason", self, [](Agent& a) { a.instead = answering("load", INT64_MAX); }, Outcome::failed},
    {"an_answer_without_fields", overlap,
     [](Agent& a) {
       a.instead = on("load", [](Agent&, const Message& r, FakeWire& w) {
         w.channel(wire::encode_message(Message{.op = "load", .sequence = r.sequence}));
       });
     },
     Outcome::failed},
    {"a_manifest_of_noise", self,
     [](Agent& a) {
       a.instead = on("manifest", [](Agent& agent, const Message& r, FakeWire& w) {
         Message m;
         agent.answer(w, r, m.set("data", std::string(400000, '\xff')));
       });
     },
     Outcome::failed},
    {"hello_without_fields", self,
     [](Agent& a) {
       a.entered = [](Agent&, const Plan&, FakeWire& w) { w.channel(wire::encode_message(Message{.op = "hello"})); };
     },
     Outcome::failed},
    {"witness_records_of_noise", witness,
     [](Agent& a) {
       a.entered = [](Agent&, const Plan&, FakeWire& wire) {
         for (int i = 0; i < 1000; ++i)
           wire.console(wire::encode_frame('W', as_bytes("begin version=\xff nonce=\x1b[2J")));
       };
     },
     Outcome::timeout},
    {"a_witness_nobody_planned", self,
     [](Agent& a) {
       a.entered = [](Agent&, const Plan&, FakeWire& w) {
         w.console(wire::encode_frame('W', as_bytes("end count=0 bad=0")));
       };
     },
     Outcome::timeout},
};

class Hostiles : public CaseRunnerTest, public testing::WithParamInterface<Hostile> {};

TEST_P(Hostiles, gives_an_outcome) {
  Agent agent = lab_->agent();
  GetParam().change(agent);
  const auto result = play(GetParam().yaml, agent);
  EXPECT_STREQ(to_string(result.outcome), to_string(GetParam().outcome)) << result.reason;
  for (const auto& text : {result.reason, result.console_tail, result.diagnosis}) {
    EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) {
      return (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
    })) << text;
  }
  EXPECT_LE(result.reason.size(), 4000U);
}

INSTANTIATE_TEST_SUITE_P(agents, Hostiles, testing::ValuesIn(hostiles), [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace kexlab::engine
