// SPDX-License-Identifier: Apache-2.0
// Notes of a dump: vmcoreinfo, and the CPUs' states.
#include "harness/engine/dump_notes.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "harness/engine/console.h"
#include "harness/engine/vmcoreinfo.h"
#include "harness/model/contract.h"
#include "kexlab/arch.h"
#include "kexlab/text.h"

namespace kexlab::engine {
namespace {

struct Note {
  std::uint32_t type = 0;
  std::string name;  ///< without its NUL
  ByteView contents;
};

// Source: kernel/crash_core.c (update_vmcoreinfo_note).
constexpr std::uint32_t vmcoreinfo_type = 0;

/// The notes as far as they make sense; name and contents are padded to 4 bytes each.
std::vector<Note> parse_notes(ByteView bytes, std::endian order) {
  auto padded = [](std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; };
  std::vector<Note> notes;
  std::uint64_t at = 0;
  while (const auto header = slice(bytes, at, sizeof(Elf64_Nhdr))) {
    const std::uint64_t name_size = *read_int<std::uint32_t>(*header, 0, order);
    const std::uint64_t contents_size = *read_int<std::uint32_t>(*header, 4, order);
    const auto name = slice(bytes, at + sizeof(Elf64_Nhdr), name_size);
    const auto contents = slice(bytes, at + sizeof(Elf64_Nhdr) + padded(name_size), contents_size);
    if (name_size == 0 || !name || !contents) break;
    notes.push_back(
        {*read_int<std::uint32_t>(*header, 8, order), std::string(as_text(*name).substr(0, name_size - 1)), *contents});
    at += sizeof(Elf64_Nhdr) + padded(name_size) + padded(contents_size);
  }
  return notes;
}

/// struct elf_prstatus, as a kernel of 32 or of 64 bits fills it.
class CpuStates {
 public:
  CpuStates(const Machine& machine, std::endian order)
      : bytes_(is_narrow(machine) ? 4 : 8), order_(order), dumped_(model::contract_of(machine.arch).dumped) {}

  /// What is wrong with the state of whichever CPU, or empty.
  [[nodiscard]] std::string wrong_in(ByteView state, unsigned number) const {
    if (dumped_.registers != 0 && state.size() != whole())
      return fmt::format("its CPU state {} has {} bytes, a whole one {}", number, state.size(), whole());
    for (std::uint64_t at = registers(); at < state.size(); ++at) {
      if (state[at] != std::byte{0}) return {};
    }
    return fmt::format("the registers in its CPU state {} are all zero", number);
  }
  /// The task that ran; 0 is the idle one.
  [[nodiscard]] std::uint32_t task(ByteView state) const {
    return read_int<std::uint32_t>(state, bytes_ == 4 ? 24 : 32, order_).value_or(0);
  }
  /// What is wrong with the state of a CPU that ran the kernel, or empty.
  [[nodiscard]] std::string wrong_in_kernel(ByteView state, std::uint64_t text) const {
    if (dumped_.registers == 0) return {};
    const std::uint64_t pc = word(state, dumped_.program_counter), sp = word(state, dumped_.stack_pointer);
    if (pc < text || pc - text >= most_text)
      return fmt::format("its program counter 0x{:x} is not in the kernel's text from 0x{:x} on", pc, text);
    const bool in_its_space = dumped_.kernel_in_upper_half ? (sp >> (8 * bytes_ - 1)) != 0 : sp != 0;
    if (!in_its_space || sp % bytes_ != 0)
      return fmt::format("its stack pointer 0x{:x} is no address of the kernel's", sp);
    return {};
  }
  /// What is wrong with the other registers of a CPU whose kernel saved them in the middle of its own code, or empty.
  [[nodiscard]] std::string wrong_in_called(ByteView state, std::uint64_t text) const {
    for (const auto& rule : dumped_.called) {
      const std::uint64_t found = word(state, rule.index);
      if (is_kept(rule, found, word(state, dumped_.stack_pointer), text)) continue;
      return fmt::format("its register {} is 0x{:x}, which is not {}", rule.name, found, wanted_by(rule));
    }
    return {};
  }

 private:
  using Rule = model::DumpRegister;

  [[nodiscard]] bool is_kept(const Rule& rule, std::uint64_t found, std::uint64_t sp, std::uint64_t text) const {
    constexpr std::uint64_t largest_stack = 64 << 10;  // with KASAN
    switch (rule.is) {
      case Rule::Is::text:
        return found >= text && found - text < most_text;
      case Rule::Is::kernel:
        return (found >> (8 * bytes_ - 1)) != 0;
      case Rule::Is::near_stack:
        return found >= sp && found - sp < largest_stack;
      case Rule::Is::bits:
        return (found & rule.mask) == rule.value;
    }
    return true;
  }
  static std::string wanted_by(const Rule& rule) {
    switch (rule.is) {
      case Rule::Is::text:
        return "in the kernel's text";
      case Rule::Is::kernel:
        return "an address of the kernel's";
      case Rule::Is::near_stack:
        return "on the stack";
      case Rule::Is::bits:
        return fmt::format("0x{:x} under the mask 0x{:x}", rule.value, rule.mask);
    }
    return {};
  }

  /// More than any kernel's text. Debian's have 13 to 30 MiB.
  static constexpr std::uint64_t most_text = std::uint64_t{64} << 20;

