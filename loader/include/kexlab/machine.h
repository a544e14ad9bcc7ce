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
  bool operator==(const MemoryEntry&) const = default;
};

struct MemoryMap {
  static constexpr std::size_t most_entries = 65536;  ///< lines that parse_iomem reads
  static constexpr std::size_t most_name_bytes = 256;
  std::vector<MemoryEntry> entries;    ///< in the file's order: parents before children
  [[nodiscard]] RangeSet ram() const;  ///< top-level "System RAM"
  [[nodiscard]] std::vector<Range> named(std::string_view name) const;  ///< at any depth
  /// Everything below System RAM that outlives the running kernel: "reserved", firmware tables, and whatever else is
  /// neither a part of the kernel's own image ("Kernel code", "Kernel rodata", "Kernel data", "Kernel bss") nor the
  /// "Crash kernel" reservation, which has rules of its own.
  [[nodiscard]] RangeSet reserved_in_ram() const;
  bool operator==(const MemoryMap&) const = default;
};

/// Parses /proc/iomem's text. An inclusive end of 2^64-1 becomes the exclusive end 2^64-1 (one byte less).
/// Errors: corrupt (with the line's number), permission where all addresses are 0 (no CAP_SYS_ADMIN).
/// Source: kernel/resource.c (r_show).
Result<MemoryMap> parse_iomem(std::string_view text);

/// One CPU's crash note. Source: /sys/devices/system/cpu/cpuN/crash_notes{,_size}.
struct CrashNote {
  std::uint64_t address = 0;
  std::uint64_t size = 0;  ///< bytes
  bool operator==(const CrashNote&) const = default;
};

/// Memory of UEFI's that its runtime services use, and where the kernel has mapped it for them.
/// Source: Documentation/ABI/testing/sysfs-firmware-efi-runtime-map.
struct EfiMapping {
  std::uint32_t type = 0;  ///< EFI_MEMORY_TYPE of the UEFI specification
  std::uint64_t physical = 0;
  std::uint64_t virtual_address = 0;
  std::uint64_t pages = 0;  ///< of 4 KiB, whatever the kernel's are
  std::uint64_t attribute = 0;
  bool operator==(const EfiMapping&) const = default;
};

/// What the running kernel knows of the UEFI that started it. Physical addresses, 0 where it tells none.
/// Source: Documentation/ABI/testing/sysfs-firmware-efi.
struct EfiFacts {
  static constexpr std::size_t most_mappings = 1024;  ///< directories of runtime-map that are read
  static constexpr std::size_t usual_mappings = 64;   ///< those whose files machine_files names
  std::uint64_t vendor = 0;                           ///< fw_vendor
  std::uint64_t tables = 0;                           ///< config_table
  std::uint64_t rsdp = 0;                             ///< systab: ACPI20, else ACPI
  std::uint64_t smbios = 0;                           ///< systab: SMBIOS
  std::vector<EfiMapping> mappings;                   ///< runtime-map; empty without CONFIG_EFI_RUNTIME_MAP (x86 alone)
  bool operator==(const EfiFacts&) const = default;
};

struct Machine {
  static constexpr unsigned most_cpus = 8192;  ///< NR_CPUS of the largest configuration (MAXSMP)
  static constexpr unsigned usual_cpus = 64;   ///< CPUs whose files machine_files names
  static constexpr std::size_t most_profile_bytes = std::size_t{64} << 20;
  std::string arch;  ///< target name
  std::uint64_t page_size = 4096;
  std::string release;  ///< uname -r
  std::string cmdline;  ///< of the running kernel, without the newline
  MemoryMap memory;     ///< /proc/iomem; powerpc's "Kernel code" and "Crash kernel" from /chosen of /proc/device-tree,
                        ///< m68k's "System RAM" from /proc/bootinfo
  Bytes fdt;          ///< /sys/firmware/fdt, empty where there is none
  Bytes boot_params;  ///< /sys/kernel/boot_params/data (x86), /proc/bootinfo (m68k), else empty
  std::uint64_t boot_params_version = 0;
  std::vector<CrashNote> crash_notes;
  std::optional<EfiFacts> efi;          ///< /sys/firmware/efi; nothing where no UEFI started the kernel
  std::optional<CrashNote> vmcoreinfo;  ///< /sys/kernel/vmcoreinfo: address and size
  /// Virtual address of _text; x86 core header's kernel text part. read_machine leaves it out: /proc/kallsyms is some
  /// 10 MB, vmcoreinfo tells dump readers the same, and where the text lies physically stands in /proc/iomem ("Kernel
  /// code"). Who wants it reads the beginning of the file and asks find_kallsyms.
  std::optional<std::uint64_t> kallsyms_text;
  bool operator==(const Machine&) const = default;
};

/// Names of the files that make up a machine; the reader may lack some of them. CPUs and mappings of
/// UEFI's: the first 64; a reader that can is asked for more until one is absent.
std::vector<std::string> machine_files();

/// Builds a machine from file contents: `read` gives a file's contents, or nothing where it does not exist.
/// /proc/iomem, /proc/cmdline and osrelease must be there on every architecture; what else one needs (boot_params, fdt)
/// its own planning asks for. Errors: not_found, corrupt, permission (see parse_iomem), invalid_argument (page size).
using FileReader = std::function<std::optional<Bytes>(const std::string& path)>;
Result<Machine> read_machine(std::string_view arch, std::uint64_t page_size, const FileReader& read);

/// The address of `symbol` in the text of /proc/kallsyms or a beginning of it; nothing where it is not there or hidden.
std::optional<std::uint64_t> find_kallsyms(std::string_view kallsyms, std::string_view symbol);

/// A saved profile (JSON): reading back gives an equal machine. For planning and predicting on any host.
/// Errors of loading: corrupt.
std::string save_profile(const Machine& machine);
Result<Machine> load_profile(std::string_view json);

}  // namespace kexlab
