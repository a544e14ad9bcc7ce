// SPDX-License-Identifier: Apache-2.0
// ppc (32-bit), e500: how Linux is started here, and the plan that prepares it.
//
// The jump. default_machine_kexec() (arch/powerpc/kexec/core_32.c) disables interrupts and runs relocate_new_kernel
// (relocate_32.S) from a copy. The MMU of an e500 cannot be switched off: eight entries of TLB1 map the first 2 GiB one
// to one (85xx_entry_mapping.S), all other entries are made invalid, and the call takes no segment above
// (KEXEC_DESTINATION_MEMORY_LIMIT, arch/powerpc/include/asm/kexec.h). After the copy it branches to `entry` with r3 =
// the CPU's number, r4 and r5 = entry. After a panic the same happens, with all segments in place already.
//
// What the kernel wants. arch/powerpc/kernel/head_85xx.S: r3 = flat device tree, mapped, its address physical after the
// translation that is in force. ePAPR 1.1 (5.4.1) wants r4, r5, r8, r9 = 0, r6 = a magic number, r7 = the size of what
// is mapped from address 0 on; the stub (ppc_stub.S) gives all of them. The kernel maps no more than the 64 MiB that it
// lies in (aligned) before it has read the tree, so the tree lies in these too.
//
// Where it may lie. A vmlinux is linked for physical address 0, over the running kernel. A relocatable one (a crash
// kernel has to be) runs at any multiple of 64 MiB: it jumps to the beginning of its first mapping
// (kernstart_virt_addr; 85xx_entry_mapping.S, 7), so elsewhere it would go on in whatever lies there. The initrd has to
// lie in low memory: 768 MiB, three of the largest pages that TLB1 has here (CONFIG_LOWMEM_CAM_NUM).
//
// The device tree is the running kernel's (/sys/firmware/fdt); /chosen of the live tree tells where the kernel and the
// crash reservation are (kexec_setup, arch/powerpc/kexec/core.c), and read_machine takes them from there.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res, from its first multiple of 64 MiB on: there the kernel
// lies, and there the memory node's linux,usable-memory begins. For where memory begins below the kernel's 64 MiB, it
// relocates itself a second time (relocate_init, arch/powerpc/mm/nohash/e500.c), and 6.1 was seen not to come out of
// that; and low memory is mapped in pages no larger than its address is a multiple of. The core header's address goes
// onto the command line, as on ppc64.
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include <algorithm>

#include "loader/arch/chosen.h"
#include "loader/arch/powerpc_dtb.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/ppc_stub.inc"
};

constexpr std::uint64_t largest_page = 64 * kib;
constexpr std::uint64_t first_mapping = 64 * mib;  // what the kernel maps at first, arch/powerpc/kernel/head_85xx.S
constexpr Range low_memory{0, 768 * mib};
constexpr Range reached{0, 2 * gib};
constexpr std::uint64_t direct_map = 0xc0000000;  // PAGE_OFFSET, arch/powerpc/Kconfig
constexpr std::string_view crash_words[] = {"elfcorehdr"};

struct KernelPlace {
  Range where;
  std::uint64_t entry;
};

Result<Range> reserve_kernel(Placement& placement, const LoadRequest& request, const Range& extent) {
  if (!request.crash) return placement.reserve_at("kernel", extent.start, extent.size());
  return placement.reserve("kernel", extent.size(), {first_mapping, low_memory, RangeSet::Prefer::low});
}

Result<KernelPlace> add_kernel(Placement& placement, const LoadRequest& request) {
  const auto extent = elf_extent(request, placement.page_size(), "use the vmlinux");
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const auto where = reserve_kernel(placement, request, *extent);
  if (!where) return tl::unexpected(where.error());
  const std::uint64_t moved = where->start - extent->start;
  if (auto added = add_parts(placement, request, {*where, moved}); !added) return tl::unexpected(added.error());
  return KernelPlace{*where, *entry + moved};
}

// What the kernel has mapped when it looks for the tree.
Range mapped_with(const Range& kernel) {
  const std::uint64_t start = align_down(kernel.start, first_mapping);
  return {start, start + first_mapping};
}

CoreHeader core_header(const Machine& machine) {
  return {ram_not_crash(machine), EM_PPC, std::endian::big, 32, direct_map, {}};
}

// What a crash kernel gets of its reservation.
Range crash_part(const Machine& machine) {
  const Range reservation = crash_reservation(machine.memory).value_or(Range{});
  const std::uint64_t start = align_up(reservation.start, first_mapping).value_or(low_memory.end);
  return reservation.intersect({std::min(start, low_memory.end), low_memory.end});
}

MemoryValues memory_values(const LoadRequest& request, const Range& elfcorehdr) {
  if (!request.crash) return {};
  return {.kept = {}, .reserved = {elfcorehdr}, .usable = RangeSet({crash_part(*request.machine)})};
}

RangeSet usable(const Machine& machine, bool crash) { return ram_not_reserved(machine, crash).intersect(reached); }

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_in(Placement placement, const LoadRequest& request) {
  const Rules high{1, low_memory, RangeSet::Prefer::high};
  const auto kernel = add_kernel(placement, request);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, high);
  if (!initrd) return tl::unexpected(initrd.error());
  const auto header = add_elfcorehdr(placement, request, core_header(*request.machine),
                                     {largest_page, low_memory, RangeSet::Prefer::high});
  if (!header) return tl::unexpected(header.error());
  const Range header_pages = in_pages(*header, placement.page_size());
  const auto dtb = add_powerpc_dtb(placement, request, memory_values(request, header_pages),
                                   {1, mapped_with(kernel->where), RangeSet::Prefer::high}, *initrd, header_pages);
  if (!dtb) return tl::unexpected(dtb.error());
  const StubValues values{kernel->entry, dtb->start, ns16550_console(request.machine->fdt)};
  const auto stub =
      add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::big, values, low_memory);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

Result<Plan> plan_ppc(const LoadRequest& request) {
  if (const auto reserved = request.crash ? crash_memory(request) : Result<RangeSet>(RangeSet()); !reserved) {
    return tl::unexpected(reserved.error());
  }
  const Range within = request.crash ? crash_part(*request.machine) : reached;
  return plan_in(Placement(usable(*request.machine, request.crash).intersect(within), request.machine->page_size),
                 request);
}

}  // namespace

extern const Arch arch_ppc;
const Arch arch_ppc = {
    .name = "ppc",
    .kexec_arch = EM_PPC << 16,
    .bits = 32,
    .order = std::endian::big,
    .elf_machine = EM_PPC,
    .plan_kernel = plan_ppc,
    .usable = usable,
    .crash_cmdline_words = crash_words,
};

}  // namespace kexlab
