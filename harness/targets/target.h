// SPDX-License-Identifier: Apache-2.0
// The table of targets: one row for each architecture as it is emulated here, read from targets.yaml.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/error.h"

namespace kexlab {

/// A QEMU argument or command-line word that is there for a reason worth telling.
struct Reasoned {
  std::string value;
  std::string reason;
};

/// How the agent's channel reaches the guest.
struct ChannelWiring {
  std::string device;             ///< the guest's device node, e.g. "/dev/ttyS1"
  std::vector<std::string> qemu;  ///< QEMU arguments; "{chardev}" stands for the chardev's id
};

/// What a target cannot do, with the cause and its source. `feature`: "jump", "snapshot", "crash", "icount", …
struct Limitation {
  std::string feature;
  std::string cause;
  std::string source;
  std::string config;  ///< option of the kernels that it is about, without "CONFIG_"; empty: all
};

/// Another ABI by which programs can enter the target's kernels, such as the 32-bit one of a 64-bit kernel.
struct Abi {
  std::string name;     ///< "compat", "x32"
  std::string triplet;  ///< Debian cross compiler prefix of its programs
  std::string config;   ///< option that a kernel must be built with, without "CONFIG_"
};

/// A level of privilege, other than the usual one, that the machine can start kernels at: as hypervisors are.
struct Level {
  std::string name;                     ///< "hypervisor", "vhe"
  std::string machine;                  ///< further properties of the machine, "virtualization=on"
  std::string cpu;                      ///< -cpu where the usual one will not do, else empty
  std::vector<Limitation> limitations;  ///< beside the target's own

  /// The limitation for a feature, or nullptr where a kernel at this level can do it.
  [[nodiscard]] const Limitation* limit(std::string_view feature) const;
};

/// Firmware, other than the usual one, that the machine can start kernels with.
struct Firmware {
  std::string name;     ///< "uefi"
  std::string package;  ///< Debian package that holds it
  std::string qemu;     ///< -bios: a name that QEMU looks up beside its own files
};

struct Target {
  std::string name;          ///< "x86_64"
  std::string triplet;       ///< Debian cross compiler prefix, "x86_64-linux-gnu"
  std::string debian_arch;   ///< "amd64"
  std::string qemu;          ///< "qemu-system-x86_64"
  std::string qemu_package;  ///< Debian package that holds it
  /// The Debian suite ("trixie") that the emulator is taken from into the cache, where the machine's own release has
  /// none that will do; empty: the installed one. With it, the package of the firmware that the machine needs.
  std::string qemu_suite, firmware_package;
  /// The same for the cross compiler; the build does without it, and then has no programs for these guests.
  std::string compiler_suite;
  std::string machine;  ///< -M
  std::string cpu;      ///< -cpu under TCG
  std::uint64_t page_size = 4096;
  unsigned memory_mib = 512;            ///< default guest memory
  unsigned least_memory_mib = 16;       ///< what a guest gets for which a scenario asks for less
  std::vector<Reasoned> qemu_args;      ///< further arguments
  std::vector<Reasoned> tcg_of_many;    ///< options of -accel tcg for guests with more than one CPU
  std::string console;                  ///< "ttyS0": console= and the first serial port that QEMU wires
  unsigned ports_before_console = 0;    ///< serial ports of the machine that stay unwired because the console is behind
  std::vector<Reasoned> cmdline;        ///< kernel command-line words every boot gets
  std::vector<Reasoned> crash_cmdline;  ///< words that crash kernels get beside these: those that run them on one CPU
  ChannelWiring channel;
  std::string kvm_host;  ///< uname -m of hosts whose KVM can run it; empty: none
  /// The CPU's counter that a kexec does not restart: its name in the witness's report, and the nanoseconds of one tick
  /// under -icount shift=0 (1 ns is 1 instruction). Empty and 0: none.
  std::string counter_register;
  std::uint64_t counter_ns = 0;
  std::vector<Abi> abis;                 ///< further ABIs of callers, beside the native one
  std::vector<Level> levels;             ///< that kernels can be started at beside the usual one
  std::vector<Firmware> firmware;        ///< that kernels can be started with beside the usual one
  std::uint64_t witness_address = 0;     ///< physical address the witness is landed at by default
  std::uint64_t crashkernel_mib = 160;   ///< reservation that a Debian kernel and our initrd fit in
  std::uint64_t crash_memory_mib = 768;  ///< guest memory for crash scenarios
  /// How much of it ci/test runs: "full" (every scenario), "smoke" (those with that tag), "named" (none; CMake reads
  /// it).
  std::string tested = "named";
  std::vector<Limitation> limitations;

  /// The limitation for a feature, or nullptr where the target can do it.
  [[nodiscard]] const Limitation* limit(std::string_view feature) const;
  /// The ABI of that name, or nullptr where the target has none.
  [[nodiscard]] const Abi* find_abi(std::string_view abi) const;
  /// The level of that name, or nullptr where the target has none.
  [[nodiscard]] const Level* find_level(std::string_view level) const;
  /// The firmware of that name, or nullptr where the target has none.
  [[nodiscard]] const Firmware* find_firmware(std::string_view name) const;
};

/// An architecture that the manual page names and nobody emulates: it is in the table so that nobody asks why not.
struct Unemulated {
  std::string name;  ///< "ia64"
  std::string cause, source;
};

/// Parses a table. Errors: invalid_argument with file:line:column, what is wrong and the nearest right word.
Result<std::vector<Target>> parse_targets(std::string_view yaml, std::string_view file);

/// The rows with `no_emulator` instead of a machine. Errors: as parse_targets.
Result<std::vector<Unemulated>> parse_unemulated(std::string_view yaml, std::string_view file);

/// The embedded table is right; a mistake in it fails a unit test, and this is what a program asks first.
Status targets_status();
/// All rows of the embedded table, in its order; none where targets_status() is an error.
const std::vector<Target>& all_targets();
std::vector<std::string> target_names();
const std::vector<Unemulated>& unemulated_targets();
/// Names of the ABIs of all targets, each once.
std::vector<std::string> abi_names();
/// The named row, or nullptr.
const Target* find_target(std::string_view name);
/// The named row. Errors: not_found with the nearest name; unsupported where nothing emulates it; the table's own.
Result<const Target*> require_target(std::string_view name);

}  // namespace kexlab
