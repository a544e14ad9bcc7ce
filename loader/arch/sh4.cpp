// SPDX-License-Identifier: Apache-2.0
// sh4: little-endian SH-4 with 29-bit physical addresses: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/sh/kernel/machine_kexec.c) disables interrupts and runs relocate_new_kernel
// (relocate_kernel.S) from a copy. All of it goes through P1, which shows physical memory cached and untranslated and
// which the kernel itself lives in, so nothing is switched off: it exchanges each source page with its destination,
// word by word, and calls phys_to_virt(`entry`) with the MMU on and the vectors of the kernel before. Thus `entry` and
// all destinations are physical addresses, and the first instruction runs at the address's image in P1. No register is
// an argument; r6 holds the address of that instruction, r15 a stack in the control page. A crash image lies in place,
// and the same code calls it.
//
// What the kernel wants. A page of parameters in front of its first instruction: whether an initrd is there, its
// distance from the start of the kernel's memory and its size; at 0x100 the command line (arch/sh/include/asm/setup.h;
// check_for_initrd, arch/sh/kernel/setup.c, which wants the initrd at a page). The page belongs to the kernel's image
// (empty_zero_page, head_32.S), but a zImage does not unpack it (boot/compressed/Makefile, misc.c): it is loaded by
// itself.
//
// Where it may lie. A zImage unpacks its kernel to the one address that this is linked for, from the one that the
// zImage is linked for, 8 MiB above. All between the parameters and the end of the unpacker's heap is theirs. The stub
// (sh4_stub.S), initrd and core header lie elsewhere.
//
// Crash kernels (KEXEC_ON_CRASH). Nothing moves a crash kernel into the reservation, and nothing on the command line
// tells a kernel where its memory begins, so it has to be another kernel, one built with CONFIG_MEMORY_START and
// CONFIG_PHYSICAL_START at the reservation's start. mem=SIZE ends its memory before the core header, which the kernel
// does not keep to itself; elfcorehdr=SIZE@ADDRESS names that (kernel/crash_dump.c).
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/sh4_stub.inc"
};

constexpr std::uint64_t p1 = 0x80000000;  // arch/sh/include/cpu-common/cpu/addrspace.h: P1SEG, PAGE_OFFSET
constexpr Range in_p1{0, 512 * mib};
constexpr std::uint64_t heap_size = 64 * kib;  // HEAP_SIZE, arch/sh/boot/compressed/misc.c; bzip2's would be 4 MiB
constexpr std::uint64_t cmdline_limit = 511;   // COMMAND_LINE_SIZE - 1, include/uapi/asm-generic/setup.h
// Offsets in the page of parameters, arch/sh/include/asm/setup.h.
constexpr std::uint64_t loader_type_at = 0x0c, initrd_start_at = 0x10, initrd_size_at = 0x14, cmdline_at = 0x100;
// The serial port that the console is on, in P4. Source: arch/sh/kernel/cpu/sh4/setup-sh7750.c (scif_resources).
constexpr std::uint64_t scif = 0xffe80000;

constexpr std::string_view crash_words[] = {"mem", "elfcorehdr"};

// Physical addresses.
struct Kernel {
  Range parameters;
  std::uint64_t entry;
};

