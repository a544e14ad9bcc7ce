// SPDX-License-Identifier: Apache-2.0
// s390x: how Linux is started here, and the plan that prepares it.
//
// The jump. __do_machine_kexec() (arch/s390/kernel/machine_kexec.c) resets the channel subsystem's and the CPU's state
// (s390_reset_system: prefix 0), switches address translation off and runs relocate_kernel (relocate_kernel.S) from the
// control page: it copies the segments page by page, writes a PSW of 8 bytes to absolute address 0, disabled and for 31
// bits, its address the entry with bit 31 set, and gives all to the machine by DIAGNOSE 308, subcode 0: clear reset,
// then that PSW is loaded. So the entry must lie below 2 GiB, and whatever a segment holds in the first 8 bytes of
// memory is lost. An entry of 0 keeps these bytes: then the image brings its own PSW at absolute 0.
//
// What the kernel wants. The image lies with its first byte at 0 (arch/s390/boot/head.S), and is entered at 0x10000 in
// 31-bit mode; what lies below it is for loading from a device only, and is left out. Its parameters are in the image
// itself (struct parmarea, arch/s390/include/asm/setup.h): address and size of the initrd, the memory of a crashed
// kernel, the command line. The stub (s390x_stub.S) hands nothing over.
//
// Where it may lie. The kernel at 0x10000 and nowhere else. The decompressor's own BSS and stacks are inside the image
// (arch/s390/boot/vmlinux.lds.S), its heap right behind it (decompressor.c); it unpacks the kernel behind 1 MiB, or at
// a random place above all that it was given, and moves an initrd that is in the way (startup.c: rescue_initrd). So the
// initrd lies right behind the image, where kexec_file_load puts it (machine_kexec_file.c: kexec_file_add_initrd), and
// leaves what is above free. Memory below 0x10000 stays free: the CPU's lowcore is there. Entry and stub lie below 2
// GiB.
//
// QEMU 7.2 forgets to throw away what it has translated where MVC, MVCLE and their like write: it looks
// at the first byte of a page only (accel/tcg/cputlb.c, probe_access_flags: notdirty_write with a size of 1). Then code
// of the first kernel may run in the place of the second's, and each store into a page that holds such code takes a
// thousand times as long: unpacking took 78 s. Stores of the ordinary kind are seen, so the stub reads and writes back
// once all memory that the kernel will unpack itself to. A CPU of metal does that within a few milliseconds.
//
// Crash kernels (KEXEC_ON_CRASH) need CONFIG_CRASH_DUMP in the kernel that crashes (machine_kexec_prepare), which no
// kernel of Debian's has, and in the one that starts. The image lies in the reservation as it will lie from 0 on, and
// its parameters count from there; OLDMEM_BASE and OLDMEM_SIZE (arch/s390/include/asm/setup.h) tell it the reservation.
// The stub lets reservation and the memory from 0 on change places and enters at 0x10010 (head.S:
// STARTUP_KDUMP_OFFSET), where head_kdump.S would do that itself if it found itself elsewhere, by MVC. The page at 0,
// the next kernel's lowcore, is cleared. The crash kernel makes its core header itself (crash_dump.c:
// elfcorehdr_alloc), from what the CPUs left in the lowcore.
//
// Source of all file names above: Linux 6.1.
#include <elf.h>

#include <algorithm>

#include "kexlab/text.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/s390x_stub.inc"
};

constexpr std::uint64_t unpacked_end = 64 * mib;  // of Debian's kernels, BSS included, with room to grow
constexpr Range lowcore_and_loader{0, S390Facts::start};
constexpr Range short_psw{0, 2 * gib};  // 31 bits of address

constexpr std::uint64_t kdump_entry = 0x10010;

RangeSet usable(const Machine& machine, bool crash) {
  const RangeSet free = ram_not_reserved(machine, crash);
  return crash ? free : without(free, RangeSet({lowcore_and_loader}));
}

/// Parameters as the kernel's image has them: big-endian, 8 bytes each.
Bytes big_words(std::initializer_list<std::uint64_t> values) {
  Bytes bytes(values.size() * 8);
  std::size_t at = 0;
  for (const std::uint64_t value : values) {
    write_int<std::uint64_t>(bytes, at, value, std::endian::big);
    at += 8;
  }
  return bytes;
}

