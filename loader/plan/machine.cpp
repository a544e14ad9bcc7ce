// SPDX-License-Identifier: Apache-2.0
// A machine from the files that its kernel shows.
#include "kexlab/machine.h"

#include <algorithm>

#include "kexlab/text.h"
#include "loader/plan/bootinfo.h"
#include "loader/plan/efi.h"

namespace kexlab {
namespace {

constexpr const char* iomem_path = "/proc/iomem";
constexpr const char* cmdline_path = "/proc/cmdline";
constexpr const char* release_path = "/proc/sys/kernel/osrelease";
constexpr const char* fdt_path = "/sys/firmware/fdt";
constexpr const char* boot_params_path = "/sys/kernel/boot_params/data";
constexpr const char* boot_params_version_path = "/sys/kernel/boot_params/version";
constexpr const char* bootinfo_path = "/proc/bootinfo";
constexpr const char* vmcoreinfo_path = "/sys/kernel/vmcoreinfo";
// What powerpc tells in the live device tree instead of /proc/iomem. Source: arch/powerpc/kexec/core.c (kexec_setup).
constexpr const char* kernel_end_path = "/proc/device-tree/chosen/linux,kernel-end";
constexpr const char* crash_base_path = "/proc/device-tree/chosen/linux,crashkernel-base";
constexpr const char* crash_size_path = "/proc/device-tree/chosen/linux,crashkernel-size";
constexpr const char* crash_size_now_path = "/sys/kernel/kexec_crash_size";

std::string note_path(unsigned cpu) { return "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/crash_notes"; }
std::string note_size_path(unsigned cpu) { return note_path(cpu) + "_size"; }

std::string_view without_newline(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

tl::unexpected<Error> bad_file(const std::string& path, std::string_view content, const char* expected) {
  constexpr std::size_t shown = 64;
  std::string start(content.substr(0, shown));
  std::replace_if(
      start.begin(), start.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return fail(Errc::corrupt, "read " + path, "\"" + start + "\" is not " + expected);
}

Result<std::string> need(const FileReader& read, const char* path) {
  const auto bytes = read(path);
  if (!bytes) return fail(Errc::not_found, "read the machine", std::string(path) + " does not exist", "mount /proc");
  return std::string(without_newline(as_text(*bytes)));
}

// "0x000000003a001000 1024\n": the size is hex too, without 0x. Source: kernel/ksysfs.c (vmcoreinfo_show).
Result<CrashNote> parse_vmcoreinfo(std::string_view content) {
  const std::string_view line = without_newline(content);
  const auto blank = std::min(line.find(' '), line.size());
  const auto address = parse_hex(line.substr(0, blank));
  const auto size = parse_unsigned(line.substr(std::min(blank + 1, line.size())), 16);
  if (!address || !size) return bad_file(vmcoreinfo_path, content, "\"0xADDRESS SIZE\" in hex");
  return CrashNote{*address, *size};
}

// Source: drivers/base/cpu.c (crash_notes_show: "%llx", crash_notes_size_show: "%zu").
Result<CrashNote> parse_note(unsigned cpu, std::string_view address_text, std::string_view size_text) {
  const auto address = parse_hex(without_newline(address_text));
  if (!address) return bad_file(note_path(cpu), address_text, "an address in hex");
  const auto size = parse_unsigned(without_newline(size_text), 10);
  if (!size) return bad_file(note_size_path(cpu), size_text, "a decimal size");
  return CrashNote{*address, *size};
}

Status read_notes(const FileReader& read, Machine& machine) {
  for (unsigned cpu = 0; cpu < Machine::most_cpus; ++cpu) {
    const auto address = read(note_path(cpu));
    if (!address) break;
    const auto size = read(note_size_path(cpu));
    if (!size)
      return fail(Errc::not_found, "read the machine",
                  note_size_path(cpu) + " does not exist, " + note_path(cpu) + " does");
    const auto note = parse_note(cpu, as_text(*address), as_text(*size));
    if (!note) return tl::unexpected<Error>(note.error());
    machine.crash_notes.push_back(*note);
  }
  return {};
}

// A property that is one physical address: phys_addr_t, big endian.
Result<std::optional<std::uint64_t>> read_address(const FileReader& read, const char* path) {
  const auto bytes = read(path);
  if (!bytes) return std::nullopt;
  if (bytes->size() == 4) return read_int<std::uint32_t>(*bytes, 0, std::endian::big);
  if (bytes->size() == 8) return read_int<std::uint64_t>(*bytes, 0, std::endian::big);
  return bad_file(path, as_text(*bytes), "an address of 4 or 8 bytes");
}

// Adds what /proc/iomem would say inside the System RAM that holds it; nothing where it lies in none, or is there.
void add_inside_ram(MemoryMap& memory, const Range& range, const char* name) {
  if (range.empty() || !memory.named(name).empty()) return;
  const auto ram = std::find_if(memory.entries.begin(), memory.entries.end(), [&](const MemoryEntry& entry) {
    return entry.depth == 0 && entry.name == "System RAM" && entry.range.contains(range);
  });
  if (ram == memory.entries.end()) return;
  const auto behind = std::find_if(ram + 1, memory.entries.end(), [&](const MemoryEntry& entry) {
    return entry.depth == 0 || entry.range.start >= range.end;
  });
  memory.entries.insert(behind, MemoryEntry{range, 1, name});
}

// The running kernel from address 0 to its end, which no segment may start below (machine_kexec_prepare,
// arch/powerpc/kexec/core_64.c), and the reservation for a crash kernel, whose size may have shrunk since.
Status add_from_device_tree(const FileReader& read, MemoryMap& memory) {
  const auto kernel_end = read_address(read, kernel_end_path);
  const auto base = read_address(read, crash_base_path);
  const auto size = read_address(read, crash_size_path);
  for (const auto* number : {&kernel_end, &base, &size}) {
    if (!*number) return tl::unexpected<Error>(number->error());
  }
  if (*kernel_end) add_inside_ram(memory, {0, **kernel_end}, "Kernel code");
  if (!*base || !*size) return {};
  const auto text = read(crash_size_now_path);  // EBUSY while a call is under way
  const auto now = text ? parse_unsigned(without_newline(as_text(*text)), 10) : std::nullopt;
  const auto reservation = Range::sized(**base, now.value_or(**size));
  if (reservation) add_inside_ram(memory, *reservation, "Crash kernel");
  return {};
}

// m68k's /proc/iomem tells of no RAM: what it was told of by its loader is what it has (paging_init,
// arch/m68k/mm/motorola.c).
void add_from_bootinfo(const FileReader& read, MemoryMap& memory) {
  const RangeSet told = bootinfo_memory(read(bootinfo_path).value_or(Bytes{}));
  if (!memory.ram().ranges().empty()) return;
  for (const Range& range : told.ranges()) {
    const auto behind = std::find_if(memory.entries.begin(), memory.entries.end(), [&](const MemoryEntry& entry) {
      return entry.depth == 0 && entry.range.start >= range.start;
    });
    memory.entries.insert(behind, MemoryEntry{range, 0, "System RAM"});
  }
}

Status read_required(const FileReader& read, Machine& machine) {
  auto cmdline = need(read, cmdline_path);
  auto release = need(read, release_path);
  const auto iomem = read(iomem_path);
  if (!cmdline) return tl::unexpected<Error>(cmdline.error());
  if (!release) return tl::unexpected<Error>(release.error());
  if (!iomem)
    return fail(Errc::not_found, "read the machine", std::string(iomem_path) + " does not exist", "mount /proc");
  auto memory = parse_iomem(as_text(*iomem));
  if (!memory) return tl::unexpected<Error>(memory.error());
  if (auto added = add_from_device_tree(read, *memory); !added) return added;
  add_from_bootinfo(read, *memory);
  machine.cmdline = std::move(*cmdline);
  machine.release = std::move(*release);
  machine.memory = std::move(*memory);
  return {};
}

Status read_optional(const FileReader& read, Machine& machine) {
  machine.fdt = read(fdt_path).value_or(Bytes{});
  const auto boot_params = read(boot_params_path);
  machine.boot_params = boot_params ? *boot_params : read(bootinfo_path).value_or(Bytes{});
  if (const auto text = read(boot_params_version_path)) {
    const auto version = parse_hex(without_newline(as_text(*text)));
    if (!version) return bad_file(boot_params_version_path, as_text(*text), "a version in hex");
    machine.boot_params_version = *version;
  }
  if (const auto text = read(vmcoreinfo_path)) {
    const auto note = parse_vmcoreinfo(as_text(*text));
    if (!note) return tl::unexpected<Error>(note.error());
    machine.vmcoreinfo = *note;
  }
  auto efi = read_efi(read);
  if (!efi) return tl::unexpected<Error>(efi.error());
  machine.efi = std::move(*efi);
  return read_notes(read, machine);
}

}  // namespace

std::vector<std::string> machine_files() {
  std::vector<std::string> files = {
      iomem_path,      cmdline_path,    release_path,    fdt_path,        boot_params_path,    boot_params_version_path,
      vmcoreinfo_path, kernel_end_path, crash_base_path, crash_size_path, crash_size_now_path, bootinfo_path};
  for (unsigned cpu = 0; cpu < Machine::usual_cpus; ++cpu) {
    files.push_back(note_path(cpu));
    files.push_back(note_size_path(cpu));
  }
  for (std::string& file : efi_files()) files.push_back(std::move(file));
  return files;
}

Result<Machine> read_machine(std::string_view arch, std::uint64_t page_size, const FileReader& read) {
  if (page_size == 0 || (page_size & (page_size - 1)) != 0) {
    return fail(Errc::invalid_argument, "read the machine", "page size " + hex(page_size) + " is no power of two");
  }
  Machine machine;
  machine.arch = arch;
  machine.page_size = page_size;
  if (auto required = read_required(read, machine); !required) return tl::unexpected<Error>(required.error());
  if (auto optional = read_optional(read, machine); !optional) return tl::unexpected<Error>(optional.error());
  return machine;
}

std::optional<std::uint64_t> find_kallsyms(std::string_view kallsyms, std::string_view symbol) {
  while (!kallsyms.empty()) {
    const auto end = std::min(kallsyms.find('\n'), kallsyms.size());
    const std::string_view line = kallsyms.substr(0, end);
    kallsyms.remove_prefix(std::min(end + 1, kallsyms.size()));
    // "ffffffff81000000 T _text": address, one letter of type, name, perhaps a tab and a module.
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos || line.size() < blank + 4 || line[blank + 2] != ' ') continue;
    if (line.substr(blank + 3) != symbol) continue;
    const auto address = parse_unsigned(line.substr(0, blank), 16);
    return address == std::uint64_t{0} ? std::nullopt : address;  // kptr_restrict shows zeros
  }
  return std::nullopt;
}

}  // namespace kexlab
