// SPDX-License-Identifier: Apache-2.0
// riscv64: the time counter. Source: The RISC-V Instruction Set Manual, volume I, Zicntr; Linux opens it to user space
// (pmu_sbi_starting_cpu in drivers/perf/riscv_pmu_sbi.c), for its vDSO reads it.
#include "harness/agent/counter/counter.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() {
  std::uint64_t value = 0;
  asm volatile("rdtime %0" : "=r"(value) : : "memory");
  return value;
}

}  // namespace kexlab::agent
