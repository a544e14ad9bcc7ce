// SPDX-License-Identifier: Apache-2.0
// The plan of a Linux kernel on x86, of either width: kernel, initrd, zero page, command line, core header, stub.
//
// Where it may lie. bzImage: at pref_address, or if `relocatable` at any multiple of kernel_alignment above it (below,
// the decompressor's head_32.S and head_64.S would move it up to LOAD_PHYSICAL_ADDR, over whatever is there), with
// init_size bytes free. Nothing goes below 1 MiB, which is firmware's and the real-mode trampoline's.
//
// The zero page starts from zeros, as the documents ask, with the image's setup header (0x1f1 up to 0x202 + the byte at
// 0x201). From the running kernel's page come screen_info, acpi_rsdp_addr, EDD and hardware_subarch, as in the kernel's
// own kexec_file_load (arch/x86/kernel/kexec-bzimage64.c). Not its setup_data: a list of addresses in the old kernel's
// memory. Where UEFI started the running kernel, and the next can go on with it (XLF_EFI_KEXEC), it gets efi_info with
// the map of the runtime services and setup_data SETUP_EFI, as from kexec_file_load: a second kernel can call them only
// at the virtual addresses that the first one gave to SetVirtualAddressMap. UEFI's stub leaves acpi_rsdp_addr empty
// (the decompressor, which fills it, does not run then; seen with 6.1.192): it is taken from UEFI's tables. The
// memory map is made from /proc/iomem; entries beyond 128 go into setup_data SETUP_E820_EXT.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res. `elfcorehdr=` on the command line names the core
// header; the memory map offers as RAM the reservations without the header, and the first MiB: the crash kernel needs
// it for its trampoline, and the first kernel kept out of it (reserve_real_mode, arch/x86/realmode/init.c, reserves it
// whole), so nothing is lost and no backup region is needed. So does crash_setup_memmap_entries
// (arch/x86/kernel/crash.c). The core header shows RAM without that MiB and without the reservations, and the kernel's
// text at its virtual address.
#include "loader/arch/x86_plan.h"

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"
#include "loader/arch/x86_boot_params.h"

