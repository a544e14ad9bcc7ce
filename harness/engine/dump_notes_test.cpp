// SPDX-License-Identifier: Apache-2.0
// What is said of the notes of a dump.
#include "harness/engine/dump_notes.h"

#include <elf.h>
#include <gmock/gmock.h>

#include <utility>

#include "harness/engine/vmcoreinfo_sample.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t text = 0xffffffffb4800000;  // _stext of the sample

/// struct elf_prstatus of x86_64: pr_pid at 32, pr_reg at 112, rip and rsp its words 16 and 19, 336 bytes in all.
struct State {
  std::uint32_t pid = 77;
  std::uint64_t rip = text + 0x1234, rsp = 0xffffc90000013e80;
  std::size_t size = 336;
  std::uint64_t cs = 0x10, flags = 0x46, ss = 0x18;
};

void append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }
Bytes note(std::string_view name, std::uint32_t type, ByteView contents, std::endian order = std::endian::little) {
  Bytes out(12);
  write_int<std::uint32_t>(out, 0, static_cast<std::uint32_t>(name.size() + 1), order);
  write_int<std::uint32_t>(out, 4, static_cast<std::uint32_t>(contents.size()), order);
  write_int<std::uint32_t>(out, 8, type, order);
  for (const char c : name) out.push_back(static_cast<std::byte>(c));
  do out.push_back(std::byte{0});
  while (out.size() % 4 != 0);
  out.insert(out.end(), contents.begin(), contents.end());
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}
Bytes cpu(const State& state) {
  Bytes contents(state.size);
  write_int<std::uint32_t>(contents, 32, state.pid, std::endian::little);
  write_int<std::uint64_t>(contents, 112 + 16 * 8, state.rip, std::endian::little);
  write_int<std::uint64_t>(contents, 112 + 19 * 8, state.rsp, std::endian::little);
  if (state.size == 336 && state.rip != 0) {
    write_int<std::uint64_t>(contents, 112 + 17 * 8, state.cs, std::endian::little);
    write_int<std::uint64_t>(contents, 112 + 18 * 8, state.flags, std::endian::little);
    write_int<std::uint64_t>(contents, 112 + 20 * 8, state.ss, std::endian::little);
  }
  return note("CORE", NT_PRSTATUS, contents);
}

std::string said(const std::vector<State>& states, unsigned cpus = 1, const std::string& info = sample_vmcoreinfo(),
                 bool idle = false, bool panicked = false) {
  Machine machine;
  machine.arch = "x86_64";
  machine.page_size = 4096;
  Bytes notes;
  const auto add = [&notes](const Bytes& one) { notes.insert(notes.end(), one.begin(), one.end()); };
  for (const State& state : states) add(cpu(state));
  if (!info.empty()) add(note("VMCOREINFO", 0, as_bytes(info)));
  return read_notes(notes, std::endian::little, {machine, "6.1.0-56-cloud-amd64", cpus, idle, panicked}).wrong;
}
std::string said_of_panic(const State& state) { return said({state}, 1, sample_vmcoreinfo(), false, true); }

TEST(DumpNotes, whole_ones_have_nothing_wrong) {
  EXPECT_EQ(said({State{}}), "");
  EXPECT_EQ(said({State{.pid = 0, .rip = text + 8}, State{}}, 2), "") << "one CPU was idle";
}

TEST(DumpNotes, of_another_kernel_or_without_vmcoreinfo_are_told) {
  EXPECT_THAT(said({State{}}, 1, ""), HasSubstr("no vmcoreinfo names the crashed kernel's release"));
  EXPECT_THAT(said({State{}}, 1, "OSRELEASE=6.1.0-56-cloud-amd64\n"), HasSubstr("no line PAGESIZE=4096"));
}

TEST(DumpNotes, a_state_that_is_cut_or_empty_is_told) {
  EXPECT_THAT(said({State{.size = 272}}), HasSubstr("CPU state 0 has 272 bytes, a whole one 336"));
  EXPECT_THAT(said({State{}, State{.rip = 0, .rsp = 0}}, 2), HasSubstr("registers in its CPU state 1 are all zero"));
}

TEST(DumpNotes, there_is_one_state_for_each_cpu) {
  EXPECT_THAT(said({}), HasSubstr("there is no CPU state"));
  EXPECT_THAT(said({State{}}, 2), HasSubstr("the state of 1 CPUs, 2 ran"));
}

TEST(DumpNotes, no_two_states_are_alike) {
  EXPECT_THAT(said({State{}, State{}}, 2), HasSubstr("CPU states 0 and 1 are one and the same"));
}

