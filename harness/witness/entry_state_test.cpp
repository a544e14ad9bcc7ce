// SPDX-License-Identifier: Apache-2.0
// The promises at entry: what real kernels left passes, and each promise is noticed when it is broken.
#include "harness/witness/entry_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "harness/witness/report.h"

namespace kexlab::witness {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Seen {
  const char* name;
  const char* target;
  Registers registers;
  bool jump = false;
  bool hypervisor = false;
  std::optional<std::uint64_t> tree = {};
  std::optional<std::uint64_t> cpu = {};

  [[nodiscard]] Handover handover() const {
    return {
        .jump = jump, .entry = 0x88000000, .demanded = 0x9ffeb000, .hypervisor = hypervisor, .tree = tree, .cpu = cpu};
  }
  [[nodiscard]] bool has(const RegisterRule& rule) const {
    using Started = RegisterRule::Started;
    return rule.when != (jump ? RegisterRule::When::boot : RegisterRule::When::jump) &&
           rule.started != (hypervisor ? Started::usual : Started::hypervisor);
  }
};

Registers x86_64(std::uint64_t cr4) {
  Registers out{{"rflags", 0x46},   {"cr0", 0x80000033}, {"cr2", 0x7fff55c3ddb8},
                {"cr3", 0x275e000}, {"cr4", cr4},        {"efer", 0xd01},
                {"rsp", 0x275fff8}, {"cs", 0x10},        {"gdtr_limit", 0},
                {"idtr_limit", 0},  {"ds", 0x18},        {"es", 0x18},
                {"ss", 0x18},       {"fs", 0x18},        {"gs", 0x18}};
  for (const char* name :
       {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}) {
    out[name] = 0;
  }
  return out;
}

Registers x86_64_jump() {
  auto out = x86_64(0x20);
  for (const auto& [name, value] : Registers{{"rax", 0x2641000}, {"rdx", 0x4000000}, {"r11", 1}, {"rsp", 0x2640ff8}}) {
    out[name] = value;
  }
  return out;
}

Registers i386() {
  return {{"eax", 0},    {"ebx", 0},       {"ecx", 0},        {"edx", 0},       {"esi", 0},
          {"edi", 0},    {"ebp", 0},       {"cr3", 0},        {"cr4", 0},       {"esp", 0x34bfffc},
          {"cr0", 0x33}, {"eflags", 0x46}, {"cs", 0x60},      {"ds", 0x68},     {"es", 0x68},
          {"ss", 0x68},  {"gdtr_base", 0}, {"gdtr_limit", 0}, {"idtr_base", 0}, {"idtr_limit", 0}};
}

Registers arm(std::uint64_t r2) {
  return {{"r0", 0}, {"r1", 0x1c4}, {"r2", r2}, {"cpsr", 0x600001d3}, {"sctlr", 0xc52878}};
}

Registers arm64(std::uint64_t level, std::uint64_t x4) {
  return {{"x0", 0},
          {"x1", 0},
          {"x2", 0},
          {"x3", 0},
          {"x4", x4},
          {"x9", 0xffffd5cf83b1ec9c},
          {"sp", 0xffff80000800b880},
          {"nzcv", 0x60000000},
          {"daif", 0x3c0},
          {"spsel", 1},
          {"currentel", level},
          {"sctlr_el1", 0x30500800},
          {"cntv_ctl_el0", 5}};
}

Registers ppc64(std::uint64_t msr) {
  return {{"r1", 0xc0000000027926e0},
          {"r3", 0},
          {"r4", 0x10000000},
          {"r5", 0},
          {"lr", 0x10000000},
          {"msr", msr},
          {"amr", 0},
          {"iamr", 0},
          {"uamor", 0},
          {"head", 1}};
}

Registers riscv64(std::uint64_t sstatus) {
  Registers out{{"a0", 0},     {"a1", 0x9ffeb000},  {"a2", 0x88000000}, {"ra", 0xffffffff8000e774},
                {"satp", 0},   {"sie", 0},          {"sip", 0x20},      {"sscratch", 0},
                {"scause", 0}, {"sstatus", sstatus}};
  for (const char* name : {"a3", "a4", "a5", "a6", "a7", "s0", "s1",  "s2",  "s3", "s4", "s5", "s6",
                           "s7", "s8", "s9", "t0", "t1", "t2", "s10", "s11", "t3", "t4", "t5", "t6"}) {
    out[name] = 0;
  }
  return out;
}

Registers sh4() { return {{"r6", 0x88000000}, {"pr", 0x8c5f9064}, {"r15", 0x8c5f9f80}, {"sr", 0x400080f0}}; }

Registers m68k() {
  return {{"a1", 0x88000000}, {"d1", 0x404}, {"sr", 0x2704}, {"tc", 0},
          {"itt0", 0},        {"itt1", 0},   {"dtt0", 0},    {"dtt1", 0}};
}

Registers parisc() {
  return {{"rp", 0x88000000}, {"arg0", 0x6000}, {"arg1", 0}, {"arg2", 0}, {"arg3", 0}, {"psw", 0}, {"eiem", 0}};
}

Registers ppc() { return {{"r3", 0}, {"r4", 0x88000000}, {"r5", 0x88000000}, {"msr", 0x21000}, {"pid", 0}}; }

Registers loongarch64(std::uint64_t crmd) {
  return {{"a0", 1},
          {"a1", 0x9000000000108000},
          {"a2", 0xf1d0018},
          {"a3", 0x9000000088000000},
          {"crmd", crmd},
          {"dmw0", 0x8000000000000001},
          {"dmw1", 0x9000000000000011},
          {"tlbrentry", 0x1b5a000}};
}

Registers with(Registers registers, const char* name, std::uint64_t value) {
  registers[name] = value;
  return registers;
}

// Excerpts of what witnesses told on Debian's 6.1.192 and 6.12.117 (both gave the same; riscv64: 6.12.107) under
// QEMU 7.2; loongarch64: 7.2.13 under QEMU 10.0; m68k, ppc, parisc, sh4: small-6.1. Entry and device tree are those of
// riscv64's load in all rows, and so is what depends on them.
const Seen seen[] = {
    {"-cpu max", "x86_64", x86_64(0x1020)},
    {"-cpu qemu64", "x86_64", x86_64(0x20)},
    {"small tables of 7.2", "x86_64", with(with(x86_64(0x20), "gdtr_limit", 0x1f), "idtr_limit", 0xff)},
    {"KEXEC_PRESERVE_CONTEXT", "x86_64", x86_64_jump(), true},
    {"-cpu max", "i386", i386()},
    {"-cpu cortex-a15", "arm", arm(0x87ff9000)},
    {"a device tree", "arm", arm(0x4f000000), false, false, 0x4f000000},
    {"EL1", "arm64", arm64(4, 0)},
    {"EL2", "arm64", with(arm64(8, 0x50000000), "sctlr_el2", 0x30c50830), false, true},
    {"EL2 with VHE", "arm64", with(arm64(8, 0), "sctlr_el2", 0x30500800), false, true},
    {"radix tree", "ppc64le", ppc64(0x8000000000001003)},
    {"one CPU", "ppc64le", ppc64(0x8000000000001003), false, false, {}, 0},
    {"reboot", "riscv64", riscv64(0x200000100)},
    {"one hart", "riscv64", riscv64(0x200000100), false, false, {}, 0},
    {"reboot", "sh4", sh4()},
    {"reboot", "m68k", m68k()},
    {"reboot", "ppc", ppc()},
    {"reboot", "parisc", parisc()},
    {"reboot", "loongarch64", loongarch64(0xb0)},
};

TEST(CheckRegisters, PassesWhatRealKernelsLeave) {
  for (const auto& one : seen) {
    EXPECT_THAT(check_registers(one.target, one.registers, one.handover()), IsEmpty()) << one.name;
  }
}

TEST(CheckRegisters, NoticesEachBrokenPromise) {
  for (const auto& one : seen) {
    for (const auto* state : all_entry_states()) {
      if (state->target != one.target) continue;
      for (const auto& rule : state->rules) {
        if (!one.has(rule)) continue;
        auto registers = one.registers;
        const auto found = registers.find(rule.name);
        if (found == registers.end()) {
          EXPECT_TRUE(rule.optional) << one.name << " " << rule.name;
          continue;
        }
        found->second ^= rule.mask & -rule.mask;  // the lowest promised bit
        EXPECT_THAT(check_registers(one.target, registers, one.handover()), ElementsAre(HasSubstr(rule.source)))
            << one.name << " " << rule.name;
        registers.erase(found);
        EXPECT_EQ(check_registers(one.target, registers, one.handover()).size(), rule.optional ? 0u : 1u)
            << one.name << " " << rule.name;
      }
    }
  }
}

TEST(CheckRegisters, AnImageThatComesBackHasPromisesOfItsOwn) {
  EXPECT_EQ(check_registers("x86_64", x86_64_jump()).size(), 3u);  // rax, rdx and r11 are not zero
  EXPECT_THAT(check_registers("x86_64", with(x86_64_jump(), "rsp", 0x2640000), {.jump = true}),
              ElementsAre(HasSubstr("called on the last words of the swap page")));
}

TEST(CheckRegisters, KnowsTheLevelThatTheKernelWasStartedAt) {
  EXPECT_THAT(check_registers("arm64", arm64(4, 0), {.hypervisor = true}),
              ElementsAre(HasSubstr("currentel at entry is 0x4, expected 0x8")));
  EXPECT_THAT(check_registers("arm64", with(arm64(8, 0), "sctlr_el2", 0x30500800)),
              ElementsAre(HasSubstr("currentel at entry is 0x8, expected 0x4")));
}

TEST(CheckRegisters, SaysWhatWasExpected) {
  EXPECT_THAT(
      check_registers("arm64", with(arm64(4, 0), "sctlr_el1", 0x30500801)),
      ElementsAre("sctlr_el1 at entry is 0x30500801, expected 0x0 in the bits 0x1005 (MMU, data and instruction "
                  "caches off; arch/arm64/include/asm/sysreg.h: INIT_SCTLR_EL1_MMU_OFF)"));
}

TEST(CheckRegisters, KnowsWhatDependsOnTheLoad) {
  const Handover elsewhere{.jump = false, .entry = 0x80400000, .demanded = 0x9ffeb000};
  EXPECT_THAT(check_registers("riscv64", riscv64(0), elsewhere),
              ElementsAre(HasSubstr("a2 at entry is 0x88000000, expected 0x80400000")));
  EXPECT_THAT(check_registers("riscv64", riscv64(0)), IsEmpty()) << "what the load was is not known";
}

TEST(CheckRegisters, KnowsNoTablesOfTheKernel) {
  EXPECT_THAT(check_registers("x86_64", with(with(x86_64(0x20), "gdtr_limit", 0x7f), "idtr_limit", 0xfff)),
              ElementsAre(HasSubstr("the kernel's GDT is gone"), HasSubstr("the kernel's IDT is gone")));
}

TEST(CheckRegisters, PutsTheTagListBeforeTheEntryInThirtyTwoBits) {
  EXPECT_THAT(check_registers("arm", arm(0x4fff9000), {.entry = 0x50000000}), IsEmpty());
  EXPECT_THAT(check_registers("arm", arm(0xffffa000), {.entry = 0x1000}), IsEmpty());
  EXPECT_THAT(check_registers("arm", arm(0x4fff9000), {.entry = 0x50000000, .tree = 0x4f000000}),
              ElementsAre(HasSubstr("r2 at entry is 0x4fff9000, expected 0x4f000000")));
  EXPECT_THAT(check_registers("arm", arm(0x12345678)), IsEmpty()) << "what the load was is not known";
}

TEST(CheckRegisters, KnowsTheOnlyCpu) {
  EXPECT_THAT(check_registers("riscv64", with(riscv64(0), "a0", 1)), IsEmpty());
  EXPECT_THAT(check_registers("riscv64", with(riscv64(0), "a0", 1), {.cpu = 0}),
              ElementsAre(HasSubstr("a0 at entry is 0x1, expected 0x0 (the hart's id")));
}

TEST(CheckRegisters, KnowsNothingOfOtherTargets) {
  EXPECT_THAT(check_registers("vax", {}), ElementsAre(HasSubstr("on vax is not known")));
}

TEST(EntryStates, RowsAreWellFormed) {
  std::set<std::string_view> targets;
  for (const auto* state : all_entry_states()) {
    EXPECT_TRUE(targets.insert(state->target).second) << state->target;
    EXPECT_FALSE(state->rules.empty()) << state->target;
    for (const auto& rule : state->rules) {
      EXPECT_NE(rule.mask, 0u) << rule.name;
      EXPECT_EQ(rule.value & ~rule.mask, 0u) << rule.name << ": a value outside of its mask can never be";
      EXPECT_FALSE(rule.text.empty()) << rule.name;
      EXPECT_FALSE(rule.source.empty()) << rule.name;
    }
  }
  EXPECT_FALSE(targets.empty());
}

}  // namespace
}  // namespace kexlab::witness
