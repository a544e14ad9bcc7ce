// SPDX-License-Identifier: Apache-2.0
// What of the contract is an architecture's own: its numbers, the refusals of its machine_kexec_prepare, its image
// loader. One constant for each target, in arch/<target>.cpp; CMake finds them by the line `const Contract contract_…`.
// Internal to the model.
#pragma once

#include <cstdint>
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

struct Contract {
  std::string_view target;
  std::uint64_t kexec_arch = 0;  ///< KEXEC_ARCH, shifted; 0: not known. Source: arch/*/include/asm/kexec.h
  unsigned bits = 64;            ///< of unsigned long
  /// Words of pr_reg in struct elf_prstatus: a CPU's registers in a dump; 0: not known, or there are no dumps.
  /// Source: ELF_NGREG of arch/*/include/asm/elf.h.
  unsigned dumped_registers = 0;
  /// KEXEC_DESTINATION_MEMORY_LIMIT where it is not -1UL, else nullptr.
  std::uint64_t (*destination_limit)(const Situation& situation) = nullptr;
  std::uint64_t control_bytes = 0;            ///< KEXEC_CONTROL_PAGE_SIZE; a page where that is more
  std::span<const PrepareRule> prepare = {};  ///< in the kernel's order
  const FileFormat* file_format = nullptr;    ///< of kexec_file_load's own loader; nullptr: none is known here
};

/// The contract of a target; of one without a file the rules that all architectures share, with no number of its own.
const Contract& contract_of(std::string_view target);
/// All that have a file, sorted by name.
std::span<const Contract* const> all_contracts();

}  // namespace kexlab::model