TEST(DumpNotes, the_crashing_cpu_ran_a_task_in_the_kernel) {
  EXPECT_THAT(said({State{.pid = 0}}), HasSubstr("no CPU state tells the task"));
  EXPECT_THAT(said({State{.rip = text - 1}}),
              HasSubstr("program counter 0xffffffffb47fffff is not in the kernel's text"));
  EXPECT_THAT(said({State{.rip = text + (64 << 20)}}), HasSubstr("program counter"));
  EXPECT_THAT(said({State{.rsp = 0x7ffd00001000}}), HasSubstr("stack pointer 0x7ffd00001000"));
  EXPECT_THAT(said({State{.rsp = 0xffffc90000013e81}}), HasSubstr("stack pointer 0xffffc90000013e81"));
}

TEST(DumpNotes, a_panic_saves_the_registers_of_its_own_code) {
  EXPECT_EQ(said_of_panic(State{}), "");
  EXPECT_EQ(said_of_panic(State{.ss = 0}), "") << "the task was switched to behind an interrupt";
  EXPECT_THAT(said_of_panic(State{.cs = 0x33}),
              HasSubstr("its register cs is 0x33, which is not 0x10 under the mask 0xffff"));
  EXPECT_THAT(said_of_panic(State{.flags = 0x246}), HasSubstr("its register rflags is 0x246"));
  EXPECT_THAT(said_of_panic(State{.flags = 0}), HasSubstr("its register rflags is 0x0"));
  EXPECT_THAT(said_of_panic(State{.ss = 0x2b}), HasSubstr("its register ss is 0x2b"));
  EXPECT_EQ(said({State{.flags = 0x246}}), "") << "a fault may come with interrupts on";
}

// pr_reg of riscv64: pc, ra, sp, gp, tp, …, a0 the eleventh.
struct RiscvState {
  std::uint64_t ra = text + 0x2000, gp = 0xffffffffb5000000, tp = 0xff60000000123000, a0 = 0xff20000000013e90;
};
std::string said_on_riscv64(const RiscvState& state) {
  Machine machine;
  machine.arch = "riscv64";
  machine.page_size = 4096;
  Bytes contents(376);
  write_int<std::uint32_t>(contents, 32, 77, std::endian::little);
  const std::pair<unsigned, std::uint64_t> words[] = {{0, text + 8}, {1, state.ra}, {2, 0xff20000000013e80},
                                                      {3, state.gp}, {4, state.tp}, {10, state.a0}};
  for (const auto& [index, value] : words)
    write_int<std::uint64_t>(contents, 112 + index * 8, value, std::endian::little);
  Bytes notes = note("CORE", NT_PRSTATUS, contents);
  const Bytes more = note("VMCOREINFO", 0, as_bytes(sample_vmcoreinfo()));
  notes.insert(notes.end(), more.begin(), more.end());
  return read_notes(notes, std::endian::little, {machine, "6.1.0-56-cloud-amd64", 1, false, true}).wrong;
}

TEST(DumpNotes, of_riscv64_tell_where_the_registers_were_saved) {
  EXPECT_EQ(said_on_riscv64({}), "");
  EXPECT_THAT(said_on_riscv64({.ra = text - 2}),
              HasSubstr("its register ra is 0xffffffffb47ffffe, which is not in the"));
  EXPECT_THAT(said_on_riscv64({.gp = 0x3fb5000000}), HasSubstr("its register gp is 0x3fb5000000"));
  EXPECT_THAT(said_on_riscv64({.tp = 0}), HasSubstr("its register tp is 0x0, which is not an address of the kernel's"));
  EXPECT_THAT(said_on_riscv64({.a0 = 0xff20000000013e7f}), HasSubstr("its register a0"));
  EXPECT_THAT(said_on_riscv64({.a0 = 0xff20000000013e80 + (64 << 10)}), HasSubstr("which is not on the stack"));
}

// pr_reg of s390x: the PSW, then the general registers; r15 is the stack's. Behind each CPU's state there are more
// notes, and in front of all there is one that no CPU has.
Bytes cpu_of_s390x(std::uint64_t stack_pointer, std::uint32_t prefix = 0x7f8e0000) {
  Bytes contents(336);
  write_int<std::uint32_t>(contents, 32, 77, std::endian::big);
  write_int<std::uint64_t>(contents, 112 + 1 * 8, text + 8, std::endian::big);
  write_int<std::uint64_t>(contents, 112 + 17 * 8, stack_pointer, std::endian::big);
  Bytes notes = note("CORE", NT_PRSTATUS, contents, std::endian::big);
  const std::pair<std::uint32_t, std::size_t> more[] = {
      {NT_S390_TIMER, 8}, {NT_S390_TODCMP, 8}, {NT_S390_TODPREG, 4}, {NT_S390_CTRS, 128}};
  append(notes, note("CORE", NT_PRFPREG, Bytes(136), std::endian::big));
  for (const auto& [type, size] : more) append(notes, note("LINUX", type, Bytes(size), std::endian::big));
  Bytes prefix_register(4);
  write_int<std::uint32_t>(prefix_register, 0, prefix, std::endian::big);
  append(notes, note("LINUX", NT_S390_PREFIX, prefix_register, std::endian::big));
  return notes;
}
std::string said_of_s390x(const Bytes& of_cpus, unsigned cpus = 1, std::size_t process = 136) {
  Machine machine;
  machine.arch = "s390x";
  machine.page_size = 4096;
  const std::string info =
      sample_vmcoreinfo() +
      "SYMBOL(lowcore_ptr)=0\nSYMBOL(high_memory)=0\nLENGTH(lowcore_ptr)=8\nSAMODE31=0\nEAMODE31=0\n"
      "KERNELOFFSET=0\n";
  Bytes notes = note("CORE", NT_PRPSINFO, Bytes(process), std::endian::big);
  append(notes, of_cpus);
  append(notes, note("VMCOREINFO", 0, as_bytes(info), std::endian::big));
  return read_notes(notes, std::endian::big, {machine, "6.1.0-56-cloud-amd64", cpus, false}).wrong;
}
std::string said_on_s390x(std::uint64_t stack_pointer) { return said_of_s390x(cpu_of_s390x(stack_pointer)); }
Bytes vectors(std::size_t high = 256, std::size_t low = 128) {
  Bytes notes = note("LINUX", NT_S390_VXRS_HIGH, Bytes(high), std::endian::big);
  append(notes, note("LINUX", NT_S390_VXRS_LOW, Bytes(low), std::endian::big));
  return notes;
}

