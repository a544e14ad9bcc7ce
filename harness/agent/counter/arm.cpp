// SPDX-License-Identifier: Apache-2.0
// arm: the generic timer's virtual counter, which the kernel lets user space read.
// Source: ARM DDI 0406 (ARMv7-A) B8.1.3; drivers/clocksource/arm_arch_timer.c, arch_counter_set_user_access (6.1).
#include "harness/agent/counter/counter.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("isb; mrrc p15, 1, %0, %1, c14" : "=r"(low), "=r"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
}

}  // namespace kexlab::agent
