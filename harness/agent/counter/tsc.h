// SPDX-License-Identifier: Apache-2.0
// x86's time stamp counter, behind an lfence so that it is not read before earlier loads are done.
// Source: Intel SDM volume 2, RDTSC.
#pragma once

#include <cstdint>

namespace kexlab::agent {

inline std::uint64_t read_tsc() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
}

}  // namespace kexlab::agent
