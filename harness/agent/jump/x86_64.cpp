// SPDX-License-Identifier: Apache-2.0
// x86_64: general registers, segment selectors and bases, and the FPU's state (x87, SSE, AVX) over the call.
//
// A system call changes %rax, %rcx and %r11 alone (arch/x86/entry/entry_64.S: entry_SYSCALL_64). The call stands in
// assembler, for a compiler would keep values of its own in these registers.
#include <asm/prctl.h>
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "harness/agent/jump/held_call.h"
#include "harness/agent/os.h"
#include "kexlab/bytes.h"

namespace kexlab::agent {
namespace {

/// An XSAVE area in the standard format. Offsets: Intel SDM volume 1, 13.4; AVX's part lies at 576 on all CPUs.
struct alignas(64) FpuState {
  std::uint16_t control = 0, status = 0;
  std::uint8_t tags = 0, unused = 0;
  std::uint8_t addresses[18] = {};
  std::uint32_t mxcsr = 0, mxcsr_mask = 0;
  std::uint8_t x87[8][16] = {};
  std::uint8_t xmm[16][16] = {};
  std::uint8_t reserved[96] = {};
  std::uint64_t present = 0;
  std::uint64_t header[7] = {};
  std::uint8_t ymm_high[16][16] = {};
};
static_assert(offsetof(FpuState, mxcsr) == 24 && offsetof(FpuState, xmm) == 160);
static_assert(offsetof(FpuState, present) == 512 && offsetof(FpuState, ymm_high) == 576 && sizeof(FpuState) == 832);

constexpr std::uint64_t x87_bit = 1, sse_bit = 2, avx_bit = 4;
constexpr const char* general_names[] = {"rbx", "rbp", "r8", "r9", "r10", "r12", "r13", "r14", "r15"};
constexpr std::size_t general_count = std::size(general_names);
constexpr const char* segment_names[] = {"ds", "es", "fs", "gs", "fs_base", "gs_base"};
constexpr std::size_t segment_count = std::size(segment_names);

}  // namespace

/// What the assembler below works on; it knows the offsets.
struct HeldRegisters {
  std::uint64_t arguments[4];
  std::uint64_t general[general_count];  ///< into the registers before the call, out of them after it
  FpuState* wanted;                      ///< into the registers before the call
  FpuState* found;                       ///< out of them after it
  FpuState* own;                         ///< the program's own, given back at the end
  std::uint64_t components;              ///< of the FPU's state; 0: leave it alone
};
static_assert(offsetof(HeldRegisters, general) == 32 && offsetof(HeldRegisters, wanted) == 104);
static_assert(offsetof(HeldRegisters, components) == 128);

extern "C" long kexlab_held_reboot(HeldRegisters* held);
asm(R"(
    .text
    .globl kexlab_held_reboot
    .type kexlab_held_reboot, @function
kexlab_held_reboot:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdi
    movl 128(%rdi), %eax
    movl 132(%rdi), %edx
    testl %eax, %eax
    jz 1f
    movq 120(%rdi), %rcx
    xsave64 (%rcx)
    movq 104(%rdi), %rcx
    xrstor64 (%rcx)
1:  movq 32(%rdi), %rbx
    movq 40(%rdi), %rbp
    movq 48(%rdi), %r8
    movq 56(%rdi), %r9
    movq 64(%rdi), %r10
    movq 72(%rdi), %r12
    movq 80(%rdi), %r13
    movq 88(%rdi), %r14
    movq 96(%rdi), %r15
    movq 8(%rdi), %rsi
    movq 16(%rdi), %rdx
    movq 0(%rdi), %rdi
    movl $169, %eax /* SYS_reboot */
    syscall
    movq (%rsp), %rcx
    movq %rbx, 32(%rcx)
    movq %rbp, 40(%rcx)
    movq %r8, 48(%rcx)
    movq %r9, 56(%rcx)
    movq %r10, 64(%rcx)
    movq %r12, 72(%rcx)
    movq %r13, 80(%rcx)
    movq %r14, 88(%rcx)
    movq %r15, 96(%rcx)
    movq %rax, %r11
    movl 128(%rcx), %eax
    movl 132(%rcx), %edx
    testl %eax, %eax
    jz 2f
    movq 112(%rcx), %r8
    xsave64 (%r8)
    movq 120(%rcx), %r8
    xrstor64 (%r8)
2:  movq %r11, %rax
    popq %rdi
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret
    .size kexlab_held_reboot, . - kexlab_held_reboot
)");
static_assert(SYS_reboot == 169);

namespace {

/// The FPU's components that this CPU has and the kernel switched on.
std::uint64_t fpu_components() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return 0;
  asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return a & (x87_bit | sse_bit | avx_bit);
}

/// A state that no program has by chance: patterns everywhere, and another rounding than the usual.
FpuState fpu_pattern(std::uint64_t components) {
  FpuState state;
  state.control = 0x0f7f;  // exceptions masked, 64-bit precision, round to zero
  state.tags = 0xff;       // every register is in use
  state.mxcsr = 0x7f80;    // exceptions masked, round to zero
  for (std::uint8_t i = 0; i < 8; ++i) {
    std::memset(state.x87[i], 0x90 + i, 8);
    state.x87[i][9] = 0x40;  // a number in the usual range, so that no rule on odd encodings touches it
  }
  for (std::uint8_t i = 0; i < 16; ++i) {
    std::memset(state.xmm[i], 0xa0 + i, 16);
    std::memset(state.ymm_high[i], 0xc0 + i, 16);
  }
  state.present = components;
  return state;
}

void add_changed(std::string& out, const char* name, std::uint64_t found, std::uint64_t wanted) {
  if (found == wanted) return;
  char line[80];
  std::snprintf(line, sizeof line, "%s is 0x%llx, was 0x%llx\n", name, static_cast<unsigned long long>(found),
                static_cast<unsigned long long>(wanted));
  out += line;
}

template <std::size_t Count>
void compare_registers(std::string& out, const char* name, const std::uint8_t (&found)[Count][16],
                       const std::uint8_t (&wanted)[Count][16], std::size_t size) {
  for (std::size_t i = 0; i < Count; ++i) {
    if (std::memcmp(found[i], wanted[i], size) != 0) out += name + std::to_string(i) + " has other contents\n";
  }
}

void compare_fpu(std::string& out, const FpuState& found, const FpuState& wanted, std::uint64_t components) {
  if ((components & x87_bit) != 0) {
    add_changed(out, "the x87 control word", found.control, wanted.control);
    add_changed(out, "the x87 tags", found.tags, wanted.tags);
    compare_registers(out, "st", found.x87, wanted.x87, 10);
  }
  if ((components & sse_bit) != 0) {
    add_changed(out, "mxcsr", found.mxcsr, wanted.mxcsr);
    compare_registers(out, "xmm", found.xmm, wanted.xmm, 16);
  }
  if ((components & avx_bit) != 0) compare_registers(out, "upper half of ymm", found.ymm_high, wanted.ymm_high, 16);
}

struct Segments {
  std::uint64_t values[segment_count] = {};
};

Segments read_segments() {
  Segments out;
  std::uint64_t selector = 0;
  asm volatile("mov %%ds, %0" : "=r"(selector));
  out.values[0] = selector;
  asm volatile("mov %%es, %0" : "=r"(selector));
  out.values[1] = selector;
  asm volatile("mov %%fs, %0" : "=r"(selector));
  out.values[2] = selector;
  asm volatile("mov %%gs, %0" : "=r"(selector));
  out.values[3] = selector;
  syscall(SYS_arch_prctl, ARCH_GET_FS, &out.values[4]);
  syscall(SYS_arch_prctl, ARCH_GET_GS, &out.values[5]);
  return out;
}

}  // namespace