namespace kexlab {
namespace {

constexpr std::uint64_t cmdline_limit = 2047;  // COMMAND_LINE_SIZE - 1, for a vmlinux
constexpr std::uint64_t com1 = 0x3f8;

// Where the kernel went and where everything else may go.
struct KernelPlace {
  std::uint64_t entry = 0;
  Range loadable;  ///< for zero page and command line
  Range initrd;    ///< for the initrd
  std::uint64_t cmdline_limit = 0;
};

Result<Range> place_bzimage(Placement& placement, const LoadRequest& request, const Range& loadable) {
  const BzImageFacts& facts = *request.kernel->bzimage;
  const std::uint64_t size = std::max<std::uint64_t>(facts.init_size, request.kernel->parts.front().file_size);
  const bool at_preferred = placement.is_free(facts.pref_address, size) && facts.pref_address + size <= loadable.end;
  if (at_preferred || !facts.relocatable) return placement.reserve_at("kernel", facts.pref_address, size);
  const Range above{std::clamp(facts.pref_address, loadable.start, loadable.end), loadable.end};
  return placement.reserve("kernel", size, {facts.kernel_alignment, above, RangeSet::Prefer::low});
}

Status check_bzimage(const LoadRequest& request, const X86Protocol& protocol) {
  if (auto checked = protocol.check_bzimage(request); !checked) return checked;
  const std::uint64_t address = request.kernel->bzimage->pref_address;
  if (address % request.machine->page_size == 0) return {};
  return fail(Errc::corrupt, asked_of(request), "pref_address " + hex(address) + " starts no page");
}

Result<KernelPlace> add_bzimage(Placement& placement, const LoadRequest& request, const X86Protocol& protocol) {
  if (auto checked = check_bzimage(request, protocol); !checked) return tl::unexpected(checked.error());
  const BzImageFacts& facts = *request.kernel->bzimage;
  const bool high = protocol.above_4g(facts);
  const Range loadable{mib, high ? protocol.highest : std::min(protocol.highest, 4 * gib)};
  const auto where = place_bzimage(placement, request, loadable);
  if (!where) return tl::unexpected(where.error());
  const LoadPart& code = request.kernel->parts.front();
  placement.add("kernel", *where, {Piece::of_source(request.kernel_source, code.file_offset, code.file_size)});
  const std::uint64_t initrd_end = high ? loadable.end : std::uint64_t{facts.initrd_addr_max} + 1;
  return KernelPlace{where->start + protocol.entry_offset, loadable, {mib, initrd_end}, facts.cmdline_size};
}

// At the addresses it was linked for where they are free or must be it, else anywhere at the same distance from the
// alignment.
Result<Range> place_vmlinux(Placement& placement, const Range& extent, const Range& loadable, std::uint64_t alignment) {
  if (alignment == 0 || placement.is_free(extent.start, extent.size())) {
    return placement.reserve_at("kernel", extent.start, extent.size());
  }
  const std::uint64_t ahead = extent.start % alignment;
  auto where = placement.reserve("kernel", extent.size() + ahead, {alignment, loadable, RangeSet::Prefer::low});
  if (where) where->start += ahead;
  return where;
}

Result<KernelPlace> add_vmlinux(Placement& placement, const LoadRequest& request, const X86Protocol& protocol) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const Range loadable{mib, protocol.highest};
  const auto where = place_vmlinux(placement, *extent, loadable, protocol.vmlinux_alignment);
  if (!where) return tl::unexpected(where.error());
  const std::uint64_t moved = where->start - extent->start;
  if (auto added = add_parts(placement, request, {*where, moved}); !added) return tl::unexpected(added.error());
  return KernelPlace{*entry + moved, loadable, loadable, cmdline_limit};
}

Result<KernelPlace> add_kernel(Placement& placement, const LoadRequest& request, const X86Protocol& protocol) {
  if (request.kernel->format == Format::bzimage) return add_bzimage(placement, request, protocol);
  if (request.kernel->format == Format::elf) return add_vmlinux(placement, request, protocol);
  return fail(Errc::unsupported, asked_of(request),
              std::string("no boot protocol for ") + to_string(request.kernel->format));
}

// The running kernel's text from _text on, as arch/x86/kernel/setup.c names the resources.
KernelTextMapping kernel_text(const Machine& machine) {
  const auto code = machine.memory.named("Kernel code");
  const auto bss = machine.memory.named("Kernel bss");
  if (!machine.kallsyms_text || code.size() != 1 || bss.size() != 1 || bss[0].end <= code[0].start) return {};
  return {{code[0].start, bss[0].end}, *machine.kallsyms_text};
}

// The direct map's base is random and not part of a Machine; readers of dumps go by p_paddr.
CoreHeader core_header(const Machine& machine, const X86Protocol& protocol) {
  RangeSet dumped = ram_not_crash(machine);
  dumped.remove({0, mib});
  return {std::move(dumped),   protocol.elf_machine, std::endian::little, protocol.dump_bits(machine), 0,
          kernel_text(machine)};
}

// The memory that the new kernel is told of.
std::vector<E820Entry> memory_map(const LoadRequest& request, const Range& elfcorehdr) {
  const MemoryMap& memory = request.machine->memory;
  if (!request.crash) return e820_of(memory);
  RangeSet ram = crash_ranges(memory);
  const RangeSet low = memory.ram().intersect({0, mib});
  for (const Range& range : low.ranges()) ram.add(range);
  ram.remove(elfcorehdr);
  return e820_of_crash(memory, ram);
}

Result<Range> add_cmdline(Placement& placement, const LoadRequest& request, const KernelPlace& kernel,
                          const Range& elfcorehdr) {
  std::string text = request.cmdline;
  if (request.crash) text += (text.empty() ? "elfcorehdr=" : " elfcorehdr=") + hex(elfcorehdr.start);
  auto bytes = cmdline_bytes(request, text, kernel.cmdline_limit);
  if (!bytes) return tl::unexpected(bytes.error());
  const auto where = placement.reserve("cmdline", bytes->size(), {1, kernel.loadable, RangeSet::Prefer::high});
  if (where) placement.add("cmdline", *where, {Piece::of(std::move(*bytes))});
  return where;
}

Result<Range> add_boot_params(Placement& placement, const LoadRequest& request, const Range& within,
                              BootParamsValues values) {
  const auto where = placement.reserve("boot_params", boot_params_bytes(values), {1, within, RangeSet::Prefer::high});
  if (!where) return where;
  values.address = where->start;
  auto page = make_boot_params(request, values);
  if (!page) return tl::unexpected(page.error());
  placement.add("boot_params", *where, {Piece::of(std::move(*page))});
  return where;
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_in(Placement placement, const LoadRequest& request, const X86Protocol& protocol) {
  const auto kernel = add_kernel(placement, request, protocol);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {1, kernel->initrd, RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  const auto header = add_elfcorehdr(placement, request, core_header(*request.machine, protocol),
                                     {1, kernel->loadable, RangeSet::Prefer::high});
  if (!header) return tl::unexpected(header.error());
  const auto cmdline = add_cmdline(placement, request, *kernel, *header);
  if (!cmdline) return tl::unexpected(cmdline.error());
  const auto params = add_boot_params(
      placement, request, kernel->loadable,
      {0, cmdline->start, *initrd, memory_map(request, in_pages(*header, placement.page_size())), efi_for(request)});
  if (!params) return tl::unexpected(params.error());
  const auto stub = add_stub(placement, request, std::as_bytes(protocol.stub), std::endian::little,
                             {kernel->entry, params->start, com1}, {mib, protocol.highest});
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

}  // namespace

RangeSet x86_usable(const Machine& machine, bool crash) {
  if (crash) {
    const auto reservation = crash_reservation(machine.memory);
    return reservation ? RangeSet({*reservation}) : RangeSet();
  }
  RangeSet free = without(machine.memory.ram(), crash_ranges(machine.memory));
  // Firmware's claims are top-level where e820 had them so, but a resource can be nested in RAM by its address.
  for (const E820Entry& entry : e820_of(machine.memory)) {
    if (entry.type != E820Type::ram) free.remove(entry.range);
  }
  free.remove({0, mib});
  return free;
}

Result<Plan> plan_x86(const LoadRequest& request, const X86Protocol& protocol) {
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(x86_usable(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  return plan_in(Placement(*free, request.machine->page_size), request, protocol);
}

}  // namespace kexlab
