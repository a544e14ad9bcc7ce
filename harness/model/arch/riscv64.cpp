// SPDX-License-Identifier: Apache-2.0
// riscv64: kexec_load wants a device tree among the segments.
#include <limits>

#include "harness/model/call.h"
#include "harness/model/contract.h"

namespace kexlab::model {
namespace {

constexpr std::uint64_t header_bytes = 40;  // sizeof(struct fdt_header), scripts/dtc/libfdt/fdt.h

struct Header {
  ByteView bytes;
  [[nodiscard]] std::uint32_t word(std::size_t index) const {
    return read_int<std::uint32_t>(bytes, index * 4, std::endian::big).value_or(0);
  }
};

// A block inside the tree: behind the header, its end not past the tree's, as check_off_ has it.
bool inside(std::uint64_t from, std::uint64_t end, std::uint64_t at) { return at >= from && at <= end; }

// fdt_check_header of a tree of version 17, the first that kexec-tools, firmware and libfdt write. Source:
// scripts/dtc/libfdt/fdt.c.
bool is_tree(const Header& header) {
  constexpr std::uint32_t magic = 0xd00dfeed, version = 17, oldest = 2;
  const std::uint64_t total = header.word(1), structure = header.word(2), strings = header.word(3);
  if (header.word(0) != magic || header.word(5) < version) return false;
  if (header.word(6) > version || header.word(6) < oldest) return false;
  if (total < header_bytes || total > std::numeric_limits<std::int32_t>::max()) return false;
  return inside(header_bytes, total, header.word(4)) && inside(header_bytes, total, structure) &&
         inside(header_bytes, total, structure + header.word(9)) && inside(header_bytes, total, strings) &&
         inside(header_bytes, total, strings + header.word(8));
}

// The kernel reads the header wherever `buf` points to, whatever bufsz says. Only bytes that are in the plan itself can
// be a tree: patterns and images are none.
bool carries_tree(const CallSegment& segment) {
  if (segment.memsz <= header_bytes || segment.readable < header_bytes || segment.planned == nullptr) return false;
  const auto& pieces = segment.planned->pieces;
  if (pieces.empty() || pieces.front().bytes.size() < header_bytes) return false;
  return is_tree({ByteView(pieces.front().bytes).first(header_bytes)});
}

// The first tree counts; one at address 0 is taken for none.
Decision check_tree(const Call& call) {
  for (const CallSegment& segment : call.segments) {
    if (carries_tree(segment)) return refuse_if(segment.mem == 0, einval);
  }
  return Answer{-1, einval};
}

constexpr PrepareRule prepare[] = {
    {{"device_tree", "a segment's buffer begins with a flattened device tree, and is not to go to address 0",
      "arch/riscv/kernel/machine_kexec.c: machine_kexec_prepare",
      "add the device tree for the next kernel as a segment of its own"},
     check_tree},
};

// Kernels before 6.2 tell nothing, and later ones less than this until 6.12. A kernel that executes in place does not
// tell how far its text lies from RAM. Source: arch/riscv/kernel/vmcore_info.c (arch_crash_save_vmcoreinfo).
constexpr Version first{6, 12};
constexpr InfoLine vmcoreinfo[] = {
    {"NUMBER(phys_ram_base)", "", first},    {"NUMBER(PAGE_OFFSET)", "", first},
    {"NUMBER(VMALLOC_END)", "", first},      {"NUMBER(VA_BITS)", "", first},
    {"NUMBER(VMEMMAP_START)", "", first},    {"NUMBER(VMEMMAP_END)", "", first},
    {"NUMBER(MODULES_VADDR)", "", first},    {"NUMBER(MODULES_END)", "", first},
    {"NUMBER(KERNEL_LINK_ADDR)", "", first}, {"NUMBER(va_kernel_pa_offset)", "!XIP_KERNEL", first}};

// Source: arch/riscv/include/asm/page.h (kernel_mapping_va_to_pa).
std::optional<std::uint64_t> dumped_at(std::uint64_t address, const DumpContract::NumberOf& number) {
  const auto link = number("NUMBER(KERNEL_LINK_ADDR)"), offset = number("NUMBER(va_kernel_pa_offset)");
  return link && offset && address >= *link ? std::optional(address - *offset) : std::nullopt;
}

// riscv_crash_save_regs is a function that crash_setup_regs calls, with the place for the registers on the caller's
// stack (a0). gp is the image's global pointer, or with CONFIG_SHADOW_CALL_STACK that stack's; tp is the task.
// Source: arch/riscv/kernel/crash_save_regs.S; kernel/kexec_core.c, later crash_core.c (__crash_kexec).
constexpr DumpRegister called[] = {{1, "ra", DumpRegister::Is::text},
                                   {3, "gp", DumpRegister::Is::kernel},
                                   {4, "tp", DumpRegister::Is::kernel},
                                   {10, "a0", DumpRegister::Is::near_stack}};

}  // namespace

extern const Contract contract_riscv64;
const Contract contract_riscv64{
    .target = "riscv64",
    .kexec_arch = std::uint64_t{243} << 16,
    .bits = 64,
    .dumped = {.registers = 32,
               .program_counter = 0,
               .stack_pointer = 2,
               .called = called,
               .vmcoreinfo = vmcoreinfo,
               .physical = dumped_at},
    .control_bytes = 4096,
    .prepare = prepare,
};

}  // namespace kexlab::model
