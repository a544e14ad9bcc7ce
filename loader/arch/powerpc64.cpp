// SPDX-License-Identifier: Apache-2.0
// ppc64 of both byte orders: how Linux is started here, and the plan that prepares it.
//
// The jump. kexec_sequence (arch/powerpc/kernel/misc_64.S) goes to real mode (before the copy under a radix tree,
// behind it under a hash table in a partition), copies the segments (kexec_copy_flush, arch/powerpc/kexec/core_64.c),
// copies the first 0x100 bytes at `entry` to address 0, sends all other CPUs to 0x60, and branches to `entry` with r3 =
// the CPU's hardware number, r4 = entry, r5 = 0. It branches in the byte order of the kernel that jumps; the other CPUs
// arrive in big endian (kexec_wait). After a panic the same happens on the CPU that crashed, with all segments in place
// already.
//
// What the kernel wants. arch/powerpc/kernel/head_64.S: r3 = flat device tree, r4 = its own address, r5 = 0 (else it
// takes r5 for Open Firmware's entry), real mode, any byte order. So the stub (ppc64_stub.S) adds the tree, and tells
// it in the tree's header which CPU it runs on (early_init_dt_scan_cpus, arch/powerpc/kernel/prom.c). The other CPUs
// are to wait in the kernel's own code at 0x60 (__secondary_hold): so the stub's segment begins with the kernel's first
// 0x100 bytes, the first instruction replaced by a branch to the stub behind them, as in setup_purgatory
// (arch/powerpc/kexec/file_load.c).
//
// Where it may lie. The call refuses what starts below the running kernel's end (machine_kexec_prepare): the copy uses
// its code. The new kernel copies itself down to address 0 and needs all its memory there, so everything lies above
// that too; a relocatable kernel can run where it was loaded, at a multiple of 64 KiB, where __run_at_load is 1: so do
// crash kernels. All lies in the memory node of address 0: real mode reaches no further, and the kernel takes its first
// allocations there (elf64_load, arch/powerpc/kexec/elf_64.c: ppc64_rma_size). RTAS lives in RAM that no list shows but
// /rtas in the tree, and bridges' tables (linux,tce-base) are refused by the call.
//
// The device tree is the running kernel's (/sys/firmware/fdt): prom_init made it from Open Firmware's, which is gone
// since, or the loader before this one. Its list of reservations names the old initrd and the old tree; of it only what
// touches firmware's memory stays. /proc/iomem shows neither the kernel nor the crash reservation; /chosen of the live
// tree does (kexec_setup, arch/powerpc/kexec/core.c), and read_machine takes them from there.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res, which RTAS may lie inside of. The memory nodes gain
// linux,usable-memory: from address 0 to the reservation's end, for a first block without address 0 fails early; what
// lies between the vectors and the reservation becomes reserved (get_usable_memory_ranges and setup_new_fdt_ppc64,
// arch/powerpc/kexec/file_load_64.c). These add RTAS; here it stays out: firmware is called in real mode, and of memory
// in pieces smaller than the linear mapping's pages /proc/vmcore reads through a mapping that a hash table does not
// have (copy_oldmem_page, arch/powerpc/kernel/crash_dump.c; seen with RTAS in the last 4 KiB). The core header's
// address goes onto the command line: 6.1 reads the tree's property before it knows the root's cells
// (early_init_devtree, arch/powerpc/kernel/prom.c). The first 64 KiB are not dumped: the jump and the crash kernel's
// exception vectors have overwritten them.
//
// Source of all file names above: Linux 6.1.
#include "loader/arch/powerpc64.h"

#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/memory_nodes.h"
#include "loader/arch/powerpc_dtb.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

using namespace powerpc64;

constexpr std::uint64_t kernel_alignment = 64 * kib;  // p_align of every vmlinux
constexpr std::uint64_t largest_page = 64 * kib;
constexpr std::uint64_t direct_map = 0xc000000000000000;  // PAGE_OFFSET, arch/powerpc/Kconfig
constexpr std::uint32_t branch = 0x48000000;  // b, its distance in bytes or-ed to it. Source: Power ISA, 2.4

struct KernelPlace {
  Range where;
  std::uint64_t file_offset = 0;  // of its entry
  std::uint64_t entry = 0;
};

std::vector<Range> firmware_memory(const Machine& machine) {
  std::vector<Range> ranges = fdt_ranges(machine.fdt, "pci", "linux,tce-base", "linux,tce-size");
  const auto base = fdt_number(machine.fdt, "/rtas", "linux,rtas-base");
  const auto size = fdt_number(machine.fdt, "/rtas", "rtas-size");
  const auto rtas = base && size ? Range::sized(*base, *size) : std::nullopt;
  if (rtas && !rtas->empty()) ranges.push_back(*rtas);
  return ranges;
}

// The unit address of the terminal that /chosen names for output; 0: it names none that a hypervisor call writes to.
std::uint64_t terminal(const Machine& machine) {
  constexpr std::string_view terminals = "/vdevice/vty@";
  for (const char* name : {"linux,stdout-path", "stdout-path"}) {
    const std::string path = fdt_text(machine.fdt, "/chosen", name);
    if (path.starts_with(terminals)) return fdt_number(machine.fdt, path.c_str(), "reg").value_or(0);
  }
  return 0;
}

