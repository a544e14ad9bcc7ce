// SPDX-License-Identifier: Apache-2.0
// parisc, 32-bit: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/parisc/kernel/kexec.c) flushes the caches, masks interrupts and runs
// relocate_new_kernel (relocate_kernel.S) from a copy of its own mapping. That goes to real mode by an rfi with a PSW
// of 0, copies page by page and jumps to `entry`, a physical address, with rp = `entry`, arg0 (r26) = PAGE0->mem_free,
// and in arg1 to arg3 (r25 to r23) what kexec_file_load has put into the image: 0 after kexec_load. All other registers
// are those of the kernel before, the interruption vectors too (cr14).
//
// What the kernel wants. What a boot loader (palo) gives it, in real mode (arch/parisc/kernel/head.S, setup.c): arg0 =
// the first byte of memory that the firmware does not use, at least 64 (smaller is HP-UX's protocol); arg1 = the
// command line; arg2, arg3 = the initrd and its end, or 0. All are physical addresses. So the stub (parisc_stub.S)
// loads arg1 to arg3 from a block, in front of the command line that the block holds too, and leaves arg0 alone.
//
// Where it may lie. A vmlinux is linked for PAGE_OFFSET and on; its p_paddr are virtual addresses too (vmlinux.lds.S
// has no AT()), so that PAGE_OFFSET has to be taken off. It runs there only, over the running one. The command line is
// read while no more is mapped than [0, _end) (head.S, $pgt_fill_loop), after .bss was cleared: it has to lie below the
// kernel.
// The start of memory is the firmware's, for the kernel calls it: PAGE0, and on a B160L under QEMU the PDC's entry
// at 0x4800 with mem_free at 0x6000 (SeaBIOS-hppa, src/parisc/parisc.c: MEM_PDC_ENTRY). /proc/iomem tells of PAGE0
// alone; the kernel keeps off mem_free and 32 KiB more (arch/parisc/mm/init.c, setup_bootmem). Here it is the first 64
// KiB.
//
// The order of segments. relocate_new_kernel copies 32 bytes more than a page: it takes the end from the destination
// with its flag in it (%r17, before %r20 loses IND_DESTINATION; vm-images/patches/parisc-copy.patch mends it). So what
// lies right behind a segment has to be copied after it; segments go in the order of their addresses, and the command
// line at a distance from the kernel.
//
// Crash kernels: the kernel knows none (arch/parisc/Kconfig has no CRASH_DUMP, nothing reserves memory).
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/parisc_stub.inc"
};

constexpr std::uint64_t page_offset = 0x10000000;  // __PAGE_OFFSET of 32 bits, arch/parisc/include/asm/page.h
constexpr std::uint64_t cmdline_limit = 1023;      // COMMAND_LINE_SIZE - 1, arch/parisc/include/uapi/asm/setup.h
constexpr Range firmware{0, 64 * kib};
// Sign extension and the PDC; palo keeps to it, and QEMU after it (hw/hppa/machine.c).
constexpr Range below_1_gib{0, gib};
// Lasi's serial port on a B160L: ttyS0. Source: QEMU hw/hppa/hppa_hardware.h (LASI_UART_HPA), 8250_parisc.c (0x800).
constexpr std::uint64_t lasi_uart = 0xffd05800;

RangeSet free_memory(const Machine& machine, bool crash) {
  RangeSet free = ram_not_reserved(machine, crash);
  free.remove(firmware);
  return free;
}

struct Kernel {
  std::uint64_t entry;
  Range where;
};

Result<Kernel> add_kernel(Placement& placement, const LoadRequest& request) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  if (extent->start < page_offset) {
    return fail(Errc::unsupported, asked_of(request),
                "the kernel is linked for " + extent->str() + ", which is not at PAGE_OFFSET and on");
  }
  constexpr std::uint64_t moved = 0 - page_offset;
  const auto reserved = placement.reserve_at("kernel", extent->start + moved, extent->size());
  if (!reserved) return tl::unexpected(reserved.error());
  if (auto added = add_parts(placement, request, {*reserved, moved}); !added) return tl::unexpected(added.error());
  return Kernel{*entry + moved, *reserved};
}

// {arg1, arg2, arg3} and behind them the command line.
Result<Range> add_arguments(Placement& placement, const LoadRequest& request, const Range& initrd,
                            const Range& within) {
  const auto cmdline = cmdline_bytes(request, request.cmdline, cmdline_limit);
  if (!cmdline) return tl::unexpected(cmdline.error());
  constexpr std::uint64_t registers = 3 * sizeof(std::uint32_t);
  const auto where = placement.reserve("arguments", registers + cmdline->size(), {1, within, RangeSet::Prefer::low});
  if (!where) return where;
  Bytes block(registers);
  write_int(block, 0, static_cast<std::uint32_t>(where->start + registers), std::endian::big);
  write_int(block, 4, static_cast<std::uint32_t>(initrd.start), std::endian::big);
  write_int(block, 8, static_cast<std::uint32_t>(initrd.end), std::endian::big);
  block.insert(block.end(), cmdline->begin(), cmdline->end());
  placement.add("arguments", *where, {Piece::of(std::move(block))});
  return where;
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_parisc(const LoadRequest& request) {
  if (request.crash) {
    return fail(Errc::unsupported, asked_of(request), "parisc kernels know no crash kernels",
                "arch/parisc/Kconfig has no CRASH_DUMP");
  }
  Placement placement(free_memory(*request.machine, false), request.machine->page_size);
  const auto kernel = add_kernel(placement, request);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {1, below_1_gib, RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  const auto arguments = add_arguments(placement, request, *initrd, {firmware.end, kernel->where.start});
  if (!arguments) return tl::unexpected(arguments.error());
  const auto stub = add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::big,
                             {kernel->entry, arguments->start, lasi_uart}, below_1_gib);
  if (!stub) return tl::unexpected(stub.error());
  Plan plan = plan_of(placement, stub->start);
  std::sort(plan.segments.begin(), plan.segments.end(), [](const auto& a, const auto& b) { return a.mem < b.mem; });
  return plan;
}

}  // namespace

extern const Arch arch_parisc;
const Arch arch_parisc = {
    .name = "parisc",
    .kexec_arch = EM_PARISC << 16,
    .bits = 32,
    .order = std::endian::big,
    .elf_machine = EM_PARISC,
    .plan_kernel = plan_parisc,
    .usable = free_memory,
};

}  // namespace kexlab
