// SPDX-License-Identifier: Apache-2.0
// loongarch64: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/loongarch/kernel/machine_kexec.c) disables interrupts and runs relocate_new_kernel
// (relocate_kernel.S) from physical 0x100000, in the cached window that the kernel itself lives in
// (0x9000000000000000 and on), so nothing is switched off: it copies the segments word by word and jumps to
// phys_to_virt(`entry`). Thus `entry` and all destinations are physical addresses, and the first instruction runs in
// the window. a0 to a2 are what the kernel wants of firmware: the flag of an EFI boot and the system table's address,
// both as the running kernel got them, and between them the address of the command line. So no stub is needed, and none
// is there: a digest cannot be checked.
//
// What kexec_load wants. machine_kexec_prepare() looks for the first segment whose buffer begins with "kexec" and
// copies 4096 bytes (COMMAND_LINE_SIZE) from there to physical 0x108000; without one it answers EINVAL. That copy is
// the next kernel's command line, "kexec" included. There is one such place: a crash kernel that is loaded later
// changes the command line of a kernel that was loaded before, and the other way round. The segment itself arrives too,
// and nobody reads it.
//
// What the kernel wants. Documentation/loongarch/booting.rst: a0 to a2 as above; the memory map, ACPI and the initrd's
// place are found through EFI's system table, whose memory therefore has to stay; it is "Reserved" in /proc/iomem. The
// initrd is told by initrd=ADDRESS,SIZE on the command line, which goes before what the system table tells
// (init/do_mounts_initrd.c).
//
// Where it may lie. Debian's kernels are built with RELOCATABLE: they move themselves by the distance between where
// they run and where they were linked (arch/loongarch/kernel/relocate.c). Nothing goes below 2 MiB: the control code
// and the command line are there, and memblock_init (mem.c) keeps it from everybody else.
//
// Crash kernels (KEXEC_ON_CRASH). Everything lies in crashk_res. mem=SIZE@START takes all other memory from the kernel
// (early_parse_mem, setup.c), elfcorehdr=SIZE@ADDRESS names the core header (kernel/crash_dump.c).
//
// Source of all file names above: Linux 6.12; 6.1 has the same machine_kexec.c.
#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr std::uint64_t kernel_alignment = 2 * mib;          // what it is linked at; KASLR moves it by 64 KiB
constexpr std::uint64_t cached_window = 0x9000000000000000;  // CACHE_BASE, arch/loongarch/include/asm/addrspace.h
constexpr std::uint64_t largest_page = 64 * kib;             // PAGE_SIZE_64KB, arch/loongarch/Kconfig
constexpr std::uint64_t cmdline_bytes_copied = 4096;         // COMMAND_LINE_SIZE, include/uapi/asm/setup.h
constexpr Range low_memory{0, 2 * mib};                      // machine_kexec.c: "0x100000 ~ 0x200000 is safe"
constexpr std::string_view marker = "kexec";                 // machine_kexec_prepare

RangeSet usable(const Machine& machine, bool crash) {
  const RangeSet free = ram_not_reserved(machine, crash);
  return crash ? free : without(free, RangeSet({low_memory}));
}

Result<Range> reserve_kernel(Placement& placement, std::uint64_t size) {
  return placement.reserve("kernel", size, {kernel_alignment, whole_memory, RangeSet::Prefer::low});
}

// Each gives the entry's physical address.
Result<std::uint64_t> add_image(Placement& placement, const LoadRequest& request) {
  const LoongArchFacts& facts = *request.kernel->loongarch;
  const std::uint64_t file_size = request.kernel->parts.front().file_size;
  const auto where = reserve_kernel(placement, std::max(facts.image_size, file_size));
  if (!where) return tl::unexpected(where.error());
  placement.add("kernel", *where, {Piece::of_source(request.kernel_source, 0, file_size)});
  return where->start + (facts.entry - facts.load_address);
}

Result<std::uint64_t> add_vmlinux(Placement& placement, const LoadRequest& request) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const auto where = reserve_kernel(placement, extent->size());
  if (!where) return tl::unexpected(where.error());
  const std::uint64_t moved = where->start - extent->start;
  if (auto added = add_parts(placement, request, {*where, moved}); !added) return tl::unexpected(added.error());
  return *entry + moved;
}

