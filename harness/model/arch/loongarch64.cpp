// SPDX-License-Identifier: Apache-2.0
// loongarch64: kexec_load wants the command line among the segments, by the word that it begins with.
#include <algorithm>

#include "harness/model/call.h"
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

constexpr std::string_view marker = "kexec";
constexpr std::uint64_t copied = 4096;  // COMMAND_LINE_SIZE, arch/loongarch/include/uapi/asm/setup.h

// The kernel reads wherever `buf` points to, whatever bufsz says. Only bytes that are in the plan itself can begin so:
// patterns and images do not.
bool begins_with_marker(const CallSegment& segment) {
  if (segment.readable < marker.size() || segment.planned == nullptr || segment.planned->pieces.empty()) return false;
  return as_text(segment.planned->pieces.front().bytes).starts_with(marker);
}

// The first that begins so counts.
Decision check_command_line(const Call& call) {
  const auto found = std::find_if(call.segments.begin(), call.segments.end(), begins_with_marker);
  return refuse_if(found == call.segments.end() || found->readable < copied, einval);
}

constexpr PrepareRule prepare[] = {
    {{"command_line", "a segment's buffer begins with \"kexec\" and can be read for 4096 bytes",
      "arch/loongarch/kernel/machine_kexec.c: machine_kexec_prepare",
      "add the command line for the next kernel as a segment of its own, with \"kexec\" before it"},
     check_command_line},
};

// The kernel's image lies in the cached window, which shows all memory. Source: arch/loongarch/include/asm/addrspace.h
// (CACHE_BASE, TO_PHYS_MASK).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf&) {
  constexpr std::uint64_t window = 0x9000, bits = 48;
  if (address >> bits != window) return std::nullopt;
  return address & ((std::uint64_t{1} << bits) - 1);
}

// In the kernel tp always is the task's thread_info. Source: arch/loongarch/include/asm/thread_info.h, stacktrace.h
// (prepare_frametrace).
constexpr DumpRegister called[] = {{2, "tp", DumpRegister::Is::kernel}};

}  // namespace

extern const Contract contract_loongarch64;
const Contract contract_loongarch64{
    .target = "loongarch64",
    .kexec_arch = std::uint64_t{258} << 16,
    .bits = 64,
    .dumped = {.registers = 45, .program_counter = 33, .stack_pointer = 3, .called = called, .physical = dumped_at},
    .control_bytes = 4096,  // KEXEC_CONTROL_PAGE_SIZE is PAGE_SIZE, arch/loongarch/include/asm/kexec.h
    .prepare = prepare,
};

}  // namespace kexlab::model
