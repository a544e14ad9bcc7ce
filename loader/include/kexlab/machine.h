// SPDX-License-Identifier: Apache-2.0
// What a loader must know of the running machine, read in the guest or from a saved profile: pure data.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/range.h"

namespace kexlab {

/// One line of /proc/iomem (nesting kept by `depth`).
struct MemoryEntry {
  Range range;
  unsigned depth = 0;
  std::string name;  ///< "System RAM", "Crash kernel", "Kernel code", "ACPI Tables", …
};

struct MemoryMap {
  std::vector<MemoryEntry> entries;
  [[nodiscard]] RangeSet ram() const;                 ///< top-level "System RAM"
  [[nodiscard]] std::vector<Range> named(std::string_view name) const;  ///< at any depth
  [[nodiscard]] RangeSet reserved_in_ram() const;     ///< "reserved" and firmware tables below System RAM
};

/// Parses /proc/iomem's text. Errors: corrupt (with line), permission where all addresses are 0 (no CAP_SYS_ADMIN).
Result<MemoryMap> parse_iomem(std::string_view text);

/// One CPU's crash note. Source: /sys/devices/system/cpu/cpuN/crash_notes{,_size}.
struct CrashNote {
  std::uint64_t address = 0;
  std::uint64_t size = 0;  ///< bytes
};

struct Machine {
  std::string arch;            ///< target name
  std::uint64_t page_size = 4096;
  std::string release;         ///< uname -r
  std::string cmdline;         ///< of the running kernel, without the newline
  MemoryMap memory;
  Bytes fdt;                   ///< /sys/firmware/fdt, empty where there is none
  Bytes boot_params;           ///< /sys/kernel/boot_params/data (x86), empty where there is none
  std::uint64_t boot_params_version = 0;
  std::vector<CrashNote> crash_notes;
  std::optional<CrashNote> vmcoreinfo;  ///< /sys/kernel/vmcoreinfo: address and size
  std::optional<std::uint64_t> kallsyms_text;  ///< virtual address of _text from /proc/kallsyms; x86 core header's kernel text part
};

/// Names of the files that make up a machine; the reader may lack some of them.
std::vector<std::string> machine_files();

/// Builds a machine from file contents: `read` gives a file's contents, or nothing where it does not exist.
/// Errors: not_found (a file the architecture cannot do without), corrupt.
using FileReader = std::function<std::optional<Bytes>(const std::string& path)>;
Result<Machine> read_machine(std::string_view arch, std::uint64_t page_size, const FileReader& read);

/// A saved profile (JSON): reading back gives an equal machine. For planning and predicting on any host.
std::string save_profile(const Machine& machine);
Result<Machine> load_profile(std::string_view json);

}  // namespace kexlab