Result<std::uint64_t> add_kernel(Placement& placement, const LoadRequest& request) {
  if (request.kernel->format == Format::loongarch_image) return add_image(placement, request);
  if (request.kernel->format == Format::elf) return add_vmlinux(placement, request);
  return fail(Errc::unsupported, asked_of(request),
              std::string("no boot protocol for ") + to_string(request.kernel->format));
}

// The marker, what was asked for, and behind it what the new kernel has to know. Words of the same keys that came with
// the running kernel's command line tell of another initrd and another reservation.
std::string command_line(const LoadRequest& request, const Range& initrd, const Range& elfcorehdr) {
  std::string text(marker);
  const auto add = [&text](const std::string& words) {
    if (!words.empty()) text += " " + words;
  };
  add(without_words(request.cmdline, {"initrd", "elfcorehdr"}));
  if (request.crash) text = without_words(text, {"mem"});
  if (!initrd.empty()) add("initrd=" + hex(initrd.start) + "," + hex(initrd.size()));
  if (request.crash) {
    const Range memory = *crash_reservation(request.machine->memory);
    add("mem=" + hex(memory.size()) + "@" + hex(memory.start));
    add("elfcorehdr=" + hex(elfcorehdr.size()) + "@" + hex(elfcorehdr.start));
  }
  return text;
}

Status add_command_line(Placement& placement, const LoadRequest& request, const std::string& text) {
  auto bytes = cmdline_bytes(request, text, cmdline_bytes_copied - 1);
  if (!bytes) return tl::unexpected(bytes.error());
  bytes->resize(cmdline_bytes_copied);
  const auto where = placement.reserve("cmdline", bytes->size(), {1, whole_memory, RangeSet::Prefer::high});
  if (!where) return tl::unexpected(where.error());
  placement.add("cmdline", *where, {Piece::of(std::move(*bytes))});
  return {};
}

Result<Plan> plan_in(Placement placement, const LoadRequest& request) {
  constexpr Rules high{1, whole_memory, RangeSet::Prefer::high};
  const auto entry = add_kernel(placement, request);
  if (!entry) return tl::unexpected(entry.error());
  const auto initrd = add_initrd(placement, request, high);
  if (!initrd) return tl::unexpected(initrd.error());
  const CoreHeader core{dumpable_ram(*request.machine), EM_LOONGARCH, std::endian::little, 64, cached_window, {}};
  const auto header = add_elfcorehdr(placement, request, core, {largest_page, whole_memory, RangeSet::Prefer::high});
  if (!header) return tl::unexpected(header.error());
  if (auto added = add_command_line(placement, request, command_line(request, *initrd, *header)); !added)
    return tl::unexpected(added.error());
  return plan_of(placement, *entry);
}

Result<Plan> plan_loongarch64(const LoadRequest& request) {
  if (request.digest != LoadRequest::Digest::none) {
    return fail(Errc::unsupported, asked_of(request), "nothing runs before the kernel that could check a digest",
                "leave the digest out");
  }
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(usable(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  return plan_in(Placement(*free, request.machine->page_size), request);
}

// The marker, and as many bytes behind it as the kernel copies.
Bytes demanded(const Machine&) {
  Bytes bytes = to_bytes(as_bytes(marker));
  bytes.resize(cmdline_bytes_copied);
  return bytes;
}

constexpr std::string_view words[] = {marker, "initrd"};
constexpr std::string_view crash_words[] = {"mem", "elfcorehdr"};

}  // namespace

extern const Arch arch_loongarch64;
const Arch arch_loongarch64 = {
    .name = "loongarch64",
    .kexec_arch = EM_LOONGARCH << 16,
    .bits = 64,
    .order = std::endian::little,
    .elf_machine = EM_LOONGARCH,
    .plan_kernel = plan_loongarch64,
    .usable = usable,
    .demanded = demanded,
    .cmdline_words = words,
    .crash_cmdline_words = crash_words,
};

}  // namespace kexlab
