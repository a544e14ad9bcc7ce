// SPDX-License-Identifier: Apache-2.0
// arm: machine_kexec_prepare asks for RAM and looks into every buffer; no kexec_file_load.
// Not known here: its EINVAL on machines of several CPUs that cannot be switched off (platform_can_cpu_hotplug).
// Source: arch/arm/kernel/machine_kexec.c.
#include <algorithm>

#include "harness/model/call.h"
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

/// Segments are looked at one by one, for both reasons.
enum class Found { good, no_ram, unreadable };

Found look_at(const Call& call) {
  const RangeSet& ram = call.situation->ram;
  constexpr std::uint64_t looked_at = 4;  // get_user of a __be32
  for (const CallSegment& segment : call.segments) {
    const Range where{segment.mem, segment.mem + segment.memsz};
    // An empty region is in memory where its address is (mm/memblock.c, memblock_is_region_memory).
    const bool inside = where.empty() ? ram.contains(Range{segment.mem, segment.mem + 1}) : ram.contains(where);
    if (!ram.ranges().empty() && !inside) return Found::no_ram;
    if (segment.readable < looked_at) return Found::unreadable;
  }
  return Found::good;
}

Decision check_ram(const Call& call) { return refuse_if(look_at(call) == Found::no_ram, einval); }
Decision check_first_word(const Call& call) { return refuse_if(look_at(call) == Found::unreadable, efault); }

constexpr PrepareRule prepare[] = {
    {{"ram", "every segment lies in RAM", "arch/arm/kernel/machine_kexec.c: machine_kexec_prepare",
      "place the segments in \"System RAM\" of /proc/iomem"},
     check_ram},
    {{"first_word", "four bytes of every buffer can be read, also where bufsz is less",
      "arch/arm/kernel/machine_kexec.c: machine_kexec_prepare", "pass a pointer to at least four bytes"},
     check_first_word},
};

// Source: arch/arm/kernel/machine_kexec.c, later vmcore_info.c (arch_crash_save_vmcoreinfo).
constexpr InfoLine vmcoreinfo[] = {{"CONFIG_ARM_LPAE", "ARM_LPAE", {6, 1}}};

// The kernel runs in SVC mode, wherever it was started, and panic() has switched interrupts off (I).
// Source: arch/arm/include/asm/kexec.h (crash_setup_regs); arch/arm/kernel/head.S (safe_svcmode_maskall).
constexpr DumpRegister called[] = {{16, "cpsr", DumpRegister::Is::bits, 0x9f, 0x93}};

}  // namespace

extern const Contract contract_arm;
const Contract contract_arm{
    .target = "arm",
    .kexec_arch = std::uint64_t{40} << 16,
    .bits = 32,
    .dumped = {.registers = 18, .program_counter = 15, .stack_pointer = 13, .called = called, .vmcoreinfo = vmcoreinfo},
    .control_bytes = 4096,
    .prepare = prepare,
    .never = no_file_call,
};

}  // namespace kexlab::model