// The image with its parameters in it. What is left of the room for the command line is cleared: images come with a
// command line of their own.
Result<std::vector<Piece>> kernel_pieces(const LoadRequest& request, const Range& initrd, const Range& oldmem) {
  const S390Facts& facts = *request.kernel->s390;
  auto text = cmdline_bytes(request, request.cmdline, facts.cmdline_size - 1);
  if (!text) return tl::unexpected(text.error());
  text->resize(facts.cmdline_size);
  const std::uint64_t behind = S390Facts::cmdline_at + facts.cmdline_size;
  const std::uint64_t size = S390Facts::start + request.kernel->parts.front().file_size;
  const auto from_file = [&](std::uint64_t start, std::uint64_t end) {
    return Piece::of_source(request.kernel_source, start, end - start);
  };
  return std::vector<Piece>{
      from_file(S390Facts::start, S390Facts::initrd_at),
      Piece::of(big_words({initrd.start, initrd.size(), oldmem.start, oldmem.size()})),
      from_file(S390Facts::behind_oldmem, S390Facts::cmdline_at),
      Piece::of(std::move(*text)),
      from_file(behind, size),
  };
}

/// The end of what the stub writes back: whole pages of RAM without a hole from the kernel on, reserved ones left out.
std::uint64_t end_of_rewriting(const Machine& machine, std::uint64_t kernel_end) {
  for (const Range& range : usable(machine, false).ranges()) {
    if (range.contains(S390Facts::start)) return std::min(align_down(range.end, machine.page_size), unpacked_end);
  }
  return kernel_end;
}

/// What a kernel's place differs in between a reboot and a crash.
struct Start {
  Range whole;  ///< the reservation that the crash kernel gets, where the image's addresses count from; else empty
  StubValues values;  ///< but for the address that is written back to after a reboot
};

Result<Plan> plan_in(Placement placement, const LoadRequest& request, const Start& start) {
  const std::uint64_t size = request.kernel->parts.front().file_size, base = start.whole.start;
  const auto kernel = placement.reserve_at("kernel", base + S390Facts::start, size);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = add_initrd(placement, request, {});
  if (!initrd) return tl::unexpected(initrd.error());
  const Range told = initrd->empty() ? Range{} : Range{initrd->start - base, initrd->end - base};
  auto pieces = kernel_pieces(request, told, start.whole);
  if (!pieces) return tl::unexpected(pieces.error());
  placement.add("kernel", *kernel, std::move(*pieces));
  StubValues values = start.values;
  if (start.whole.empty()) values.argument = end_of_rewriting(*request.machine, kernel->end);
  const auto stub = add_stub(placement, request, std::as_bytes(std::span(stub_code)), std::endian::big, values,
                             start.whole.empty() ? short_psw : start.whole);
  if (!stub) return tl::unexpected(stub.error());
  return plan_of(placement, stub->start);
}

// All in the reservation, which will change places with the memory from 0 on: they must not overlap.
Result<Plan> plan_crash(const LoadRequest& request) {
  const auto free = crash_memory(request);
  if (!free) return tl::unexpected(free.error());
  const Range whole = free->ranges().front();
  if (whole.start < whole.size()) {
    return fail(Errc::no_space, asked_of(request),
                "the reservation, " + hex(whole.size()) + " bytes at " + hex(whole.start) +
                    ", overlaps the memory from 0 on that it changes places with",
                "reserve less, or in a machine with more memory");
  }
  Placement placement(without(*free, RangeSet({{whole.start, whole.start + S390Facts::start}})),
                      request.machine->page_size);
  placement.add("lowcore", {whole.start, whole.start + request.machine->page_size}, {});
  return plan_in(std::move(placement), request,
                 {whole, {.entry = kdump_entry, .argument = whole.start, .console = whole.size()}});
}

Result<Plan> plan_s390x(const LoadRequest& request) {
  if (request.kernel->format != Format::s390_image) {
    return fail(Errc::unsupported, asked_of(request),
                std::string("no boot protocol for ") + to_string(request.kernel->format), "use the image (bzImage)");
  }
  if (request.crash) return plan_crash(request);
  return plan_in(Placement(usable(*request.machine, false), request.machine->page_size), request,
                 {{}, {.entry = S390Facts::start}});
}

}  // namespace

extern const Arch arch_s390x;
const Arch arch_s390x = {
    .name = "s390x",
    .kexec_arch = EM_S390 << 16,
    .bits = 64,
    .order = std::endian::big,
    .elf_machine = EM_S390,
    .plan_kernel = plan_s390x,
    .usable = usable,
};

}  // namespace kexlab
