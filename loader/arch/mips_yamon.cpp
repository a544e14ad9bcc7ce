// SPDX-License-Identifier: Apache-2.0
// MIPS, 32 and 64 bits, either byte order: how Linux is started here, and the plan that prepares it.
//
// The jump. machine_kexec() (arch/mips/kernel/machine_kexec.c) disables interrupts, flushes the caches and runs
// relocate_new_kernel (relocate_kernel.S) from a copy. All of it goes through the unmapped segment that the kernel
// itself lives in, KSEG0 or for 64 bits XKPHYS, so nothing is switched off: it copies word by word and jumps to
// phys_to_virt(`entry`). Thus `entry` and all destinations are physical addresses, and the first instruction runs at
// the address's image in KSEG0 or XKPHYS, with the exception vectors and the TLB of the kernel before. a0 to a3 are
// kexec_args[], which no system call sets: 0, unless the kernel was built for UHI and found a DTB among the segments.
// A crash image lies in place, and the same code jumps to it.
//
// What the kernel wants. Malta boards come with YAMON: a0 = argc, a1 = argv, a2 = envp, a3 = memory size
// (arch/mips/kernel/head.S; arch/mips/fw/lib/cmdline.c). argv[1] and on are joined by blanks to the command line; envp
// is an array of name, value, name, value, …, 0. All pointers have 32 bits and lie in KSEG0 (a 64-bit kernel extends
// their sign). So the stub (mips_stub.S) loads the four registers from a block, which holds the rest too.
//   The memory's size is `ememsize` or `memsize` of the environment, a decimal number of bytes
// (arch/mips/mti-malta/malta-dtshim.c, append_memory); a big-endian kernel leaves the last page of it alone, so a size
// that was made of the running kernel's RAM is rounded up again. The initrd is told on the command line alone:
// rd_start= a virtual address at a page, rd_size= (arch/mips/kernel/setup.c). QEMU as the loader does the same, so a
// command line that was copied from the running kernel names the initrd of before: these words are taken out, and put
// behind anew.
//
// Where it may lie. A vmlinux without CONFIG_RELOCATABLE runs where it was linked: its p_paddr are KSEG0 addresses
// (64 bits: sign-extended), and there the segments go; the running kernel's code may be overwritten. All else lies in
// the first 512 MiB, what KSEG0 shows.
//
// Crash kernels (KEXEC_ON_CRASH). Nothing moves a crash kernel into the reservation, so it has to be another kernel,
// one built with CONFIG_PHYSICAL_START at the reservation's start; the reservation starts at 64 MiB where
// crashkernel= names no address and nothing is in the way (CRASH_ALIGN, arch/mips/kernel/setup.c). mem=SIZE@START takes
// all other memory from the kernel (early_parse_mem). memmap=SIZE$0 behind it gives back the first page and reserves it
// at once: the table of pages has to begin with page 0, else the kernel looks behind its end (mm/page_alloc.c,
// alloc_node_mem_map, whose mem_map is not moved to where ARCH_PFN_OFFSET would have it; seen as "Bad page state"
// on 6.1). elfcorehdr=SIZE@ADDRESS names the core header (kernel/crash_dump.c).
//
// Source of all file names above: Linux 6.1.
#include "loader/arch/mips_yamon.h"

#include <elf.h>

#include <array>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr std::uint64_t kseg0 = 0x80000000;                  // arch/mips/include/asm/addrspace.h
constexpr std::uint64_t xkphys_cached = 0x9800000000000000;  // the same; PAGE_OFFSET of 64 bits is CAC_BASE
constexpr Range in_kseg0{0, 512 * mib};
constexpr std::uint64_t largest_page = 64 * kib;
constexpr std::uint64_t cmdline_limit = 4095;  // COMMAND_LINE_SIZE - 1, arch/mips/include/uapi/asm/setup.h
// The first serial port, behind the PCI bridge's I/O window. Source: QEMU hw/mips/malta.c (write_bootloader programs
// the GT-64120's PCI0 I/O to 0x18000000), arch/mips/mti-malta/malta-platform.c (0x3f8).
constexpr std::uint64_t com1 = 0x180003f8;

std::uint64_t kseg0_address(const MipsVariant& variant, std::uint64_t physical) {
  constexpr std::uint64_t sign = 0xffffffff00000000;
  return (physical + kseg0) | (variant.bits == 64 ? sign : 0);
}

// YAMON's arguments: {a0, a1, a2, a3}, argv[], envp[], and their strings.
class Arguments {
 public:
  Arguments(std::endian order, std::uint64_t address) : order_(order), address_(address) {}

  // Takes effect on block(); the strings of a list are laid out behind it.
  std::uint32_t list(const std::vector<std::string>& strings) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + 4 * (strings.size() + 1));
    for (std::size_t i = 0; i < strings.size(); ++i) {
      put(at + 4 * i, pointer(bytes_.size()));
      const Bytes text = to_bytes(as_bytes(strings[i]));
      bytes_.insert(bytes_.end(), text.begin(), text.end());
      bytes_.push_back(std::byte{0});
    }
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    return pointer(at);
  }
  void registers(const std::array<std::uint32_t, 4>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) put(4 * i, values[i]);
  }
  Bytes take() { return std::move(bytes_); }

 private:
  void put(std::size_t at, std::uint32_t value) { write_int<std::uint32_t>(bytes_, at, value, order_); }
  [[nodiscard]] std::uint32_t pointer(std::size_t offset) const {
    return static_cast<std::uint32_t>(kseg0 + address_ + offset);
  }

  std::endian order_;
  std::uint64_t address_;
  Bytes bytes_ = Bytes(16);
};