HeldCall reboot_with_registers_held(unsigned cmd, unsigned magic1, unsigned magic2) {
  const std::uint64_t components = fpu_components();
  const FpuState pattern = fpu_pattern(components);
  FpuState wanted = pattern, found, own;
  HeldRegisters held{{magic1, magic2, cmd, 0}, {}, &wanted, &found, &own, components};
  for (std::size_t i = 0; i < general_count; ++i) held.general[i] = 0x5eed'0000'1111'0000 * (i + 1) + i;
  const HeldRegisters before = held;
  // Nothing of a static program uses %gs.
  syscall(SYS_arch_prctl, ARCH_SET_GS, std::uint64_t{0x5eed'0000'0000});
  const Segments segments = read_segments();
  const std::uint64_t begun = now_ns();
  const long value = kexlab_held_reboot(&held);
  const std::uint64_t ended = now_ns();
  const Segments after = read_segments();
  HeldCall out;
  out.result.value = value < 0 ? -1 : value;
  out.result.error = value < 0 ? static_cast<int>(-value) : 0;
  out.result.nanoseconds = ended - begun;
  out.held = "general segments";
  if ((components & x87_bit) != 0) out.held += " x87";
  if ((components & sse_bit) != 0) out.held += " sse";
  if ((components & avx_bit) != 0) out.held += " avx";
  for (std::size_t i = 0; i < general_count; ++i)
    add_changed(out.changed, general_names[i], held.general[i], before.general[i]);
  for (std::size_t i = 0; i < segment_count; ++i)
    add_changed(out.changed, segment_names[i], after.values[i], segments.values[i]);
  compare_fpu(out.changed, found, pattern, components);
  return out;
}

}  // namespace kexlab::agent
