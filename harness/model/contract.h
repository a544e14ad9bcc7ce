// SPDX-License-Identifier: Apache-2.0
// What of the contract is an architecture's own: its numbers, the refusals of its machine_kexec_prepare, its image
// loader. One constant for each target, in arch/<target>.cpp; CMake finds them by the line `const Contract contract_…`.
// Internal to the model.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "harness/model/checks.h"
#include "harness/model/model.h"

namespace kexlab::model {

struct Call;
struct FileFormat;

/// A reason of an architecture's machine_kexec_prepare to refuse a call that has kept all rules before.
struct PrepareRule {
  Rule rule;
  Decision (*check)(const Call& call);
};

struct Version {
  unsigned major = 0, minor = 0;
  auto operator<=>(const Version&) const = default;
};

/// A line of vmcoreinfo, by the versions and the configuration of kernels that write it.
struct InfoLine {
  std::string_view key;          ///< all in front of the "="
  std::string_view option = {};  ///< without "CONFIG_"; "!X": where X is not set
  Version since = {}, before = {~0U, 0};
};

/// What a register holds on the CPU that called panic() from the kernel, so that crash_setup_regs() has stored those of
/// its own code.
struct DumpRegister {
  enum class Is {
    text,        ///< an address in the kernel's text
    kernel,      ///< an address of the kernel's
    near_stack,  ///< an address not far above the stack pointer
    bits,        ///< `value` under `mask`
  };
  unsigned index;  ///< word of pr_reg
  std::string_view name;
  Is is;
  std::uint64_t mask = 0, value = 0;
};

/// A note of a dump beyond NT_PRSTATUS and vmcoreinfo.
struct DumpNote {
  std::string_view name;
  std::uint32_t type;
  std::uint64_t size;  ///< of its contents
  enum class Given { each_cpu, once, each_cpu_or_none } given = Given::each_cpu;
  std::uint32_t multiple_of = 0;  ///< its first four bytes are a multiple of this and not 0; 0: anything
};

/// What a dump of this architecture's kernels tells.
struct DumpContract {
  using NumberOf = std::function<std::optional<std::uint64_t>(std::string_view key)>;

  /// Words of pr_reg in struct elf_prstatus; 0: not known, or there are no dumps. Source: ELF_NGREG of
  /// arch/*/include/asm/elf.h.
  unsigned registers = 0;
  /// Their indices among them. Source: struct user_regs_struct or pt_regs, on MIPS arch/mips/include/uapi/asm/reg.h.
  unsigned program_counter = 0, stack_pointer = 0;
  /// The kernel's addresses have their highest bit set; else it has an address space of its own from 0 on.
  bool kernel_in_upper_half = true;
  /// What further registers hold; see DumpRegister.
  std::span<const DumpRegister> called = {};
  /// Notes beyond those of all.
  std::span<const DumpNote> notes = {};
  /// Lines of vmcoreinfo beyond those of all: arch_crash_save_vmcoreinfo.
  std::span<const InfoLine> vmcoreinfo = {};
  /// Where a virtual address of the kernel's own image lies, by vmcoreinfo's numbers (those without parentheses are
  /// hexadecimal, as KERNELOFFSET is); nullptr: not known.
  std::optional<std::uint64_t> (*physical)(std::uint64_t address, const NumberOf& number) = nullptr;
  /// kexec_file_load gives the kernel's text a program header of its own (crash_prepare_elf64_headers).
  bool text_header = false;
  /// Firmware that lies inside the reservation is in the dump.
  bool firmware_in_reservation = false;
  /// kexec_file_load keeps the first MiB out of the headers.
  bool first_mib_left_out = false;
  /// Memory maps of crash kernels leave out the memory that the headers lie in.
  bool headers_left_out = false;
  /// The crash kernel makes the headers itself, of all memory that the machine has, and changes places with the lowest
  /// memory: what the dump shows below the reservation's size lies in the reservation.
  bool made_by_crash_kernel = false;
};

struct Contract {
  std::string_view target;
  std::uint64_t kexec_arch = 0;  ///< KEXEC_ARCH, shifted; 0: not known. Source: arch/*/include/asm/kexec.h
  unsigned bits = 64;            ///< of unsigned long
  DumpContract dumped;
  /// KEXEC_DESTINATION_MEMORY_LIMIT where it is not -1UL, else nullptr.
  std::uint64_t (*destination_limit)(const Situation& situation) = nullptr;
  std::uint64_t control_bytes = 0;               ///< KEXEC_CONTROL_PAGE_SIZE; a page where that is more
  std::span<const PrepareRule> prepare = {};     ///< in the kernel's order
  const FileFormat* file_format = nullptr;       ///< of kexec_file_load's own loader; nullptr: none is known here
  std::span<const std::string_view> never = {};  ///< options without CONFIG_ that no kernel of it can be built with
};

/// `never` of an architecture that has no kexec_file_load(2). Source: arch/*/Kconfig, which has no KEXEC_FILE, later no
/// ARCH_SUPPORTS_KEXEC_FILE.
inline constexpr std::string_view no_file_call[] = {"KEXEC_FILE"};

/// The contract of a target; of one without a file the rules that all architectures share, with no number of its own.
const Contract& contract_of(std::string_view target);
/// All that have a file, sorted by name.
std::span<const Contract* const> all_contracts();

}  // namespace kexlab::model
