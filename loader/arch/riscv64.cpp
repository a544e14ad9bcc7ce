// SPDX-License-Identifier: Apache-2.0
// riscv64: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/riscv/kernel/machine_kexec.c) runs riscv_kexec_relocate (kexec_relocate.S) from the
// control page: it copies the segments word by word, switches the MMU off with the first indirection page (satp = 0;
// stvec points behind that instruction, so the fetch that fails goes on at the physical address), clears sie, sip and
// all registers but a0 to a2, and jumps to `entry`. A crash image lies in place already: riscv_kexec_norelocate does
// the same without copying, and enters through stvec. a0 is the hart's id, a1 the address of the FDT segment, a2
// `entry`.
//
// What kexec_load wants. machine_kexec_prepare() looks for the first segment longer than 40 bytes whose buffer starts
// with the header of a flattened device tree; no such segment, or one at address 0, is EINVAL. kexec-tools' loads
// differ in nothing else, so every load carries its tree.
//
// What the kernel wants. head.S, setup_vm() in arch/riscv/mm/init.c, and Documentation/riscv/boot.rst of newer kernels:
// satp = 0, a0 = hart id, a1 = physical address of the device tree; the first byte of the Image at a multiple of 2 MiB
// (BUG_ON in setup_vm), image_size bytes free from there. The kexec has set both registers; the stub (riscv64_stub.S)
// keeps a0, sets a1 again, and is there to check digests.
//
// Where it may lie. Kernels before 6.4 use no memory below their own first byte, so the kernel goes to the lowest
// place, everything else high. text_offset is where firmware loads to, from the start of RAM: a bootloader's word, not
// a rule. vmlinux: its p_paddr count from 0 or are its virtual addresses, so only distances between its parts count,
// from _start on, which is the first byte of what objcopy makes the Image from. The tree lies at a multiple of 8; the
// two 2 MiB blocks from the one that it starts in are mapped (create_fdt_early_page_table), so 2 MiB of it are safe.
//   Nothing goes where /proc/iomem says "Reserved" inside System RAM: OpenSBI and whatever the tree's /reserved-memory
// names. OpenSBI guards itself by PMP: a write there ends in an access fault.
//
// The device tree is the running kernel's (/sys/firmware/fdt), with /chosen made new: loader/arch/chosen.h.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res. /chosen gains linux,elfcorehdr and
// linux,usable-memory-range.
//
// Source of all file names above: Linux 6.1, unless it says otherwise.
#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/fdt_boot.h"

namespace kexlab {

extern const Arch arch_riscv64;

namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/riscv64_stub.inc"
};

constexpr std::uint64_t kernel_alignment = 2 * mib;  // PMD_SIZE of rv64
constexpr DtbRules dtb_rules{
    .placing = {.alignment = 8, .prefer = RangeSet::Prefer::high},
    .limit = 2 * mib,       // MAX_FDT_SIZE, arch/riscv/include/asm/fixmap.h (6.12)
    .cmdline_limit = 1023,  // COMMAND_LINE_SIZE - 1, arch/riscv/include/uapi/asm/setup.h
};

struct KernelPlace {
  std::uint64_t entry = 0;
  Range where;
};

Result<Range> reserve_kernel(Placement& placement, std::uint64_t size) {
  return placement.reserve("kernel", size, {kernel_alignment, whole_memory, RangeSet::Prefer::low});
}

Result<KernelPlace> add_image(Placement& placement, const LoadRequest& request) {
  const std::uint64_t file_size = request.kernel->parts.front().file_size;
  const auto where = reserve_kernel(placement, std::max(request.kernel->riscv->image_size, file_size));
  if (!where) return tl::unexpected(where.error());
  placement.add("kernel", *where, {Piece::of_source(request.kernel_source, 0, file_size)});
  return KernelPlace{where->start, *where};
}

Result<KernelPlace> add_vmlinux(Placement& placement, const LoadRequest& request) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const auto where = reserve_kernel(placement, extent->size());
  if (!where) return tl::unexpected(where.error());
  const std::uint64_t moved = where->start - extent->start;
  if (auto added = add_parts(placement, request, {*where, moved}); !added) return tl::unexpected(added.error());
  return KernelPlace{*entry + moved, *where};
}

Result<KernelPlace> add_kernel(Placement& placement, const LoadRequest& request) {
  if (request.kernel->format == Format::riscv_image) return add_image(placement, request);
  if (request.kernel->format == Format::elf) return add_vmlinux(placement, request);
  return fail(Errc::unsupported, asked_of(request),
              std::string("no boot protocol for ") + to_string(request.kernel->format));
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_in(Placement placement, const LoadRequest& request) {
  const auto kernel = add_kernel(placement, request);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {.prefer = RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  const auto header = add_plain_elfcorehdr(placement, request, arch_riscv64, placement.page_size());
  if (!header) return tl::unexpected(header.error());
  const auto dtb = add_dtb(placement, request, dtb_rules, {request.cmdline, *initrd, *header, {}});
  if (!dtb) return tl::unexpected(dtb.error());
  const StubValues values{kernel->entry, dtb->start, ns16550_console(request.machine->fdt)};
  const auto stub =
      add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::little, values, whole_memory);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

// The smallest thing that passes the look into the buffers.
Bytes demanded(const Machine&) { return empty_tree(); }

Result<Plan> plan_riscv64(const LoadRequest& request) {
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(ram_not_reserved(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  return plan_in(Placement(*free, request.machine->page_size), request);
}

}  // namespace

const Arch arch_riscv64 = {
    .name = "riscv64",
    .kexec_arch = EM_RISCV << 16,
    .bits = 64,
    .order = std::endian::little,
    .elf_machine = EM_RISCV,
    .plan_kernel = plan_riscv64,
    .usable = ram_not_reserved,
    .demanded = demanded,
};

}  // namespace kexlab
