// SPDX-License-Identifier: Apache-2.0
// sh4: general registers, the FPU's registers and its system registers over the call.
//
// A system call changes r0 alone (arch/sh/kernel/cpu/sh3/entry.S: restore_all). The call stands in assembler, for a
// compiler would keep values of its own in these registers.
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>

#include "harness/agent/jump/held_call.h"
#include "harness/agent/os.h"

namespace kexlab::agent {
namespace {

constexpr const char* general_names[] = {"r1",  "r2",  "r7",  "r8",  "r9",   "r10",
                                         "r11", "r12", "r13", "r14", "macl", "mach"};
constexpr std::size_t general_count = std::size(general_names);
constexpr std::size_t float_count = 16;

}  // namespace

/// What the assembler below works on; it knows the offsets.
struct HeldRegisters {
  std::uint32_t arguments[3];
  std::uint32_t general[general_count];  ///< into the registers before the call, out of them after it
  std::uint32_t floats[float_count];     ///< the same of fr0 to fr15, as bits
  std::uint32_t fpul;                    ///< and of the FPU's communication register
};
static_assert(offsetof(HeldRegisters, general) == 12 && offsetof(HeldRegisters, floats) == 60);
static_assert(offsetof(HeldRegisters, fpul) == 124);

extern "C" long kexlab_held_reboot(HeldRegisters* held);
asm(R"(
    .text
    .balign 4
    .globl kexlab_held_reboot
    .type kexlab_held_reboot, @function
kexlab_held_reboot:
    mov.l r8, @-r15
    mov.l r9, @-r15
    mov.l r10, @-r15
    mov.l r11, @-r15
    mov.l r12, @-r15
    mov.l r13, @-r15
    mov.l r14, @-r15
    sts.l macl, @-r15
    sts.l mach, @-r15
    fmov.s fr12, @-r15
    fmov.s fr13, @-r15
    fmov.s fr14, @-r15
    fmov.s fr15, @-r15
    sts.l fpscr, @-r15
    mov.l r4, @-r15
    mov #0, r0
    lds r0, fpscr
    mov r4, r0
    mov.l @r0+, r4
    mov.l @r0+, r5
    mov.l @r0+, r6
    mov.l @r0+, r1
    mov.l @r0+, r2
    mov.l @r0+, r7
    mov.l @r0+, r8
    mov.l @r0+, r9
    mov.l @r0+, r10
    mov.l @r0+, r11
    mov.l @r0+, r12
    mov.l @r0+, r13
    mov.l @r0+, r14
    lds.l @r0+, macl
    lds.l @r0+, mach
    fmov.s @r0+, fr0
    fmov.s @r0+, fr1
    fmov.s @r0+, fr2
    fmov.s @r0+, fr3
    fmov.s @r0+, fr4
    fmov.s @r0+, fr5
    fmov.s @r0+, fr6
    fmov.s @r0+, fr7
    fmov.s @r0+, fr8
    fmov.s @r0+, fr9
    fmov.s @r0+, fr10
    fmov.s @r0+, fr11
    fmov.s @r0+, fr12
    fmov.s @r0+, fr13
    fmov.s @r0+, fr14
    fmov.s @r0+, fr15
    lds.l @r0+, fpul
    mov #88, r3 /* SYS_reboot */
    trapa #0x13
    or r0, r0
    or r0, r0
    or r0, r0
    or r0, r0
    or r0, r0
    mov r0, r3
    mov.l @r15+, r0
    add #124, r0
    add #4, r0
    sts.l fpul, @-r0
    fmov.s fr15, @-r0
    fmov.s fr14, @-r0
    fmov.s fr13, @-r0
    fmov.s fr12, @-r0
    fmov.s fr11, @-r0
    fmov.s fr10, @-r0
    fmov.s fr9, @-r0
    fmov.s fr8, @-r0
    fmov.s fr7, @-r0
    fmov.s fr6, @-r0
    fmov.s fr5, @-r0
    fmov.s fr4, @-r0
    fmov.s fr3, @-r0
    fmov.s fr2, @-r0
    fmov.s fr1, @-r0
    fmov.s fr0, @-r0
    sts.l mach, @-r0
    sts.l macl, @-r0
    mov.l r14, @-r0
    mov.l r13, @-r0
    mov.l r12, @-r0
    mov.l r11, @-r0
    mov.l r10, @-r0
    mov.l r9, @-r0
    mov.l r8, @-r0
    mov.l r7, @-r0
    mov.l r2, @-r0
    mov.l r1, @-r0
    lds.l @r15+, fpscr
    fmov.s @r15+, fr15
    fmov.s @r15+, fr14
    fmov.s @r15+, fr13
    fmov.s @r15+, fr12
    lds.l @r15+, mach
    lds.l @r15+, macl
    mov.l @r15+, r14
    mov.l @r15+, r13
    mov.l @r15+, r12
    mov.l @r15+, r11
    mov.l @r15+, r10
    mov.l @r15+, r9
    mov.l @r15+, r8
    rts
     mov r3, r0
    .size kexlab_held_reboot, . - kexlab_held_reboot
)");
static_assert(SYS_reboot == 88);

namespace {

void add_changed(std::string& out, const std::string& name, std::uint32_t found, std::uint32_t wanted) {
  if (found == wanted) return;
  char line[80];
  std::snprintf(line, sizeof line, "%s is 0x%lx, was 0x%lx\n", name.c_str(), static_cast<unsigned long>(found),
                static_cast<unsigned long>(wanted));
  out += line;
}

}  // namespace

HeldCall reboot_with_registers_held(unsigned cmd, unsigned magic1, unsigned magic2) {
  HeldRegisters held{{magic1, magic2, cmd}, {}, {}, 0x3eed1234};
  for (std::uint32_t i = 0; i < general_count; ++i) held.general[i] = 0x5eed0000 + 0x111 * (i + 1);
  // Numbers in the usual range, so that no rule on odd encodings touches them.
  for (std::uint32_t i = 0; i < float_count; ++i) held.floats[i] = 0x40000000 + 0x1111 * (i + 1);
  const HeldRegisters before = held;
  const std::uint64_t begun = now_ns();
  const long value = kexlab_held_reboot(&held);
  const std::uint64_t ended = now_ns();
  HeldCall out;
  out.result.value = value < 0 ? -1 : value;
  out.result.error = value < 0 ? static_cast<int>(-value) : 0;
  out.result.nanoseconds = ended - begun;
  out.held = "general float";
  for (std::size_t i = 0; i < general_count; ++i)
    add_changed(out.changed, general_names[i], held.general[i], before.general[i]);
  for (std::size_t i = 0; i < float_count; ++i)
    add_changed(out.changed, "fr" + std::to_string(i), held.floats[i], before.floats[i]);
  add_changed(out.changed, "fpul", held.fpul, before.fpul);
  return out;
}

}  // namespace kexlab::agent
