// SPDX-License-Identifier: Apache-2.0
// The caller as a program of this machine's own ABI. The calls it makes here are ones that no kernel accepts: 17
// segments, and a flag that does not exist.
#include "harness/agent/compat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>

namespace kexlab::agent {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using wire::Message;

constexpr auto minus_one = static_cast<std::uint64_t>(-1);

Plan hopeless() {
  Plan plan;
  plan.flags = 0x8000;
  plan.nr_segments = 17;
  return plan;
}

TEST(Caller, MakesTheCallAndTellsItsErrno) {
  Caller caller(CALLER_PROGRAM);
  for (int i = 0; i < 3; ++i) {
    Message answer;
    caller.load(hopeless(), 1, answer);
    EXPECT_EQ(answer.number("value"), minus_one);
    // By a kernel without kexec, to a caller without rights, to one with all.
    EXPECT_THAT(answer.number("errno").value_or(0), AnyOf(ENOSYS, EPERM, EINVAL));
    EXPECT_TRUE(answer.number("ns"));
    EXPECT_FALSE(answer.bytes("times"));
  }
}

TEST(Caller, TellsTheTimeOfEachOfManyCalls) {
  Caller caller(CALLER_PROGRAM);
  Message answer;
  caller.load(hopeless(), 300, answer);
  EXPECT_EQ(answer.number("value"), minus_one);
  EXPECT_EQ(answer.bytes("times").value_or(ByteView()).size(), 300u * 8);
}

TEST(Caller, GoesOnAfterAPlanThatItCannotExpress) {
  Caller caller(CALLER_PROGRAM);
  Plan plan = hopeless();
  plan.array = Pointer::guarded;
  Message answer;
  caller.load(plan, 1, answer);
  EXPECT_EQ(answer.number("errno"), minus_one);
  EXPECT_THAT(std::string(answer.text("why").value_or("")), HasSubstr("guarded"));
  Message next;
  caller.load(hopeless(), 1, next);
  EXPECT_EQ(next.number("value"), minus_one);
}

TEST(Caller, AProgramThatCannotBeStartedIsTold) {
  signal(SIGPIPE, SIG_IGN);  // as the agent does
  Caller caller("/no/such/program");
  for (int i = 0; i < 2; ++i) {
    Message answer;
    caller.load(hopeless(), 1, answer);
    EXPECT_EQ(answer.number("errno"), minus_one);
    EXPECT_THAT(std::string(answer.text("why").value_or("")), HasSubstr("start /no/such/program: No such file"));
  }
}

TEST(Caller, AProgramThatEndsInsteadOfAnsweringIsTold) {
  signal(SIGPIPE, SIG_IGN);  // as the agent does
  Caller caller("/bin/true");
  Message answer;
  caller.load(hopeless(), 1, answer);
  EXPECT_EQ(answer.number("errno"), minus_one);
  EXPECT_THAT(std::string(answer.text("why").value_or("")), HasSubstr("/bin/true ended without an answer"));
}

TEST(LoadCompat, TakesNamesOnly) {
  for (const char* name : {"", "../init", "a/b", "a b"}) {
    Message answer;
    load_compat(hopeless(), answer, name);
    EXPECT_THAT(std::string(answer.text("why").value_or("")), HasSubstr("abi is no name")) << name;
  }
}

}  // namespace
}  // namespace kexlab::agent
