// SPDX-License-Identifier: Apache-2.0
// The channel's device: which one the command line means, and that it carries every byte.
#include "harness/agent/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <array>

#include "harness/agent/credentials.h"

namespace kexlab::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ChannelCandidates, ComeFromTheCommandLine) {
  EXPECT_THAT(channel_candidates("console=ttyS0 kexlab.channel=/dev/ttyS1 quiet\n"), ElementsAre("/dev/ttyS1"));
  EXPECT_THAT(channel_candidates("kexlab.channel=virtio:a,/dev/ttyS1"), ElementsAre("virtio:a", "/dev/ttyS1"));
  EXPECT_THAT(channel_candidates("kexlab.channel=/dev/a kexlab.channel=/dev/b\n"), ElementsAre("/dev/b"));
  EXPECT_THAT(channel_candidates("kexlab.channel=,/dev/a,,"), ElementsAre("/dev/a"));
  EXPECT_THAT(channel_candidates("xkexlab.channel=/dev/a kexlab.channe=/dev/b"), IsEmpty());
  EXPECT_THAT(channel_candidates("kexlab.channel="), IsEmpty());
  EXPECT_THAT(channel_candidates(""), IsEmpty());
}

struct Pty {
  Pty() {
    std::array<char, 64> path{};
    int ends[2];
    if (openpty(&ends[0], &ends[1], path.data(), nullptr, nullptr) != 0) return;
    ours = Fd(ends[0]);
    theirs = Fd(ends[1]);
    name = path.data();
  }
  Fd ours, theirs;
  std::string name;
};

TEST(Channel, TakesTheFirstDeviceThatOpens) {
  const Pty pty;
  ASSERT_NE(pty.name, "");
  const auto channel = open_channel({"/dev/no-such-device", "virtio:no.such.port", pty.name}, 0);
  EXPECT_EQ(channel.name, pty.name);
  EXPECT_TRUE(channel.fd.open());
}

TEST(Channel, RawTtysCarryEveryByteBothWays) {
  const Pty pty;
  ASSERT_NE(pty.name, "");
  make_raw(pty.theirs.get());
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (const auto& [from, to] :
       {std::pair(pty.ours.get(), pty.theirs.get()), std::pair(pty.theirs.get(), pty.ours.get())}) {
    ASSERT_EQ(write_all(from, all), 0);
    std::string got(all.size(), '\0');
    std::size_t size = 0;
    while (size < got.size()) {
      const long part = read_some(to, std::as_writable_bytes(std::span(got)).subspan(size));
      ASSERT_GT(part, 0);
      size += static_cast<std::size_t>(part);
    }
    EXPECT_EQ(got, all);
  }
}

TEST(Capabilities, HaveTheKernelsNumbers) {
  EXPECT_EQ(capability_number("chown"), 0u);
  EXPECT_EQ(capability_number("sys_boot"), 22u);
  EXPECT_EQ(capability_number("checkpoint_restore"), 40u);
  EXPECT_EQ(capability_number("SYS_BOOT"), std::nullopt);
  EXPECT_EQ(capability_number(""), std::nullopt);
}

struct CredentialCase {
  const char* name;
  wire::Message request;
  bool good;
};

TEST(Credentials, AreReadAndMistakesToldBeforeAnythingRuns) {
  const auto ask = [] { return wire::Message{.op = "load"}; };
  const CredentialCase rows[] = {{"none", ask(), true},
                                 {"uid", ask().set("uid", 65534), true},
                                 {"uid_too_large", ask().set("uid", std::uint64_t{1} << 32), false},
                                 {"uid_minus_one", ask().set("uid", 0xffffffffu), false},
                                 {"drop", ask().set("drop", "sys_boot,sys_admin"), true},
                                 {"drop_unknown", ask().set("drop", "sys_boot,sys_bot"), false},
                                 {"drop_hole", ask().set("drop", "sys_boot,,sys_admin"), false}};
  for (const auto& row : rows) {
    wire::Message answer;
    const auto credentials = credentials_of(row.request, answer);
    EXPECT_EQ(credentials.has_value(), row.good) << row.name;
    EXPECT_EQ(answer.number("errno").has_value(), !row.good) << row.name;
    EXPECT_EQ(credentials && credentials->any(), row.good && std::string(row.name) != "none") << row.name;
  }
  wire::Message answer;
  EXPECT_THAT(credentials_of(ask().set("drop", "sys_boot,bpf"), answer)->drop, ElementsAre(22, 39));
}

}  // namespace
}  // namespace kexlab::agent