TEST(DumpNotes, of_s390x_tell_all_of_each_cpu) {
  Bytes two = cpu_of_s390x(0xcd3df0);
  append(two, cpu_of_s390x(0xcd5df0, 0x7f8c0000));
  EXPECT_EQ(said_of_s390x(two, 2), "");
  two = cpu_of_s390x(0xcd3df0);
  append(two, vectors());
  EXPECT_EQ(said_of_s390x(two), "");
  append(two, cpu_of_s390x(0xcd5df0));
  EXPECT_EQ(said_of_s390x(two, 2), "it has 1 notes LINUX of type 0x30a, expected 2");
  append(two, vectors());
  EXPECT_EQ(said_of_s390x(two, 2), "");
}

TEST(DumpNotes, of_s390x_that_are_wanting_or_cut_are_told) {
  const Bytes cpu = cpu_of_s390x(0xcd3df0);
  Bytes one_too_many = cpu;
  append(one_too_many, note("LINUX", NT_S390_TIMER, Bytes(8), std::endian::big));
  EXPECT_EQ(said_of_s390x(one_too_many), "it has 2 notes LINUX of type 0x301, expected 1");
  Bytes of_another_name = cpu;
  append(of_another_name, note("CORE", NT_S390_TIMER, Bytes(8), std::endian::big));
  EXPECT_EQ(said_of_s390x(of_another_name), "");
  Bytes without_the_last = cpu;
  without_the_last.resize(cpu.size() - (12 + 8 + 4));
  EXPECT_EQ(said_of_s390x(without_the_last), "it has 0 notes LINUX of type 0x305, expected 1");
  EXPECT_EQ(said_of_s390x(cpu, 1, 128), "its note CORE of type 0x3 has 128 bytes, a whole one 136");
  Bytes cut = cpu;
  append(cut, vectors(256, 64));
  EXPECT_EQ(said_of_s390x(cut), "its note LINUX of type 0x309 has 64 bytes, a whole one 128");
  for (const std::uint32_t prefix : {0u, 0x1000u, 0x7f8e1000u})
    EXPECT_THAT(said_of_s390x(cpu_of_s390x(0xcd3df0, prefix)), HasSubstr("no multiple of 8192")) << prefix;
}

TEST(DumpNotes, a_kernel_may_have_an_address_space_of_its_own) {
  EXPECT_EQ(said_on_s390x(0xcd3df0), "");
  EXPECT_THAT(said_on_s390x(0), HasSubstr("stack pointer 0x0"));
}

TEST(DumpNotes, vmcoreinfo_is_a_note_of_its_own_type) {
  Machine machine;
  machine.arch = "x86_64";
  const Bytes notes = note("VMCOREINFO", 1, as_bytes(sample_vmcoreinfo()));
  EXPECT_THAT(read_notes(notes, std::endian::little, {machine, "6.1.0-56-cloud-amd64", 1, false}).wrong,
              HasSubstr("VMCOREINFO has the type 1, not 0"));
}

TEST(DumpNotes, an_interrupt_may_crash_a_kernel_that_idles) {
  EXPECT_EQ(said({State{.pid = 0}}, 1, sample_vmcoreinfo(), true), "");
  EXPECT_THAT(said({State{.pid = 0, .rip = 0x401000}}, 1, sample_vmcoreinfo(), true), HasSubstr("program counter"));
}

// A program that ran on the other CPU has its own registers: one CPU in the kernel suffices.
TEST(DumpNotes, another_cpu_may_have_run_a_program) {
  EXPECT_EQ(said({State{.rip = 0x401000, .rsp = 0x7ffd00001000}, State{}}, 2), "");
}

}  // namespace
}  // namespace kexlab::engine
