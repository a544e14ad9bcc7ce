// SPDX-License-Identifier: Apache-2.0
// arm64: the virtual count register, behind an isb so that it is not read early.
// Source: Arm Architecture Reference Manual, CNTVCT_EL0; Linux opens it to user space
// (arch_counter_set_user_access in drivers/clocksource/arm_arch_timer.c).
#include "harness/agent/counter/counter.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() {
  std::uint64_t value = 0;
  asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value) : : "memory");
  return value;
}

}  // namespace kexlab::agent
