// SPDX-License-Identifier: Apache-2.0
// What of the contract is an architecture's own: its numbers, the refusals of its machine_kexec_prepare, its image
// loader. One constant for each target, in arch/<target>.cpp; CMake finds them by the line `const Contract contract_…`.
// Internal to the model.
#pragma once

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
  /// Lines of vmcoreinfo beyond those of all: arch_crash_save_vmcoreinfo.
  std::span<const std::string_view> vmcoreinfo = {};
  /// Where a virtual address of the kernel's own image lies, by vmcoreinfo's numbers; nullptr: not known.
  std::optional<std::uint64_t> (*physical)(std::uint64_t address, const NumberOf& number) = nullptr;
  /// kexec_file_load gives the kernel's text a program header of its own (crash_prepare_elf64_headers).
  bool text_header = false;
  /// Firmware that lies inside the reservation is in the dump.
  bool firmware_in_reservation = false;
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
