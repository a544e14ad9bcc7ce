// SPDX-License-Identifier: Apache-2.0
// loongarch64: the stable counter. Source: LoongArch Reference Manual, volume 1, 2.2.10.4 (RDTIME.D); it is open to
// user space as long as CSR.MISC.DRDTL3 is clear, which Linux leaves so, for its vDSO reads it.
#include "harness/agent/counter/counter.h"

namespace kexlab::agent {

std::optional<std::uint64_t> cpu_counter() {
  std::uint64_t value = 0, id = 0;
  asm volatile("rdtime.d %0, %1" : "=r"(value), "=r"(id) : : "memory");
  return value;
}

}  // namespace kexlab::agent