// Where segments go: real mode's memory; for a kernel that moves down to address 0, above what it will take there.
Range window(const LoadRequest& request, const Range& extent) {
  const Range real_mode = first_memory(request.machine->fdt);
  const std::uint64_t end = real_mode.empty() ? whole_memory.end : real_mode.end;
  return {request.crash ? 0 : std::min(extent.size(), end), end};
}

Result<LoadPart> entry_part(const LoadRequest& request, std::uint64_t entry) {
  for (const LoadPart& part : request.kernel->parts) {
    if (entry < part.physical || entry - part.physical >= part.file_size) continue;
    if (part.file_size - (entry - part.physical) >= head_size) return part;
  }
  return fail(Errc::corrupt, asked_of(request), "the ELF file has no " + hex(head_size) + " bytes at its entry",
              "use the vmlinux that the kernel's build made");
}

Result<KernelPlace> add_kernel(Placement& placement, const LoadRequest& request, const Range& extent,
                               const Range& within) {
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const auto part = entry_part(request, *entry);
  if (!part) return tl::unexpected(part.error());
  const auto where = placement.reserve("kernel", extent.size(), {kernel_alignment, within, RangeSet::Prefer::low});
  if (!where) return tl::unexpected(where.error());
  const std::uint64_t moved = where->start - extent.start;
  if (auto added = add_parts(placement, request, {*where, moved}); !added) return tl::unexpected(added.error());
  if (request.crash) {
    Bytes flag(4);
    write_int<std::uint32_t>(flag, 0, 1, request.kernel->elf->order);
    placement.overlay(*entry + moved + run_at_load, std::move(flag));
  }
  return KernelPlace{*where, part->file_offset + (*entry - part->physical), *entry + moved};
}

CoreHeader core_header(const Machine& machine, std::endian order) {
  RangeSet dumped = ram_not_crash(machine);
  dumped.remove({0, vectors_size});
  return {std::move(dumped), EM_PPC64, order, 64, direct_map, {}};
}

MemoryValues memory_values(const LoadRequest& request, const Range& elfcorehdr) {
  MemoryValues values{.kept = firmware_memory(*request.machine)};
  if (!request.crash) return values;
  const Range reservation = crash_reservation(request.machine->memory).value_or(Range{});
  values.usable = RangeSet({Range{0, reservation.end}});
  values.reserved = {{vectors_size, std::max(vectors_size, reservation.start)}, elfcorehdr};
  return values;
}

// The head that is copied to address 0, and the stub behind it.
Result<Range> add_entry(Placement& placement, const LoadRequest& request, ByteView code, std::endian order,
                        const Range& within, const KernelPlace& kernel, const Range& dtb) {
  const StubValues values{kernel.entry, dtb.start, terminal(*request.machine)};
  auto stub = fill_stub(code, order, request, values, placement.segments());
  if (!stub) return tl::unexpected(stub.error());
  const auto where = placement.reserve("stub", head_size + stub->size(), {1, within, RangeSet::Prefer::high});
  if (!where) return where;
  Bytes over(sizeof(branch));
  write_int<std::uint32_t>(over, 0, branch | head_size, order);
  const std::uint64_t replaced = over.size();
  placement.add("stub", *where,
                {Piece::of(std::move(over)),
                 Piece::of_source(request.kernel_source, kernel.file_offset + replaced, head_size - replaced),
                 Piece::of(std::move(*stub))});
  return where;
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_in(Placement placement, const LoadRequest& request, std::endian order, ByteView code) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const Range within = window(request, *extent);
  const auto kernel = add_kernel(placement, request, *extent, within);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {1, within, RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  const auto header = add_elfcorehdr(placement, request, core_header(*request.machine, order),
                                     {largest_page, within, RangeSet::Prefer::high});
  if (!header) return tl::unexpected(header.error());
  const Range header_pages = in_pages(*header, placement.page_size());
  const auto dtb = add_powerpc_dtb(placement, request, memory_values(request, header_pages),
                                   {1, within, RangeSet::Prefer::high}, *initrd, header_pages);
  if (!dtb) return tl::unexpected(dtb.error());
  const auto stub = add_entry(placement, request, code, order, within, *kernel, *dtb);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

}  // namespace

RangeSet usable_powerpc64(const Machine& machine, bool crash) {
  const RangeSet firmware(firmware_memory(machine));
  if (crash) {
    const auto reservation = crash_reservation(machine.memory);
    return reservation ? without(RangeSet({*reservation}), firmware) : RangeSet();
  }
  RangeSet free = without(machine.memory.ram(), crash_ranges(machine.memory));
  free = without(free, RangeSet(machine.memory.named("Kernel code")));
  return without(free, firmware);
}

Result<Plan> plan_powerpc64(const LoadRequest& request, std::endian order, ByteView stub) {
  if (request.kernel->format != Format::elf) {
    return fail(Errc::unsupported, asked_of(request),
                std::string("no boot protocol for ") + to_string(request.kernel->format), "use the vmlinux");
  }
  if (request.crash) {
    if (const auto reserved = crash_memory(request); !reserved) return tl::unexpected(reserved.error());
  }
  const RangeSet free = usable_powerpc64(*request.machine, request.crash);
  return plan_in(Placement(free, request.machine->page_size), request, order, stub);
}

}  // namespace kexlab
