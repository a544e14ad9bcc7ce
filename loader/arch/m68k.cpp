// SPDX-License-Identifier: Apache-2.0
// m68k, with an MMU (68020 and on): how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/m68k/kernel/machine_kexec.c) masks interrupts, flushes the caches and runs
// relocate_new_kernel (relocate_kernel.S) from a copy. That switches the MMU and the transparent translation off,
// copies page by page, empties the caches and jumps to `entry`, a physical address, in supervisor mode; a1 holds that
// address, no register is an argument. The vector base register still points to the vectors of the kernel before.
//
// What the kernel wants. Bootinfo: records of {tag, size, data} that begin where the kernel ends, at `_end`, whose
// address the code in front of the MMU's set-up takes relative to itself (get_bi_record, arch/m68k/kernel/head.S). They
// tell the machine, CPU, FPU and MMU types, the memory, the devices of the board, the initrd and the command line, so a
// new kernel is told what the running one was told (/proc/bootinfo, with CONFIG_BOOTINFO_PROC), with an initrd and a
// command line of its own. The random seed is left out: the running kernel has wiped it (setup_mm.c). Behind the
// records the kernel makes its first page tables (head.S, kernel_end and memory_start), so nothing else lies near them.
//
// Where it may lie. The kernel runs at the address that it is linked for (0x1000, arch/m68k/kernel/vmlinux-std.lds, in
// the first chunk of memory, which begins at 0 on QEMU's virt), over the running one; the stub (m68k_stub.S) and the
// initrd lie at the end of memory.
//
// Crash kernels: the kernel knows none (arch/m68k/Kconfig has no CRASH_DUMP, nothing reserves memory).
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"
#include "loader/plan/bootinfo.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/m68k_stub.inc"
};

constexpr std::uint64_t cmdline_limit = 255;  // COMMAND_LINE_SIZE - 1, arch/m68k/include/uapi/asm/setup.h

constexpr Range in_32_bits{0, 4 * gib};
// Room behind the bootinfo: a page table of 256 bytes serves 256 KiB, and the kernel maps no more than it needs to
// begin (arch/m68k/kernel/head.S), so this is plenty.
constexpr std::uint64_t table_room = mib;

struct Kernel {
  std::uint64_t entry;
  Range where;
};

Result<Kernel> add_kernel(Placement& placement, const LoadRequest& request) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const bool whole = std::any_of(request.kernel->parts.begin(), request.kernel->parts.end(),
                                 [&](const LoadPart& part) { return part.physical + part.memory_size == extent->end; });
  if (!whole) {
    return fail(Errc::unsupported, asked_of(request), "the kernel does not end at a page, where its bootinfo begins",
                "its linker script is to align _end, as arch/m68k/kernel/vmlinux-std.lds does");
  }
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const auto reserved = placement.reserve_at("kernel", extent->start, extent->size());
  if (!reserved) return tl::unexpected(reserved.error());
  if (auto added = add_parts(placement, request, {*reserved, 0}); !added) return tl::unexpected(added.error());
  return Kernel{*entry, *reserved};
}

// What the running kernel was told, with this initrd and this command line.
Result<Bytes> make_bootinfo(const LoadRequest& request, const std::vector<BootRecord>& told, const Range& initrd) {
  const auto cmdline = cmdline_bytes(request, request.cmdline, cmdline_limit);
  if (!cmdline) return cmdline;
  Bytes list;
  for (const BootRecord& record : told) {
    const bool anew = record.tag == bootinfo::ramdisk || record.tag == bootinfo::command_line;
    if (!anew && record.tag != bootinfo::rng_seed) append_record(list, record.tag, record.data);
  }
  if (!initrd.empty()) append_record(list, bootinfo::ramdisk, record_pair(initrd.start, initrd.size()));
  append_record(list, bootinfo::command_line, *cmdline);
  append_record(list, bootinfo::last, {});
  return list;
}

Result<std::vector<BootRecord>> told_by_loader(const LoadRequest& request) {
  if (request.machine->boot_params.empty()) {
    return fail(Errc::not_found, asked_of(request), "the machine has no /proc/bootinfo",
                "boot it with a kernel that has CONFIG_BOOTINFO_PROC");
  }
  return parse_bootinfo(request.machine->boot_params);
}

// The console of QEMU's virt; none on other boards.
std::uint64_t console_of(const std::vector<BootRecord>& told) {
  const auto tty =
      std::find_if(told.begin(), told.end(), [](const BootRecord& record) { return record.tag == bootinfo::virt_tty; });
  return tty == told.end() ? 0 : read_int<std::uint32_t>(tty->data, 0, std::endian::big).value_or(0);
}

Status keep_room_for_tables(Placement& placement, const LoadRequest& request, const Range& bootinfo) {
  if (placement.is_free(bootinfo.end, table_room)) return {};
  return fail(Errc::no_space, asked_of(request),
              "behind the kernel and its bootinfo, at " + hex(bootinfo.end) + ", no " +
                  std::to_string(table_room / mib) + " MiB are free for its first page tables",
              "give the machine more memory");
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_m68k(const LoadRequest& request) {
  if (request.crash) {
    return fail(Errc::unsupported, asked_of(request), "m68k kernels know no crash kernels",
                "arch/m68k/Kconfig has no CRASH_DUMP");
  }
  const auto told = told_by_loader(request);
  if (!told) return tl::unexpected(told.error());
  Placement placement(ram_not_reserved(*request.machine, false), request.machine->page_size);
  const auto kernel = add_kernel(placement, request);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {1, in_32_bits, RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  auto bootinfo = make_bootinfo(request, *told, *initrd);
  if (!bootinfo) return tl::unexpected(bootinfo.error());
  const auto behind = placement.reserve_at("bootinfo", kernel->where.end, bootinfo->size());
  if (!behind) return tl::unexpected(behind.error());
  placement.add("bootinfo", *behind, {Piece::of(std::move(*bootinfo))});
  const auto stub = add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::big,
                             {.entry = kernel->entry, .console = console_of(*told)}, in_32_bits);
  if (!stub) return tl::unexpected(stub.error());
  if (auto room = keep_room_for_tables(placement, request, *behind); !room) return tl::unexpected(room.error());
  return plan_of(placement, stub->start);
}

}  // namespace

extern const Arch arch_m68k;
const Arch arch_m68k = {
    .name = "m68k",
    .kexec_arch = EM_68K << 16,
    .bits = 32,
    .order = std::endian::big,
    .elf_machine = EM_68K,
    .plan_kernel = plan_m68k,
    .usable = ram_not_reserved,
};

}  // namespace kexlab
