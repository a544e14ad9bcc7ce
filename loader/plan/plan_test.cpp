// SPDX-License-Identifier: Apache-2.0
// A plan as text, and the rules of a sane plan.
#include "kexlab/plan.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>
#include <set>

namespace kexlab {
namespace {

constexpr std::uint64_t page = 4096;

Segment segment(const char* name, std::uint64_t mem, std::uint64_t memsz, std::uint64_t bufsz) {
  return {name, {Piece::of_pattern(1, bufsz)}, bufsz, mem, memsz};
}

Plan sane_plan() {
  Plan plan;
  plan.arch = "x86_64";
  plan.entry = 0x200010;
  plan.flags = 62 << 16;
  plan.segments = {segment("kernel", 0x100000, 0x100000, 0xfff01), segment("stub", 0x200000, page, 100),
                   segment("initrd", 0x7000000, 2 * page, 2 * page)};
  return plan;
}

struct FlagRow {
  std::uint64_t flags;
  const char* text;
};

TEST(Flags, Table) {
  const FlagRow rows[] = {
      {0, "0"},
      {1, "KEXEC_ON_CRASH"},
      {2, "KEXEC_PRESERVE_CONTEXT"},
      {0xf, "KEXEC_ON_CRASH|KEXEC_PRESERVE_CONTEXT|KEXEC_UPDATE_ELFCOREHDR|KEXEC_CRASH_HOTPLUG_SUPPORT"},
      {0x3e0000, "KEXEC_ARCH_X86_64"},
      {0x3e0001, "KEXEC_ON_CRASH|KEXEC_ARCH_X86_64"},
      {0xb70010, "0x10|KEXEC_ARCH_AARCH64"},
      {0x1020000, "KEXEC_ARCH_LOONGARCH"},
      {0x70000, "0x70000"},
      {0x100000000, "0x100000000"},
      {0xffffffff00000001, "KEXEC_ON_CRASH|0xffffffff00000000"},
  };
  for (const FlagRow& row : rows) EXPECT_EQ(flags_to_string(row.flags), row.text) << row.flags;
}

TEST(Pointer, EachKindHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(Pointer::address); ++i) names.insert(to_string(static_cast<Pointer>(i)));
  EXPECT_EQ(names.size(), 12u);
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_STREQ(to_string(static_cast<Pointer>(200)), "unknown");
}

TEST(Plan, ReadsAsATable) {
  Plan plan = sane_plan();
  plan.segments[0].pieces = {Piece::of_source("/boot/vmlinuz", 0x4000, 0xffe01), Piece::of(Bytes(256))};
  plan.segments[2].buf = Pointer::half;
  EXPECT_EQ(plan.str(),
            "kexec_load(entry=0x200010, nr_segments=3, segments=valid, flags=KEXEC_ARCH_X86_64) for x86_64\n"
            "   #              bufsz                mem              memsz  what\n"
            "   0            0xfff01           0x100000           0x100000  kernel (/boot/vmlinuz+0x4000:0xffe01 + 256 "
            "bytes)\n"
            "   1               0x64           0x200000             0x1000  stub (pattern 1:0x64)\n"
            "   2             0x2000          0x7000000             0x2000  initrd buf=half (pattern 1:0x2000)\n");
}

TEST(CheckPlan, ASanePlanPasses) {
  const auto status = check_plan(sane_plan(), page);
  EXPECT_TRUE(status) << status.error().str();
  Plan most;
  for (std::uint64_t i = 0; i < 16; ++i) most.segments.push_back(segment("s", i * page, page, 1));
  EXPECT_TRUE(check_plan(most, page)) << "16 adjacent segments, the first at 0 with the entry at 0";
}

struct BrokenRow {
  const char* name;
  std::function<void(Plan&)> breaking;
  const char* message;
};

TEST(CheckPlan, BrokenTable) {
  const BrokenRow rows[] = {
      {"no segments", [](Plan& p) { p.segments.clear(); }, "no segments"},
      {"17 segments", [](Plan& p) { p.segments.resize(17, p.segments[1]); }, "17 segments, KEXEC_SEGMENT_MAX is 16"},
      {"count lies", [](Plan& p) { p.nr_segments = 2; }, "nr_segments is 2, the plan has 3"},
      {"array", [](Plan& p) { p.array = Pointer::null; }, "the segments pointer is null"},
      {"buffer", [](Plan& p) { p.segments[1].buf = Pointer::kernel; }, "segment 1 (stub): its buffer is kernel"},
      {"unaligned mem", [](Plan& p) { p.segments[1].mem += 0x10; }, "must be multiples of the page size 0x1000"},
      {"unaligned memsz", [](Plan& p) { p.segments[1].memsz += 0x10; }, "must be multiples of the page size 0x1000"},
      {"bufsz over memsz", [](Plan& p) { p.segments[1] = segment("stub", 0x200000, page, page + 1); },
       "bufsz 0x1001 is larger than memsz 0x1000"},
      {"pieces over bufsz", [](Plan& p) { p.segments[1].bufsz -= 1; }, "the pieces sum to 0x64, bufsz is 0x63"},
      {"too much", [](Plan& p) { p.segments[1].pieces[0].size = ~std::uint64_t{0}; },
       "the most that a buffer may hold"},
      {"zero memsz", [](Plan& p) { p.segments[1] = segment("stub", 0x200000, 0, 0); }, "memsz is 0"},
      {"wraps", [](Plan& p) { p.segments[2].mem = ~std::uint64_t{0} - page + 1; }, "passes 2^64"},
      {"overlap by a page", [](Plan& p) { p.segments[0].memsz += page; },
       "segment 1 (stub) at 0x200000-0x200fff (4 KiB) overlaps segment 0 (kernel)"},
      {"inside another", [](Plan& p) { p.segments[2].mem = 0x180000; }, "segment 2 (initrd)"},
      {"entry behind a segment", [](Plan& p) { p.entry = 0x201000; }, "entry 0x201000 lies in no segment"},
  };
  for (const BrokenRow& row : rows) {
    SCOPED_TRACE(row.name);
    Plan plan = sane_plan();
    row.breaking(plan);
    const auto status = check_plan(plan, page);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::invalid_argument);
    EXPECT_NE(status.error().broke.find(row.message), std::string::npos) << status.error().str();
  }
}

