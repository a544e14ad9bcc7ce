// SPDX-License-Identifier: Apache-2.0
// The rules as a list, and what each architecture adds to it.
#include "harness/model/contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "kexlab/arch.h"

namespace kexlab::model {
namespace {

void expect_whole(const Rule& rule, const std::string& source) {
  EXPECT_FALSE(rule.text.empty()) << rule.name;
  EXPECT_THAT(std::string(rule.source), testing::StartsWith(source)) << rule.name;
  EXPECT_EQ(find_rule(rule.name), &rule);
}

TEST(Rules, AreWholeAndNamedOnce) {
  std::set<std::string_view> names;
  for (const Rule* rule : rules("")) {
    EXPECT_TRUE(names.insert(rule->name).second) << rule->name;
    expect_whole(*rule, "kernel/");
  }
  EXPECT_EQ(find_rule("no such rule"), nullptr);
}

TEST(Contracts, AreNamedOnceAndAgreeWithTheLoader) {
  std::set<std::string_view> names;
  for (const Contract* contract : all_contracts()) {
    EXPECT_TRUE(names.insert(contract->target).second) << contract->target;
    EXPECT_EQ(&contract_of(contract->target), contract);
    const Arch* arch = find_arch(contract->target);
    ASSERT_NE(arch, nullptr) << contract->target;
    EXPECT_EQ(arch->kexec_arch, contract->kexec_arch) << contract->target;
    EXPECT_EQ(arch->bits, contract->bits) << contract->target;
    for (const PrepareRule& own : contract->prepare) expect_whole(own.rule, "arch/");
  }
  for (const Arch* arch : all_archs()) EXPECT_TRUE(names.contains(arch->name)) << arch->name;
}

// machine_kexec_prepare is called when the memory of the image is there, and before its buffers are read.
TEST(Contracts, OwnRulesDecideBetweenControlPagesAndBuffers) {
  for (const Contract* contract : all_contracts()) {
    const auto all = rules(contract->target);
    const auto own = contract->prepare.size();
    ASSERT_GE(all.size(), own + 3);
    EXPECT_EQ(all.back()->name, "accepted");
    EXPECT_EQ(all[all.size() - 2]->name, "buffer");
    EXPECT_EQ(all[all.size() - 3 - own]->name, "control_pages");
  }
}

// Source: arch/powerpc/kexec/core_64.c, machine_kexec_prepare: mem < __pa(_end).
TEST(PowerPc64, RefusesWhatStartsBelowTheRunningKernelsEnd) {
  for (const char* arch : {"ppc64", "ppc64le"}) {
    Situation situation{.arch = arch, .page_size = 65536, .ram_pages = 16384, .kernel_end = 0x2880000};
    const auto error_at = [&](std::uint64_t mem, std::uint64_t memsz) {
      const Plan plan{.arch = arch, .segments = {{.name = "s", .mem = mem, .memsz = memsz}}};
      return predict(situation, plan, {}, false).error;
    };
    EXPECT_EQ(error_at(0x2870000, 0x10000), etxtbsy) << "ends where the kernel does";
    EXPECT_EQ(error_at(0x2880000, 0x10000), 0);
    EXPECT_EQ(error_at(0, 0), etxtbsy) << "an empty one too";
    situation.kernel_end = 0;
    EXPECT_EQ(error_at(0x2870000, 0x10000), 0) << "nothing is known of the kernel's end";
  }
}

// A reservation on a kernel that makes none: with CRASH_DUMP off, machine_kexec_prepare still says no.
TEST(S390x, CrashImagesNeedCrashDump) {
  constexpr Range reservation{0x10000000, 0x10040000};
  Situation now{.arch = "s390x", .crash_reservation = reservation};
  Plan plan{.arch = "s390x", .entry = reservation.start, .flags = kexec::on_crash | std::uint64_t{22} << 16};
  plan.segments = {
      {.name = "a", .pieces = {Piece::of_pattern(1, 4096)}, .bufsz = 4096, .mem = reservation.start, .memsz = 4096}};
  const auto rule = [&] { return predict(now, plan, {}, false).rule->name; };
  EXPECT_EQ(rule(), "accepted") << "nothing is known of the kernel";
  now.config = {{"KEXEC", "y"}, {"CRASH_DUMP", "y"}};
  EXPECT_EQ(rule(), "accepted");
  now.config.erase("CRASH_DUMP");
  EXPECT_EQ(rule(), "s390_crash_dump");
  EXPECT_EQ(predict(now, plan, {}, false).error, einval);
  plan.flags &= ~kexec::on_crash;
  EXPECT_EQ(rule(), "accepted");
}

}  // namespace
}  // namespace kexlab::model