  static bool is_narrow(const Machine& machine) {
    const Arch* arch = find_arch(machine.arch);
    return arch != nullptr && arch->bits == 32;
  }
  [[nodiscard]] std::uint64_t registers() const { return bytes_ == 4 ? 72 : 112; }
  /// An int stands behind the registers, and the whole is padded to words.
  [[nodiscard]] std::uint64_t whole() const {
    const std::uint64_t end = registers() + std::uint64_t{dumped_.registers} * bytes_ + 4;
    return (end + bytes_ - 1) / bytes_ * bytes_;
  }
  [[nodiscard]] std::uint64_t word(ByteView state, unsigned index) const {
    const std::uint64_t at = registers() + std::uint64_t{index} * bytes_;
    if (bytes_ == 4) return read_int<std::uint32_t>(state, at, order_).value_or(0);
    return read_int<std::uint64_t>(state, at, order_).value_or(0);
  }

  unsigned bytes_;  ///< of a word
  std::endian order_;
  model::DumpContract dumped_;
};

std::string wrong_in_vmcoreinfo(const std::string& text, const CrashedKernel& crashed) {
  if (text.find("OSRELEASE=" + crashed.release + "\n") == std::string::npos)
    return "no vmcoreinfo names the crashed kernel's release " + printable(crashed.release);
  return missing_in_vmcoreinfo(text, crashed.machine, crashed.config);
}

std::string wrong_in_states(const std::vector<ByteView>& cpus, const CpuStates& states) {
  for (unsigned i = 0; i < cpus.size(); ++i) {
    if (auto wrong = states.wrong_in(cpus[i], i); !wrong.empty()) return wrong;
    for (unsigned other = 0; other < i; ++other) {
      if (std::equal(cpus[i].begin(), cpus[i].end(), cpus[other].begin(), cpus[other].end()))
        return fmt::format("its CPU states {} and {} are one and the same", other, i);
    }
  }
  return {};
}

std::string wrong_in_crashing_cpu(const std::vector<ByteView>& cpus, const CpuStates& states,
                                  const CrashedKernel& crashed, std::uint64_t text) {
  std::string wrong = "no CPU state tells the task that crashed the kernel (pr_pid)";
  for (const ByteView state : cpus) {
    if (states.task(state) == 0 && !crashed.idle) continue;
    wrong = states.wrong_in_kernel(state, text);
    if (wrong.empty() && crashed.panicked) wrong = states.wrong_in_called(state, text);
    if (wrong.empty()) return {};
  }
  return wrong;
}

std::string wrong_in_note(const Note& note, const model::DumpNote& rule, std::endian order) {
  if (note.contents.size() != rule.size)
    return fmt::format("its note {} of type 0x{:x} has {} bytes, a whole one {}", note.name, note.type,
                       note.contents.size(), rule.size);
  if (rule.multiple_of == 0) return {};
  const auto value = read_int<std::uint32_t>(note.contents, 0, order).value_or(0);
  if (value != 0 && value % rule.multiple_of == 0) return {};
  return fmt::format("its note {} of type 0x{:x} tells 0x{:x}, no multiple of {}", note.name, note.type, value,
                     rule.multiple_of);
}

std::string wrong_in_further_notes(const std::vector<Note>& notes, std::endian order, const CrashedKernel& crashed) {
  using Given = model::DumpNote::Given;
  bool some = false;  // of those that each CPU has or none
  const auto rules = model::contract_of(crashed.machine.arch).dumped.notes;
  const auto is_of = [](const model::DumpNote& rule, const Note& note) {
    return note.type == rule.type && note.name == rule.name;
  };
  for (const auto& rule : rules) {
    const auto found = std::count_if(notes.begin(), notes.end(), [&](const Note& note) { return is_of(rule, note); });
    some = some || (rule.given == Given::each_cpu_or_none && found != 0);
  }
  for (const auto& rule : rules) {
    unsigned found = 0;
    for (const Note& note : notes) {
      if (!is_of(rule, note)) continue;
      ++found;
      if (auto wrong = wrong_in_note(note, rule, order); !wrong.empty()) return wrong;
    }
    const unsigned want = rule.given == Given::once ? 1 : crashed.cpus;
    if (found != want && (rule.given != Given::each_cpu_or_none || some))
      return fmt::format("it has {} notes {} of type 0x{:x}, expected {}", found, rule.name, rule.type, want);
  }
  return {};
}

}  // namespace

Notes read_notes(ByteView bytes, std::endian order, const CrashedKernel& crashed) {
  const CpuStates states(crashed.machine, order);
  Notes found;
  std::vector<ByteView> cpus;
  const auto notes = parse_notes(bytes, order);
  for (const Note& note : notes) {
    if (note.name == "VMCOREINFO") {
      found.vmcoreinfo = as_text(note.contents);
      if (note.type != vmcoreinfo_type) {
        found.wrong = fmt::format("its note VMCOREINFO has the type {}, not {}", note.type, vmcoreinfo_type);
        return found;
      }
    }
    if (note.type == NT_PRSTATUS && note.name == "CORE") cpus.push_back(note.contents);
  }
  found.wrong = wrong_in_states(cpus, states);
  if (found.wrong.empty()) found.wrong = wrong_in_vmcoreinfo(found.vmcoreinfo, crashed);
  if (!found.wrong.empty()) return found;
  if (cpus.empty()) found.wrong = "there is no CPU state (NT_PRSTATUS) in its notes";
  if (!cpus.empty() && cpus.size() != crashed.cpus)
    found.wrong =
        fmt::format("it holds the state of {} CPUs, {} ran when the kernel crashed", cpus.size(), crashed.cpus);
  if (found.wrong.empty()) found.wrong = wrong_in_further_notes(notes, order, crashed);
  if (found.wrong.empty())
    found.wrong =
        wrong_in_crashing_cpu(cpus, states, crashed, symbol_in_vmcoreinfo(found.vmcoreinfo, "_stext").value_or(0));
  return found;
}

}  // namespace kexlab::engine
