// SPDX-License-Identifier: Apache-2.0
// s390x: the TOD clock, in nanoseconds. Its bit 51 is a microsecond, so 512 units are 125 ns; a kexec leaves it alone.
// Source: z/Architecture Principles of Operation, SA22-7832, TOD clock, STORE CLOCK.
#include "harness/agent/counter/counter.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() {
  std::uint64_t value = 0;
  asm volatile("stck %0" : "=Q"(value) : : "cc", "memory");
  return (value >> 9) * 125;
}

}  // namespace kexlab::agent
