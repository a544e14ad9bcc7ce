// SPDX-License-Identifier: Apache-2.0
// The accelerator's choice, with a host made up for each row.
#include "harness/vm/qemu/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/vm/qemu/payload.h"

namespace kexlab::vm {
namespace {

const Status fine = {};
Status broken(const char* how) { return fail(Errc::io, "probe", how); }

struct Row {
  const char* name;
  const char* kvm_host;
  Status device, guest;
  Accelerator expected;
  const char* why;
  int guests;  ///< how many probe guests may be started
};

TEST(Accelerator, is_KVM_only_where_a_guest_answered) {
  const Row rows[] = {
      {"all is well", "x86_64", fine, fine, Accelerator::kvm, "answered", 1},
      {"another host's KVM", "aarch64", fine, fine, Accelerator::tcg, "aarch64 hosts only, this one is x86_64", 0},
      {"no host has it", "", fine, fine, Accelerator::tcg, "no host's KVM", 0},
      {"no device", "x86_64", broken("No such file"), fine, Accelerator::tcg, "No such file", 0},
      {"the guest stays silent", "x86_64", fine, broken("it stayed silent"), Accelerator::tcg, "it stayed silent", 1},
      {"QEMU aborts", "x86_64", fine, broken("signal 6"), Accelerator::tcg, "did not answer: signal 6", 1},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    Target target;
    target.name = "toy";
    target.kvm_host = row.kvm_host;
    int guests = 0;
    const Host host{"x86_64", [&row] { return row.device; },
                    [&row, &guests](const Target&) {
                      ++guests;
                      return row.guest;
                    }};
    const auto choice = decide_accelerator(target, host);
    EXPECT_EQ(choice.accelerator, row.expected);
    EXPECT_THAT(choice.why, testing::HasSubstr(row.why));
    EXPECT_EQ(choice.why.find('\n'), std::string::npos);
    EXPECT_EQ(guests, row.guests);
  }
}

TEST(ProbePayload, exists_for_each_target_that_some_hosts_KVM_runs) {
  for (const auto& target : all_targets()) {
    EXPECT_TRUE(target.kvm_host.empty() || !probe_payload(target.name).empty()) << target.name;
  }
  EXPECT_TRUE(probe_payload("nothing").empty());
}

}  // namespace
}  // namespace kexlab::vm
