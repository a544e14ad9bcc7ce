// SPDX-License-Identifier: Apache-2.0
// arm64: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/arm64/kernel/machine_kexec.c) masks DAIF and runs arm64_relocate_new_kernel
// (arch/arm64/kernel/relocate_kernel.S) from a copy, with the MMU on over a copy of the linear map: it copies the
// segments page by page, cleans each to the point of coherency, invalidates the instruction cache, turns MMU and data
// cache off and branches to `entry`: at EL2 through the hypervisor stub's HVC_SOFT_RESTART where the kernel was started
// there, else at EL1. A crash image lies in place already and was cleaned when it was loaded. x0 is the address of the
// DTB that kexec_file_load prepared; after kexec_load it is 0, and x1 to x3 are 0.
//
// What the kernel wants. Documentation/arm64/booting.rst: x0 = physical address of the DTB, x1 = x2 = x3 = 0, MMU and
// data cache off, DAIF masked, EL2 (preferred) or EL1; a branch to the first byte of the Image. So the stub
// (arm64_stub.S) has one thing to add: x0. With the MMU off its own loads go to memory as to a device: aligned, slow.
//
// Where it may lie. Image: text_offset bytes behind a multiple of 2 MiB, with image_size bytes free from there; kernels
// before 3.17 say image_size 0, text_offset 0x80000 and leave the size open, so a margin for BSS is added. Flag bit 3
// clear asks for a place close to the start of RAM, and placing at the lowest free address serves both kinds. vmlinux:
// its p_paddr are its virtual addresses (arch/arm64/kernel/vmlinux.lds.S gives no load address), so only distances
// between its parts count; its entry is _text, the first byte of what objcopy makes the Image from.
//   The initrd lies with the kernel in one window of 32 GiB that starts at a multiple of 1 GiB. The DTB lies at a
// multiple of 8, has at most 2 MiB, and must not share a 2 MiB block with memory mapped otherwise; kernels before 4.2
// also want it inside one such block, so it gets a block's start as in the kernel's own kexec_file_load
// (arch/arm64/kernel/machine_kexec_file.c).
//   Nothing goes where /proc/iomem says "reserved" inside System RAM: memory that firmware keeps (UEFI and ACPI tables,
// /memreserve/, /reserved-memory) is only shown there, mixed with the running kernel's own early allocations, and
// cannot be told from them. The running kernel's code and data may be overwritten: the copy happens behind its back.
//
// The device tree is the running kernel's (/sys/firmware/fdt), which describes the machine. In /chosen: bootargs and
// linux,initrd-start/-end are set; kaslr-seed and rng-seed go away, for the running kernel has used them up, and a new
// seed would make runs differ (without one there is no virtual KASLR, as with `nokaslr`); linux,uefi-* stay, for UEFI's
// system table and memory map are where they were. Memory reservations of the old initrd go, the new ones come.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res. /chosen gains linux,elfcorehdr and
// linux,usable-memory-range, in the root's cells; the second makes memblock forget all other memory, and its low part
// (crashk_low_res), where there is one, comes last (early_init_dt_check_for_usable_mem_range, drivers/of/fdt.c). The
// core header is aligned to 64 KiB, the largest page a crash kernel may have, and reserved. It has no part for the
// kernel's text: "Kernel code" starts at _stext, and how far _text lies below it is not told.
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/fdt_boot.h"

namespace kexlab {

extern const Arch arch_arm64;

namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/arm64_stub.inc"
};

constexpr std::uint64_t base_alignment = 2 * mib;   // booting.rst
constexpr std::uint64_t old_text_offset = 0x80000;  // booting.rst, where image_size is 0
constexpr std::uint64_t old_bss_margin = 16 * mib;  // for BSS and page tables behind an Image that tells no size
constexpr std::uint64_t window_size = 32 * gib;     // booting.rst: kernel and initrd
constexpr std::uint64_t largest_page = 64 * kib;
constexpr DtbRules dtb_rules{
    .placing = {.alignment = 2 * mib, .prefer = RangeSet::Prefer::high},  // machine_kexec_file.c
    .limit = 2 * mib,                                                     // booting.rst
    .cmdline_limit = 2047,  // COMMAND_LINE_SIZE - 1, arch/arm64/include/uapi/asm/setup.h
};

