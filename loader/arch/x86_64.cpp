// SPDX-License-Identifier: Apache-2.0
// x86_64: how Linux is started here, and what of the plan (x86_plan.cpp) is its own.
//
// The jump. machine_kexec() (arch/x86/kernel/machine_kexec_64.c) loads a null IDT and GDT and calls relocate_kernel
// (arch/x86/kernel/relocate_kernel_64.S), which switches to page tables that map RAM and every segment to themselves,
// copies the segments, clears the general registers and returns to `entry`: 64-bit mode, paging on (five levels where
// the old kernel had five), CR0 and CR4 reset, interrupts off, a stack inside the control page. The segment registers
// still cache the old kernel's descriptors, but 6.1 leaves no GDT behind them. What lies outside those page tables
// faults, and there is no handler: a triple fault, seen as a silent reset.
//
// What the kernel wants. Documentation/x86/boot.rst, "64-bit Boot Protocol": a jump to 0x200 bytes behind the start of
// the protected-mode code, with rsi = struct boot_params ("zero page"), a GDT that has a flat code segment at 0x10 and
// data at 0x18, both loaded, interrupts off, and [load address, + init_size), zero page and command line mapped. The
// stub (x86_64_stub.S) makes up the difference. A vmlinux starts at startup_64 (arch/x86/kernel/head_64.S) with the
// same rsi; it computes its own distance from the linked address (phys_base), and asks only that it is a multiple of 2
// MiB.
//
// Where it may lie. XLF_CAN_BE_LOADED_ABOVE_4G decides whether kernel, zero page, command line and initrd may pass 4
// GiB; without it the initrd ends by initrd_addr_max. Segments end below 2^46, KEXEC_DESTINATION_MEMORY_LIMIT with four
// levels (arch/x86/include/asm/kexec.h).
#include <elf.h>

#include "kexlab/text.h"
#include "loader/arch/placement.h"
#include "loader/arch/x86_plan.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/x86_64_stub.inc"
};

constexpr std::uint64_t page = 4096;                 // PAGE_SIZE of every x86
constexpr std::uint16_t first_protocol_64 = 0x020c;  // xloadflags exists since 2.12
constexpr std::uint16_t xlf_kernel_64 = 1 << 0;      // uapi/asm/bootparam.h
constexpr std::uint16_t xlf_above_4g = 1 << 1;       // uapi/asm/bootparam.h

Status check_bzimage(const LoadRequest& request) {
  const BzImageFacts& facts = *request.kernel->bzimage;
  if (facts.protocol >= first_protocol_64 && (facts.xloadflags & xlf_kernel_64) != 0) return {};
  return fail(Errc::unsupported, asked_of(request),
              "the kernel has no 64-bit entry (boot protocol " + hex(facts.protocol) + ", xloadflags " +
                  hex(facts.xloadflags) + ")",
              "use a 64-bit kernel of Linux 3.8 or newer");
}

constexpr X86Protocol protocol = {
    .stub = stub_code,
    .entry_offset = 0x200,                       // 64-bit entry, Documentation/x86/boot.rst
    .vmlinux_alignment = 2 * mib,                // PMD_SIZE, __startup_64 in head64.c
    .highest = (std::uint64_t{1} << 46) - page,  // MAXMEM with 4 levels; an end must lie below
    .elf_machine = EM_X86_64,
    .check_bzimage = check_bzimage,
    .above_4g = [](const BzImageFacts& facts) { return (facts.xloadflags & xlf_above_4g) != 0; },
    .dump_bits = [](const Machine&) { return 64U; },
};

Result<Plan> plan_x86_64(const LoadRequest& request) { return plan_x86(request, protocol); }

}  // namespace

extern const Arch arch_x86_64;
const Arch arch_x86_64 = {
    .name = "x86_64",
    .kexec_arch = EM_X86_64 << 16,
    .bits = 64,
    .order = std::endian::little,
    .elf_machine = EM_X86_64,
    .plan_kernel = plan_x86_64,
    .usable = x86_usable,
    .crash_cmdline_words = x86_crash_words,
};

}  // namespace kexlab