Bytes make_arguments(std::endian order, std::uint64_t address, const std::string& cmdline, std::uint64_t memory) {
  Arguments arguments(order, address);
  const std::string size = std::to_string(memory);
  const std::uint32_t argv = arguments.list({"linux", cmdline});
  const std::uint32_t envp = arguments.list({"memsize", size, "ememsize", size});
  arguments.registers({2, argv, envp, static_cast<std::uint32_t>(memory)});
  return arguments.take();
}

Result<std::uint64_t> add_kernel(Placement& placement, const LoadRequest& request, const MipsVariant& variant) {
  const auto extent = elf_extent(request, placement.page_size());
  if (!extent) return tl::unexpected(extent.error());
  const auto entry = elf_entry(request);
  if (!entry) return tl::unexpected(entry.error());
  const std::uint64_t moved = 0 - kseg0_address(variant, 0);
  const Range where{extent->start + moved, extent->end + moved};
  if (!in_kseg0.contains(where)) {
    return fail(Errc::unsupported, asked_of(request),
                "the kernel is linked for " + extent->str() + ", which is not in KSEG0");
  }
  if (!placement.is_free(where.start, where.size())) {
    return fail(Errc::no_space, asked_of(request),
                "the kernel runs at " + where.str() + " only, and not all of that is free memory",
                request.crash ? "build the crash kernel with CONFIG_PHYSICAL_START inside the reservation"
                              : "give the machine more memory");
  }
  const auto reserved = placement.reserve_at("kernel", where.start, where.size());
  if (!reserved) return tl::unexpected(reserved.error());
  if (auto added = add_parts(placement, request, {*reserved, moved}); !added) return tl::unexpected(added.error());
  return *entry + moved;
}

CoreHeader core_header(const Machine& machine, const MipsVariant& variant) {
  const std::uint64_t direct_map = variant.bits == 64 ? xkphys_cached : kseg0;
  return {ram_not_crash(machine), EM_MIPS, variant.order, variant.bits, direct_map, {}};
}

std::string kib_text(std::uint64_t bytes) { return std::to_string(bytes / kib) + "K"; }

// What was asked for, and behind it what the new kernel has to know.
std::string command_line(const LoadRequest& request, const MipsVariant& variant, const Range& initrd,
                         const Range& elfcorehdr) {
  std::string text = without_words(request.cmdline, {"rd_start", "rd_size", "elfcorehdr"});
  if (request.crash) text = without_words(text, {"mem", "memmap"});
  const auto add = [&text](const std::string& word) { text.append(text.empty() ? "" : " ").append(word); };
  if (!initrd.empty()) {
    add("rd_start=" + hex(kseg0_address(variant, initrd.start)));
    add("rd_size=" + hex(initrd.size()));
  }
  if (request.crash) {
    const Range memory = *crash_reservation(request.machine->memory);
    add("mem=" + kib_text(memory.size()) + "@" + kib_text(memory.start));
    add("memmap=" + kib_text(largest_page) + "$0K");
    add("elfcorehdr=" + hex(elfcorehdr.size()) + "@" + hex(elfcorehdr.start));
  }
  return text;
}

Result<Range> add_arguments(Placement& placement, const LoadRequest& request, const MipsVariant& variant,
                            const std::string& cmdline) {
  if (auto checked = cmdline_bytes(request, cmdline, cmdline_limit); !checked) return tl::unexpected(checked.error());
  const std::uint64_t memory = align_up(request.machine->memory.ram().total(), largest_page).value_or(0);
  // The size of the block does not depend on where it lies.
  const std::uint64_t size = make_arguments(variant.order, 0, cmdline, memory).size();
  const auto where = placement.reserve("arguments", size, {1, in_kseg0, RangeSet::Prefer::high});
  if (where) {
    placement.add("arguments", *where, {Piece::of(make_arguments(variant.order, where->start, cmdline, memory))});
  }
  return where;
}

}  // namespace

// The order of placing: what has the tightest rules first; what holds addresses of others after them.
Result<Plan> plan_mips(const LoadRequest& request, const MipsVariant& variant) {
  const auto free = request.crash ? crash_memory(request) : Result<RangeSet>(ram_not_reserved(*request.machine, false));
  if (!free) return tl::unexpected(free.error());
  Placement placement(*free, request.machine->page_size);
  const auto entry = add_kernel(placement, request, variant);
  if (!entry) return tl::unexpected(entry.error());
  const auto initrd = add_initrd(placement, request, {1, in_kseg0, RangeSet::Prefer::high});
  if (!initrd) return tl::unexpected(initrd.error());
  const auto header = add_elfcorehdr(placement, request, core_header(*request.machine, variant),
                                     {largest_page, in_kseg0, RangeSet::Prefer::high});
  if (!header) return tl::unexpected(header.error());
  const auto arguments = add_arguments(
      placement, request, variant, command_line(request, variant, *initrd, in_pages(*header, placement.page_size())));
  if (!arguments) return tl::unexpected(arguments.error());
  const auto stub =
      add_stub(placement, request, variant.stub, variant.order, {*entry, arguments->start, com1}, in_kseg0);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

}  // namespace kexlab
