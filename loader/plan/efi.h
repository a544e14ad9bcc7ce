// SPDX-License-Identifier: Apache-2.0
// What a kernel that UEFI started tells of it in /sys/firmware/efi. Internal to the library.
#pragma once

#include "kexlab/machine.h"

namespace kexlab {

/// The facts, or nothing where there is no /sys/firmware/efi. Errors: corrupt where a file does not hold what the
/// kernel writes there, not_found where a directory of runtime-map lacks a file.
Result<std::optional<EfiFacts>> read_efi(const FileReader& read);
/// The files that read_efi asks for, of runtime-map the first EfiFacts::usual_mappings directories.
std::vector<std::string> efi_files();

}  // namespace kexlab