struct KernelPlace {
  std::uint64_t entry = 0;
  Range where;
};

// The kernel's block starts at a multiple of 2 MiB, the kernel `ahead` bytes behind that.
Result<Range> reserve_kernel(Placement& placement, std::uint64_t ahead, std::uint64_t size) {
  // An image_size that passes 2^64 asks for all memory there is, and gets the same answer.
  const std::uint64_t whole = Range::sized(ahead, size).value_or(whole_memory).end;
  auto block = placement.reserve("kernel", whole, {base_alignment, whole_memory, RangeSet::Prefer::low});
  if (block) block->start += ahead;
  return block;
}

Result<KernelPlace> add_image(Placement& placement, const LoadRequest& request) {
  const Arm64Facts& facts = *request.kernel->arm64;
  const std::uint64_t file_size = request.kernel->parts.front().file_size;
  const bool tells = facts.image_size != 0;
  const std::uint64_t offset = tells ? facts.text_offset : old_text_offset;
  const std::uint64_t size = tells ? std::max(facts.image_size, file_size) : file_size + old_bss_margin;
  if (offset % placement.page_size() != 0) {
    return fail(Errc::unsupported, asked_of(request),
                "text_offset " + hex(offset) + " is no multiple of the page size " + hex(placement.page_size()),
                "kexec_load places whole pages; use a kernel of Linux 5.8 or newer, whose text_offset is 0");
  }
  const auto where = reserve_kernel(placement, offset, size);
  if (!where) return tl::unexpected(where.error());
  placement.add("kernel", *where, {Piece::of_source(request.kernel_source, 0, file_size)});
  return KernelPlace{where->start, *where};
}

Result<KernelPlace> add_vmlinux(Placement& placement, const LoadRequest& request) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const auto where = reserve_kernel(placement, extent->start % base_alignment, extent->size());
  if (!where) return tl::unexpected(where.error());
  const std::uint64_t moved = where->start - extent->start;
  if (auto added = add_parts(placement, request, {*where, moved}); !added) return tl::unexpected(added.error());
  return KernelPlace{*entry + moved, *where};
}

Result<KernelPlace> add_kernel(Placement& placement, const LoadRequest& request) {
  if (request.kernel->format == Format::arm64_image) return add_image(placement, request);
  if (request.kernel->format == Format::elf) return add_vmlinux(placement, request);
  return fail(Errc::unsupported, asked_of(request),
              std::string("no boot protocol for ") + to_string(request.kernel->format));
}

/// In the window around the kernel that booting.rst gives it.
Rules initrd_rules(const Range& kernel) {
  const std::uint64_t start = align_down(kernel.start, gib);
  const Range window = Range::sized(start, window_size).value_or(Range{start, whole_memory.end});
  return {1, window, RangeSet::Prefer::high};
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_in(Placement placement, const LoadRequest& request) {
  const auto kernel = add_kernel(placement, request);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, initrd_rules(kernel->where));
  if (!initrd) return tl::unexpected(initrd.error());
  const auto header = add_plain_elfcorehdr(placement, request, arch_arm64, largest_page);
  if (!header) return tl::unexpected(header.error());
  const auto dtb = add_dtb(placement, request, dtb_rules, {request.cmdline, *initrd, *header, {}});
  if (!dtb) return tl::unexpected(dtb.error());
  const StubValues values{kernel->entry, dtb->start, pl011_console(request.machine->fdt)};
  const auto stub =
      add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::little, values, whole_memory);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

Result<Plan> plan_arm64(const LoadRequest& request) {
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(ram_not_reserved(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  return plan_in(Placement(*free, request.machine->page_size), request);
}

}  // namespace

const Arch arch_arm64 = {
    .name = "arm64",
    .kexec_arch = EM_AARCH64 << 16,
    .bits = 64,
    .order = std::endian::little,
    .elf_machine = EM_AARCH64,
    .plan_kernel = plan_arm64,
    .usable = ram_not_reserved,
};

}  // namespace kexlab
