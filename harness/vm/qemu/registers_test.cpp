// SPDX-License-Identifier: Apache-2.0
// The program counter in the register dumps of many architectures.
#include "harness/vm/qemu/registers.h"

#include <gtest/gtest.h>

namespace kexlab::vm {
namespace {

struct Row {
  const char* name;
  const char* text;
  std::optional<std::uint64_t> expected;
};

TEST(ProgramCounter, of_each_architectures_dump) {
  const Row rows[] = {
      {"x86_64", "\nCPU#0\nRAX=0000000000000001 R15=0000000000000007\nRIP=ffffffff81000042 RFL=00000246",
       0xffffffff81000042},
      {"x86 in 32-bit mode", "EAX=00000001\nEIP=00100020 EFL=00000002", 0x100020},
      {"arm64", " PC=ffff800008012345 X00=0000000000000000", 0xffff800008012345},
      {"arm", "R12=00000000 R13=00000000 R14=00000010 R15=c000800c\nPSR=600001d3", 0xc000800c},
      {"ppc", "NIP 00000000c0001234   LR 0000000000000000 CTR 0000000000000000", 0xc0001234},
      {"s390x", "PSW=mask 0000000180000000 addr 0000000000010000 cc 00\nR12=0000000000000000 R15=000000000002ddc0",
       0x10000},
      {"sh4", "pc=0x8c010000 sr=0x700000f0", 0x8c010000},
      {"mips", "pc=0xffffffff80100400 HI=0x00000000", 0xffffffff80100400},
      {"m68k", "PC = 00002000  SR = 2700", 0x2000},
      {"hppa", "PSW 00000000\nIA_F 00000000f0000004 IA_B 00000000f0000008", 0xf0000004},
      {"riscv64", " V      =   0\n pc       0000000080200000\n mhartid  0000000000000000", 0x80200000},
      {"loongarch64", " PC= 9000000000200000  FCSR0 0x00000000", 0x9000000000200000},
      {"nothing", "", std::nullopt},
      {"a name without a number", "PC=zz", std::nullopt},
      {"a name inside another word", "EPC=0000000000001000", std::nullopt},
      {"a name at the end", "PC=", std::nullopt},
      {"too long a number", "PC=fffffffffffffffff", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(parse_program_counter(row.text), row.expected) << row.name;
}

}  // namespace
}  // namespace kexlab::vm
