// SPDX-License-Identifier: Apache-2.0
// What is said of the notes of a dump.
#include "harness/engine/dump_notes.h"

#include <elf.h>
#include <gmock/gmock.h>

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
};

Bytes note(std::string_view name, std::uint32_t type, ByteView contents) {
  Bytes out(12);
  write_int<std::uint32_t>(out, 0, static_cast<std::uint32_t>(name.size() + 1), std::endian::little);
  write_int<std::uint32_t>(out, 4, static_cast<std::uint32_t>(contents.size()), std::endian::little);
  write_int<std::uint32_t>(out, 8, type, std::endian::little);
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
  return note("CORE", NT_PRSTATUS, contents);
}

std::string said(const std::vector<State>& states, unsigned cpus = 1, const std::string& info = sample_vmcoreinfo(),
                 bool idle = false) {
  Machine machine;
  machine.arch = "x86_64";
  machine.page_size = 4096;
  Bytes notes;
  const auto add = [&notes](const Bytes& one) { notes.insert(notes.end(), one.begin(), one.end()); };
  for (const State& state : states) add(cpu(state));
  if (!info.empty()) add(note("VMCOREINFO", 0, as_bytes(info)));
  return read_notes(notes, std::endian::little, {machine, "6.1.0-56-cloud-amd64", cpus, idle}).wrong;
}

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

// pr_reg of s390x: the PSW, then the general registers; r15 is the stack's.
std::string said_on_s390x(std::uint64_t stack_pointer) {
  Machine machine;
  machine.arch = "s390x";
  machine.page_size = 4096;
  Bytes contents(336);
  write_int<std::uint32_t>(contents, 32, 77, std::endian::little);
  write_int<std::uint64_t>(contents, 112 + 1 * 8, text + 8, std::endian::little);
  write_int<std::uint64_t>(contents, 112 + 17 * 8, stack_pointer, std::endian::little);
  const std::string info =
      sample_vmcoreinfo() +
      "SYMBOL(lowcore_ptr)=0\nSYMBOL(high_memory)=0\nLENGTH(lowcore_ptr)=8\nSAMODE31=0\nEAMODE31=0\n"
      "KERNELOFFSET=0\n";
  Bytes notes = note("CORE", NT_PRSTATUS, contents);
  const Bytes more = note("VMCOREINFO", 0, as_bytes(info));
  notes.insert(notes.end(), more.begin(), more.end());
  return read_notes(notes, std::endian::little, {machine, "6.1.0-56-cloud-amd64", 1, false}).wrong;
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
