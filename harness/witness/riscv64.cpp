// SPDX-License-Identifier: Apache-2.0
// The state at entry on riscv64: supervisor mode, MMU off, no interrupt enabled, and three registers that tell
// something.
//
// The normal way ends in riscv_kexec_relocate, the way after a panic in riscv_kexec_norelocate (both
// arch/riscv/kernel/kexec_relocate.S). The second lets the instruction behind the switch of the MMU fault, with the
// entry as trap vector: so scause, sepc and stval are those of that fault, though it has cleared them before. ra, sp,
// gp and tp hold what the kernel had in them. Of sip software can clear one bit only; what is pending is masked by sie.
#include "harness/witness/entry_state.h"

namespace kexlab::witness {
namespace {

// Source: arch/riscv/include/asm/csr.h (SR_SIE).
constexpr std::uint64_t sstatus_sie = 1u << 1;

constexpr std::string_view relocate = "arch/riscv/kernel/kexec_relocate.S: riscv_kexec_relocate";
constexpr std::string_view cleared = "all registers that carry nothing are cleared";

constexpr RegisterRule zero(std::string_view name) { return {name, all_bits, 0, cleared, relocate}; }

constexpr RegisterRule rules[] = {
    {.name = "a0",
     .mask = ~std::uint64_t{0xfff},
     .text = "the hart's id",
     .source = "arch/riscv/kernel/machine_kexec.c: machine_kexec (this_hart_id)",
     .is = RegisterRule::Is::cpu},
    {.name = "a1",
     .mask = all_bits,
     .text = "the device tree's segment",
     .source = relocate,
     .is = RegisterRule::Is::demanded},
    {.name = "a2", .mask = all_bits, .text = "the entry", .source = relocate, .is = RegisterRule::Is::entry},
    zero("a3"),
    zero("a4"),
    zero("a5"),
    zero("a6"),
    zero("a7"),
    zero("s0"),
    zero("s1"),
    zero("s2"),
    zero("s3"),
    zero("s4"),
    zero("s5"),
    zero("s6"),
    zero("s7"),
    zero("s8"),
    zero("s9"),
    zero("s10"),
    zero("s11"),
    zero("t0"),
    zero("t1"),
    zero("t2"),
    zero("t3"),
    zero("t4"),
    zero("t5"),
    zero("t6"),
    {"satp", all_bits, 0, "the MMU is off", relocate},
    {"sie", all_bits, 0, "no interrupt is enabled", relocate},
    {"sscratch", all_bits, 0, cleared, relocate},
    {"sstatus", sstatus_sie, 0, "interrupts are off", "arch/riscv/kernel/machine_kexec.c: machine_shutdown"},
};

}  // namespace

extern const EntryState entry_state_riscv64;
const EntryState entry_state_riscv64{"riscv64", rules};

}  // namespace kexlab::witness