Result<Kernel> add_kernel(Placement& placement, const LoadRequest& request) {
  if (request.kernel->format != Format::sh_zimage) {
    return fail(Errc::unsupported, asked_of(request),
                std::string("no boot protocol for ") + to_string(request.kernel->format), "give a zImage");
  }
  const std::uint64_t page = placement.page_size();
  const LoadPart& part = request.kernel->parts.front();
  const std::uint64_t kernel_entry = request.kernel->sh_zimage->kernel_entry;
  if (kernel_entry < p1 + page || part.physical < kernel_entry || part.physical + part.memory_size > p1 + in_p1.end) {
    return fail(Errc::corrupt, asked_of(request),
                "the zImage at " + hex(part.physical) + " unpacks a kernel to " + hex(kernel_entry) +
                    ", which is not below it in P1");
  }
  const std::uint64_t parameters = kernel_entry - page - p1;
  const Range image{part.physical - p1, part.physical - p1 + part.memory_size + heap_size};
  const Range all{parameters, image.end};
  if (!placement.is_free(all.start, all.size())) {
    return fail(Errc::no_space, asked_of(request),
                "the kernel is unpacked and runs at " + all.str() + " only, and not all of that is free memory",
                request.crash ? "build the crash kernel with CONFIG_MEMORY_START and CONFIG_PHYSICAL_START at the "
                                "reservation's start"
                              : "give the machine more memory");
  }
  if (auto taken = placement.reserve_at("kernel", all.start, all.size()); !taken) return tl::unexpected(taken.error());
  const Range where = in_pages({image.start, image.start + part.file_size}, page);
  placement.add("kernel", where, {Piece::of_source(request.kernel_source, part.file_offset, part.file_size)});
  return Kernel{{parameters, parameters + page}, image.start};
}

// Where the kernel's memory begins, which initrds are told from.
std::uint64_t memory_start(const LoadRequest& request) {
  if (request.crash) return crash_reservation(request.machine->memory)->start;
  return request.machine->memory.ram().ranges().front().start;
}

std::string command_line(const LoadRequest& request, const Range& elfcorehdr) {
  if (!request.crash) return request.cmdline;
  std::string text = without_words(request.cmdline, {"mem", "elfcorehdr"});
  text += text.empty() ? "" : " ";
  text += "mem=" + std::to_string((elfcorehdr.start - memory_start(request)) / kib) + "K";
  return text + " elfcorehdr=" + hex(elfcorehdr.size()) + "@" + hex(elfcorehdr.start);
}

Result<Bytes> make_parameters(const LoadRequest& request, const Range& initrd, const Range& elfcorehdr) {
  const auto cmdline = cmdline_bytes(request, command_line(request, elfcorehdr), cmdline_limit);
  if (!cmdline) return cmdline;
  Bytes block(cmdline_at);
  if (!initrd.empty()) {
    const auto put = [&](std::uint64_t at, std::uint64_t value) {
      write_int<std::uint32_t>(block, at, static_cast<std::uint32_t>(value), std::endian::little);
    };
    put(loader_type_at, 1);
    put(initrd_start_at, initrd.start - memory_start(request));
    put(initrd_size_at, initrd.size());
  }
  block.insert(block.end(), cmdline->begin(), cmdline->end());
  return block;
}

// The order of placing: what has the tightest rules first; what holds addresses of others after them. A crash kernel's
// core header comes before its initrd, so that it lies at the very end, where mem= cuts it off.
Result<Plan> plan_sh4(const LoadRequest& request) {
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(ram_not_reserved(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  Placement placement(*free, request.machine->page_size);
  const auto kernel = add_kernel(placement, request);
  if (!kernel) return tl::unexpected(kernel.error());
  const Rules high{1, in_p1, RangeSet::Prefer::high};
  const auto header = add_elfcorehdr(placement, request,
                                     {ram_not_crash(*request.machine), EM_SH, std::endian::little, 32, p1, {}}, high);
  if (!header) return tl::unexpected(header.error());
  const auto initrd = add_initrd(placement, request, high);
  if (!initrd) return tl::unexpected(initrd.error());
  auto parameters = make_parameters(request, *initrd, in_pages(*header, placement.page_size()));
  if (!parameters) return tl::unexpected(parameters.error());
  placement.add("parameters", kernel->parameters, {Piece::of(std::move(*parameters))});
  const auto stub = add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::little,
                             {.entry = kernel->entry, .console = scif}, in_p1);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

}  // namespace

extern const Arch arch_sh4;
const Arch arch_sh4 = {
    .name = "sh4",
    .kexec_arch = EM_SH << 16,
    .bits = 32,
    .order = std::endian::little,
    .elf_machine = EM_SH,
    .plan_kernel = plan_sh4,
    .usable = ram_not_reserved,
    .crash_cmdline_words = crash_words,
};

}  // namespace kexlab
