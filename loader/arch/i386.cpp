// SPDX-License-Identifier: Apache-2.0
// i386: how Linux is started here, and what of the plan (x86_plan.cpp) is its own.
//
// The jump. machine_kexec() (arch/x86/kernel/machine_kexec_32.c) loads flat segments, then a null IDT and GDT, and
// calls relocate_kernel (arch/x86/kernel/relocate_kernel_32.S) from a page that is mapped to itself: it turns paging
// off, clears CR4 where the CPU has PAE, copies the segments, clears all general registers but esp and returns to
// `entry`: protected mode without paging, interrupts off, the stack at the end of the control page. The segment
// registers still cache the old kernel's flat descriptors, but there is no GDT behind them.
//
// What the kernel wants. Documentation/x86/boot.rst, "32-bit Boot Protocol": a jump to the first byte of the
// protected-mode code, with esi = struct boot_params, a GDT that has a flat code segment at 0x10 and data at 0x18, both
// loaded, interrupts off, paging off, ebp = edi = ebx = 0. The stub (i386_stub.S) makes up the difference. A vmlinux
// starts at startup_32 (arch/x86/kernel/head_32.S) with the same esi; its code names physical addresses, so it runs
// only where it was linked.
//
// Where it may lie. Everything below 4 GiB: paging is off at the jump, and a physical address is one word, also where
// the kernel has more memory by PAE. The initrd ends by initrd_addr_max; a kernel moves it where it does not lie in its
// directly mapped memory (relocate_initrd, arch/x86/kernel/setup.c).
#include <elf.h>

#include "kexlab/text.h"
#include "loader/arch/placement.h"
#include "loader/arch/x86_plan.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/i386_stub.inc"
};

constexpr std::uint64_t page = 4096;                 // PAGE_SIZE of every x86
constexpr std::uint16_t first_relocatable = 0x020a;  // pref_address and init_size exist since 2.10

// Every bzImage has a 32-bit entry; one that does not tell how much memory it needs would be placed by guessing.
Status check_bzimage(const LoadRequest& request) {
  const BzImageFacts& facts = *request.kernel->bzimage;
  if (facts.protocol >= first_relocatable) return {};
  return fail(Errc::unsupported, asked_of(request),
              "boot protocol " + hex(facts.protocol) + " does not tell how much memory the kernel needs",
              "use a kernel of Linux 2.6.31 or newer");
}

constexpr Range reachable{0, 4 * gib};

RangeSet usable(const Machine& machine, bool crash) { return x86_usable(machine, crash).intersect(reachable); }

// A core header of 32 bits cannot tell of memory that is reached by PAE. The crash kernel reads either class
// (parse_crash_elf_headers, fs/proc/vmcore.c).
unsigned dump_bits(const Machine& machine) {
  for (const Range& range : machine.memory.ram().ranges()) {
    if (range.end > reachable.end) return 64;
  }
  return 32;
}

constexpr X86Protocol protocol = {
    .stub = stub_code,
    .entry_offset = 0,
    .vmlinux_alignment = 0,
    .highest = 4 * gib - page,  // KEXEC_DESTINATION_MEMORY_LIMIT is -1UL, arch/x86/include/asm/kexec.h
    .elf_machine = EM_386,
    .check_bzimage = check_bzimage,
    .above_4g = [](const BzImageFacts&) { return false; },
    .dump_bits = dump_bits,
};

Result<Plan> plan_i386(const LoadRequest& request) { return plan_x86(request, protocol); }

}  // namespace

extern const Arch arch_i386;
const Arch arch_i386 = {
    .name = "i386",
    .kexec_arch = EM_386 << 16,
    .bits = 32,
    .order = std::endian::little,
    .elf_machine = EM_386,
    .plan_kernel = plan_i386,
    .usable = usable,
    .crash_cmdline_words = x86_crash_words,
};

}  // namespace kexlab