TEST(CheckPlan, LargePagesAskForLargerAlignment) {
  EXPECT_TRUE(check_plan(sane_plan(), 1));
  EXPECT_FALSE(check_plan(sane_plan(), 65536)) << "64K pages: the stub's page is too small";
  EXPECT_FALSE(check_plan(sane_plan(), 0));
  EXPECT_FALSE(check_plan(sane_plan(), 4097));
}

struct RefusalRow {
  const char* name;
  std::function<void(Plan&)> breaking;
  int error;
  const char* rule;
};

TEST(Refusal, NamesTheRuleThatThePlanBreaks) {
  const RefusalRow rows[] = {
      {"unknown flag", [](Plan& p) { p.flags |= 0x30; }, EINVAL, "no kernel knows flag 0x30"},
      {"17 segments", [](Plan& p) { p.nr_segments = 17; }, EINVAL, "nr_segments 17 is larger"},
      {"overlap", [](Plan& p) { p.segments[0].memsz += page; }, EINVAL, "segment 1 (stub) overlaps segment 0 (kernel)"},
      {"empty inside", [](Plan& p) { p.segments.push_back(segment("zero", 0x101000, 0, 0)); }, EINVAL,
       "segment 3 (zero) overlaps"},
      {"bufsz", [](Plan& p) { p.segments[1].bufsz = page + 1; }, EINVAL, "segment 1 (stub): bufsz 0x1001"},
      {"overlap goes before bufsz",
       [](Plan& p) {
         p.segments[0].memsz += page;
         p.segments[0].bufsz = ~0u;
       },
       EINVAL, "overlaps"},
      {"jump", [](Plan& p) { p.flags |= 2; }, EINVAL, "KEXEC_JUMP"},
      {"nothing that shows", [](Plan&) {}, EINVAL, "half of RAM"},
      {"unaligned", [](Plan& p) { p.segments[2].mem += 1; }, EADDRNOTAVAIL, "segment 2 (initrd): mem or its end"},
      {"wrap", [](Plan& p) { p.segments[2].mem = 0 - page; }, EADDRNOTAVAIL, "wraps"},
      {"crash", [](Plan& p) { p.flags |= 1; }, EADDRNOTAVAIL, "reservation"},
      {"too high", [](Plan&) {}, EADDRNOTAVAIL, "highest address"},
      {"rights", [](Plan&) {}, EPERM, "CAP_SYS_BOOT"},
      {"lock", [](Plan&) {}, EBUSY, "lock"},
      {"fault", [](Plan&) {}, EFAULT, "not readable"},
      {"no kexec", [](Plan&) {}, ENOSYS, "CONFIG_KEXEC"},
      {"something else", [](Plan&) {}, EPIPE, "no rule is known"},
  };
  for (const RefusalRow& row : rows) {
    SCOPED_TRACE(row.name);
    Plan plan = sane_plan();
    row.breaking(plan);
    const Error error = refusal(plan, row.error, page);
    EXPECT_EQ(error.code, Errc::refused);
    EXPECT_EQ(error.asked, plan.str());
    EXPECT_NE(error.hint.find(row.rule), std::string::npos) << error.hint;
  }
}

}  // namespace
}  // namespace kexlab
