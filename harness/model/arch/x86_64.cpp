// SPDX-License-Identifier: Apache-2.0
// x86_64: destinations end where page tables do; kexec_file_load takes a bzImage for 64 bits.
#include <algorithm>

#include "harness/model/contract.h"
#include "harness/model/file_image.h"

namespace kexlab::model {
namespace {

/// MAXMEM - 1: 46 bits of physical address, with five-level paging 52.
/// Source: arch/x86/include/asm/kexec.h, asm/sparsemem.h.
std::uint64_t destination_limit(const Situation& situation) {
  return (std::uint64_t{1} << (situation.la57 ? 52 : 46)) - 1;
}

// struct setup_header. Source: Documentation/x86/boot.rst; arch/x86/kernel/kexec-bzimage64.c, bzImage64_probe.
bool is_bzimage64(const File& kernel, const Situation& situation) {
  constexpr std::uint64_t two_sectors = 1024;
  constexpr std::uint32_t hdrs = 0x53726448;  // "HdrS"
  constexpr std::uint16_t first_protocol = 0x20c, kernel_64 = 1, above_4g = 2, five_level = 1 << 5;
  const ByteView head = kernel.head;
  const auto xloadflags = little_field<std::uint16_t>(head, 0x236);
  return kernel.size >= two_sectors && little_field<std::uint32_t>(head, 0x202) == hdrs &&
         little_field<std::uint16_t>(head, 0x1fe) == 0xaa55 &&
         little_field<std::uint16_t>(head, 0x206) >= first_protocol &&
         (little_field<std::uint8_t>(head, 0x211) & 1) != 0 && (xloadflags & kernel_64) != 0 &&
         (xloadflags & above_4g) != 0 && (!situation.la57 || (xloadflags & five_level) != 0);
}

/// PAGE_ALIGN of init_size, which has 32 bits: of its last page nothing is left.
std::uint32_t whole_pages(std::uint32_t bytes) {
  constexpr std::uint32_t page = 4096;
  return (bytes + page - 1) & ~(page - 1);
}

// bzImage64_load. The room for elfcorehdr= is asked for whether or not it is a crash image.
ImageNeeds bzimage64_needs(const File& kernel) {
  constexpr std::uint64_t sector = 512, elfcorehdr_bytes = 30;
  const auto sectors = little_field<std::uint8_t>(kernel.head, 0x1f1);
  const std::uint64_t setup = (std::uint64_t{sectors == 0 ? std::uint8_t{4} : sectors} + 1) * sector;
  const std::uint64_t most = little_field<std::uint32_t>(kernel.head, 0x238);
  return {.whole = kernel.size >= setup,
          .pieces = {{.loaded = kernel.size - std::min(kernel.size, setup),
                      .memory = whole_pages(little_field<std::uint32_t>(kernel.head, 0x260))}},
          .longest_cmdline = most - std::min(most, elfcorehdr_bytes)};
}

// Source: arch/x86/kernel/crash_core_64.c, later vmcore_info_64.c (arch_crash_save_vmcoreinfo).
constexpr InfoLine vmcoreinfo[] = {{"NUMBER(phys_base)"},
                                   {"SYMBOL(init_top_pgt)"},
                                   {"NUMBER(pgtable_l5_enabled)"},
                                   {"KERNELOFFSET"},
                                   {"NUMBER(KERNEL_IMAGE_SIZE)"},
                                   {"SYMBOL(node_data)", "NUMA", {6, 1}},
                                   {"LENGTH(node_data)", "NUMA", {6, 1}},
                                   {"NUMBER(sme_mask)", "", {6, 1}}};

// crash_setup_regs stores cs, ss and the flags as they are then: in the kernel, with interrupts off since panic()
// began. ss is __KERNEL_DS, or 0 where the task was switched to behind an interrupt that came from a program (a CPU of
// 64 bits does not need it). Bit 1 of the flags is always set. Source: arch/x86/include/asm/kexec.h, segment.h;
// kernel/panic.c.
constexpr DumpRegister called[] = {{17, "cs", DumpRegister::Is::bits, 0xffff, 0x10},
                                   {18, "rflags", DumpRegister::Is::bits, 0x202, 0x2},
                                   {20, "ss", DumpRegister::Is::bits, 0xffff & ~0x18, 0}};

// Source: arch/x86/include/asm/page_64.h (__phys_addr_nodebug), page_64_types.h (__START_KERNEL_map).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf& number) {
  const auto base = number("NUMBER(phys_base)");
  return base ? std::optional(address - 0xffffffff80000000 + *base) : std::nullopt;
}

// setup_sects, boot_flag, header, version, loadflags, xloadflags, cmdline_size.
constexpr HeaderField fields[] = {{0x1f1, 1}, {0x1fe, 2}, {0x202, 4}, {0x206, 2}, {0x211, 1}, {0x236, 2}, {0x238, 4}};
constexpr HeaderField init_size{0x260, 4};

constexpr FileFormat bzimage64{
    enoexec, "KEXEC_BZIMAGE_VERIFY_SIG", is_bzimage64, bzimage64_needs, {.memory = init_size, .others = fields}};

}  // namespace

extern const Contract contract_x86_64;
const Contract contract_x86_64{
    .target = "x86_64",
    .kexec_arch = std::uint64_t{62} << 16,
    .bits = 64,
    .dumped = {.registers = 27,
               .program_counter = 16,
               .stack_pointer = 19,
               .called = called,
               .vmcoreinfo = vmcoreinfo,
               .physical = dumped_at,
               .text_header = true,
               .first_mib_left_out = true,
               .headers_left_out = true},
    .destination_limit = destination_limit,
    .control_bytes = 8192,
    .file_format = &bzimage64,
};

}  // namespace kexlab::model
