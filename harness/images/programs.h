// SPDX-License-Identifier: Apache-2.0
// Programs of another Debian suite than the machine's own: unpacked into the cache with all that they need, down to the
// C library, and run from there. Nothing is installed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/images/images.h"

namespace kexlab::images {

/// What to take of a suite.
struct ProgramSet {
  std::string suite;                   ///< "trixie"
  std::vector<std::string> packages;   ///< the first names the set
  std::string prefix;                  ///< of the names of the programs in usr/bin that are kept
  std::vector<std::string> arguments;  ///< that each program gets first; "{root}" stands for the unpacked folder
  /// Name in the cache: "x86_64-trixie-g++-sh4-linux-gnu". CMake finds compilers by it (harness/cmake/kexlab.cmake).
  [[nodiscard]] std::string key() const;
};
/// The emulator of a row with `qemu_suite`, with its firmware.
ProgramSet emulator_set(const Target& target);
/// The cross compiler of a row with `compiler_suite`.
ProgramSet compiler_set(const Target& target);

/// Puts scripts in the place of all programs below `root`, which start them by the C library's own loader there
/// (ld.so(8): --library-path, --argv0), so that they run on a machine with an older one. A folder with them may be
/// moved. Errors: not_found (there is no C library), io, permission, no_space.
Status wrap_programs(const std::filesystem::path& root, const std::vector<std::string>& arguments);

/// A set's folder (usr/bin and so on below it), fetched where it is missing or damaged. Errors: those of Apt, of Store
/// and of wrap_programs.
Result<std::filesystem::path> get_programs(const ProgramSet& set, const Progress& progress);
/// True where the set is in the cache; not verified.
bool has_programs(const ProgramSet& set);

}  // namespace kexlab::images
