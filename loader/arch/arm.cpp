// SPDX-License-Identifier: Apache-2.0
// arm: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/arm/kernel/machine_kexec.c) runs relocate_new_kernel (relocate_kernel.S) from the
// control page by soft_restart (reboot.c): caches and MMU off, interrupts masked, SVC mode, or HYP mode where the
// kernel was started there. It copies the segments and goes to `entry` with r0 = 0, r1 = the machine's number (all ones
// with a DTB), r2 = where machine_kexec_prepare found the last buffer that begins as a DTB does, else the tag list's
// usual place below a kernel. The kernel refuses destinations that are no RAM (memblock_is_region_memory).
//
// What the kernel wants. Documentation/arm/booting.rst: r0 = 0, r1 = anything with a DTB, r2 = its address, MMU and
// data cache off, interrupts masked; a branch to the first byte of the zImage. The stub (arm_stub.S) sets these again,
// for it also checks the digest.
//
// Where it may lie. The zImage unpacks its kernel to the start of RAM + TEXT_OFFSET, with page tables below it. It
// takes its own address, rounded down to 128 MiB, for the start of RAM, and what the DTB says where that is no RAM, or
// where the DTB restricts the memory (head.S, fdt_check_mem_start.c). So a block is taken that begins at a multiple of
// 128 MiB: room for the kernel with its BSS first, the zImage behind that, where it need not move itself out of the
// way, and its stack and heap. How large the kernel is the zImage tells since 4.15; before that five times its own size
// is assumed, as in kexec-tools. DTB and initrd must lie in memory that the kernel maps from the beginning, which is at
// least 768 MiB from the start of RAM (arch/arm/mm/mmu.c, vmalloc_limit with 1 GiB for the kernel).
//
// The device tree is the running kernel's (/sys/firmware/fdt); what is changed in it stands in chosen.h.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res, which starts at a multiple of 128 MiB (CRASH_ALIGN,
// arch/arm/kernel/setup.c). /chosen gains linux,elfcorehdr and linux,usable-memory-range. The core header is of 32
// bits: the kernel takes no other (vmcore_elf64_check_arch, arch/arm/include/asm/elf.h). It lies at the reservation's
// end, and the usable memory ends before it: the crash kernel reads it by ioremap, which refuses memory of its own
// (copy_oldmem_page, arch/arm/kernel/crash_dump.c; __arm_ioremap_pfn_caller, arch/arm/mm/ioremap.c).
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/chosen.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/arm_stub.inc"
};

constexpr std::uint64_t base_alignment = 128 * mib;  // head.S: pc & 0xf8000000
constexpr std::uint64_t section = 2 * mib;           // PMD_SIZE: the kernel maps its memory by it
constexpr std::uint64_t lowmem = 768 * mib;          // mmu.c
constexpr std::uint64_t assumed_growth = 5;          // kexec-tools: kexec/arch/arm/kexec-zImage-arm.c
constexpr std::uint64_t stack_and_heap = 0x11000;    // head.S: .stack; MALLOC_SIZE of the Makefile
constexpr std::uint64_t cmdline_limit = 1023;        // COMMAND_LINE_SIZE - 1, arch/arm/include/uapi/asm/setup.h
constexpr Range reachable{0, 4 * gib};

struct KernelPlace {
  std::uint64_t entry = 0;
  Range lowmem;  ///< for all else: what the kernel reaches from the beginning
};

RangeSet usable(const Machine& machine, bool crash) {
  const RangeSet free = ram_not_reserved(machine, crash);
  return crash ? free : free.intersect(reachable);
}

/// Bytes from the start of RAM that the unpacked kernel takes.
std::uint64_t unpacked_end(const Image& kernel) {
  const ZImageFacts& facts = *kernel.zimage;
  const std::uint64_t told = facts.kernel_size + facts.bss_size;
  return facts.text_offset + (facts.kernel_size != 0 ? told : assumed_growth * kernel.parts.front().file_size);
}

Result<KernelPlace> add_kernel(Placement& placement, const LoadRequest& request, std::uint64_t ceiling) {
  if (request.kernel->format != Format::zimage) {
    return fail(Errc::unsupported, asked_of(request),
                std::string("no boot protocol for ") + to_string(request.kernel->format), "use the zImage");
  }
  const std::uint64_t size = request.kernel->parts.front().file_size;
  const std::uint64_t ahead = align_up(unpacked_end(*request.kernel), placement.page_size()).value_or(base_alignment);
  if (ahead >= base_alignment) {
    return fail(Errc::unsupported, asked_of(request),
                "the unpacked kernel ends at " + hex(ahead) + ", the zImage must lie behind it in the first 128 MiB");
  }
  const Rules rules{base_alignment, {0, ceiling}, RangeSet::Prefer::low};
  const auto block = placement.reserve("kernel", ahead + size + stack_and_heap, rules);
  if (!block) return tl::unexpected(block.error());
  placement.add("kernel", {block->start + ahead, block->end}, {Piece::of_source(request.kernel_source, 0, size)});
  return KernelPlace{block->start + ahead, {block->start, std::min(block->start + lowmem, ceiling)}};
}

Result<Range> add_dtb(Placement& placement, const LoadRequest& request, const Range& within, ChosenValues values) {
  const auto text = cmdline_bytes(request, request.cmdline, cmdline_limit);
  if (!text) return tl::unexpected(text.error());
  values.cmdline = request.cmdline;
  if (const auto reservation = crash_reservation(request.machine->memory); request.crash && reservation)
    values.usable = {{reservation->start, values.elfcorehdr.start}};
  auto dtb = edit_chosen(request.machine->fdt, values, asked_of(request));
  if (!dtb) return tl::unexpected(dtb.error());
  const auto where = placement.reserve("dtb", dtb->size(), {1, within, RangeSet::Prefer::high});
  if (where) placement.add("dtb", *where, {Piece::of(std::move(*dtb))});
  return where;
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them. Of a crash image
// the core header must be above all else.
Result<Plan> plan_in(Placement placement, const LoadRequest& request) {
  const auto header =
      add_elfcorehdr(placement, request, {ram_not_crash(*request.machine), EM_ARM, std::endian::little, 32, 0, {}},
                     {section, whole_memory, RangeSet::Prefer::high});
  if (!header) return tl::unexpected(header.error());
  const auto kernel = add_kernel(placement, request, request.crash ? header->start : whole_memory.end);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {1, kernel->lowmem, RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  const auto dtb = add_dtb(placement, request, kernel->lowmem, {{}, *initrd, *header, {}});
  if (!dtb) return tl::unexpected(dtb.error());
  const StubValues values{kernel->entry, dtb->start, pl011_console(request.machine->fdt)};
  const auto stub =
      add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::little, values, kernel->lowmem);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

Result<Plan> plan_arm(const LoadRequest& request) {
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(usable(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  return plan_in(Placement(*free, request.machine->page_size), request);
}

}  // namespace

extern const Arch arch_arm;
const Arch arch_arm = {
    .name = "arm",
    .kexec_arch = EM_ARM << 16,
    .bits = 32,
    .order = std::endian::little,
    .elf_machine = EM_ARM,
    .plan_kernel = plan_arm,
    .usable = usable,
};

}  // namespace kexlab
