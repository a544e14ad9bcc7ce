// SPDX-License-Identifier: Apache-2.0
// The x86 "zero page" (struct boot_params) and its memory map, for kernels of either width. Pure.
#include "loader/arch/x86_boot_params.h"

#include <algorithm>
#include <array>
#include <utility>

#include "loader/arch/placement.h"

namespace kexlab {
namespace {

// Offsets in the zero page. Source: Documentation/x86/zero-page.rst, arch/x86/include/uapi/asm/bootparam.h (6.1).
namespace field {
constexpr std::uint64_t screen_info = 0x000;
constexpr std::uint64_t ext_mem_k = 0x002;  // in screen_info: u16, KiB above 1 MiB
constexpr std::uint64_t acpi_rsdp_addr = 0x070;
constexpr std::uint64_t ext_ramdisk_image = 0x0c0;
constexpr std::uint64_t ext_ramdisk_size = 0x0c4;
constexpr std::uint64_t ext_cmd_line_ptr = 0x0c8;
constexpr std::uint64_t efi_info = 0x1c0;  // struct efi_info, 32 bytes
constexpr std::uint64_t alt_mem_k = 0x1e0;
constexpr std::uint64_t e820_entries = 0x1e8;
constexpr std::uint64_t eddbuf_entries = 0x1e9;  // and edd_mbr_sig_buf_entries behind it
constexpr std::uint64_t secure_boot = 0x1ec;
constexpr std::uint64_t boot_flag = 0x1fe;
constexpr std::uint64_t header_magic = 0x202;
constexpr std::uint64_t version = 0x206;
constexpr std::uint64_t type_of_loader = 0x210;
constexpr std::uint64_t loadflags = 0x211;
constexpr std::uint64_t ramdisk_image = 0x218;
constexpr std::uint64_t ramdisk_size = 0x21c;
constexpr std::uint64_t cmd_line_ptr = 0x228;
constexpr std::uint64_t initrd_addr_max = 0x22c;
constexpr std::uint64_t hardware_subarch = 0x23c;  // u32, then hardware_subarch_data u64
constexpr std::uint64_t setup_data = 0x250;
constexpr std::uint64_t setup_header_limit = 0x290;
constexpr std::uint64_t edd_mbr_sig_buffer = 0x290;
constexpr std::uint64_t e820_table = 0x2d0;
constexpr std::uint64_t eddbuf = 0xd00;
constexpr std::uint64_t end = 0xeec;
}  // namespace field

// In struct efi_info, all u32. Source: arch/x86/include/uapi/asm/bootparam.h.
namespace efi_field {
constexpr std::uint64_t descriptor_size = field::efi_info + 0x08;
constexpr std::uint64_t descriptor_version = field::efi_info + 0x0c;
constexpr std::uint64_t map = field::efi_info + 0x10;
constexpr std::uint64_t map_size = field::efi_info + 0x14;
constexpr std::uint64_t map_high = field::efi_info + 0x1c;
}  // namespace efi_field

constexpr std::uint32_t setup_e820_ext = 1;   // SETUP_E820_EXT
constexpr std::uint32_t setup_efi = 4;        // SETUP_EFI
constexpr std::uint64_t efi_setup_size = 96;  // struct efi_setup_data: vendor, unused, tables, smbios, 8 reserved; u64
constexpr std::uint64_t efi_descriptor = 40;  // efi_memory_desc_t: type u32, pad, physical, virtual, pages, attribute
constexpr std::uint16_t xlf_efi_kexec = 1 << 4;  // uapi/asm/bootparam.h
constexpr std::uint64_t setup_data_header = 16;  // next u64, type u32, len u32
constexpr std::uint64_t e820_entry_size = 20;    // addr u64, size u64, type u32
constexpr std::uint8_t undefined_loader = 0xff;  // "no assigned ID", Documentation/x86/boot.rst

template <class T>
void put(Bytes& page, std::uint64_t at, std::uint64_t value) {
  write_int<T>(page, at, static_cast<T>(value), std::endian::little);
}

// Names that arch/x86/kernel/e820.c (e820_type_to_string) gives resources that are no RAM.
constexpr auto claimed = std::to_array<std::pair<std::string_view, E820Type>>({
    {"Reserved", E820Type::reserved},
    {"ACPI Tables", E820Type::acpi},
    {"ACPI Non-volatile Storage", E820Type::nvs},
    {"Unusable memory", E820Type::unusable},
    {"Persistent Memory", E820Type::pmem},
    {"Persistent Memory (legacy)", E820Type::pram},
    {"Soft Reserved", E820Type::soft_reserved},
});

void append(std::vector<E820Entry>& entries, const RangeSet& ranges, E820Type type) {
  for (const Range& range : ranges.ranges()) entries.push_back({range, type});
}

// What firmware claims; the first name in the table wins where two ranges share bytes.
std::vector<E820Entry> firmware_claims(const MemoryMap& memory, RangeSet& taken) {
  std::vector<E820Entry> entries;
  for (const auto& [name, type] : claimed) {
    const RangeSet ranges = without(RangeSet(memory.named(name)), taken);
    append(entries, ranges, type);
    for (const Range& range : ranges.ranges()) taken.add(range);
  }
  return entries;
}

}  // namespace

std::vector<E820Entry> e820_of_crash(const MemoryMap& memory, const RangeSet& usable) {
  RangeSet taken;
  std::vector<E820Entry> entries = firmware_claims(memory, taken);
  append(entries, without(usable, taken), E820Type::ram);
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.range < b.range; });
  return entries;
}

std::vector<E820Entry> e820_of(const MemoryMap& memory) { return e820_of_crash(memory, memory.ram()); }

namespace {

/// Where SETUP_EFI lies from the start of the page: behind the entries that did not fit.
std::uint64_t efi_offset(const BootParamsValues& values) {
  if (values.e820.size() <= e820_in_page) return boot_params_size;
  return boot_params_size + setup_data_header + (values.e820.size() - e820_in_page) * e820_entry_size;
}

}  // namespace

std::uint64_t boot_params_bytes(const BootParamsValues& values) {
  const std::uint64_t end = efi_offset(values);
  if (values.efi == nullptr) return end;
  return end + setup_data_header + efi_setup_size + values.efi->mappings.size() * efi_descriptor;
}

const EfiFacts* efi_for(const LoadRequest& request) {
  const auto& machine = *request.machine;
  const bool told = machine.efi && !machine.efi->mappings.empty() && machine.boot_params.size() >= boot_params_size;
  const auto& bzimage = request.kernel->bzimage;
  return told && bzimage && (bzimage->xloadflags & xlf_efi_kexec) != 0 ? &*machine.efi : nullptr;
}

namespace {

// The machine as the running kernel's page describes it; see the essay in x86_64.cpp for what stays behind.
Status copy_machine(const LoadRequest& request, Bytes& page) {
  const Bytes& running = request.machine->boot_params;
  if (running.empty()) return {};
  if (running.size() < boot_params_size) {
    return fail(Errc::corrupt, asked_of(request),
                "the running kernel's boot_params has " + std::to_string(running.size()) + " bytes instead of 4096",
                "read /sys/kernel/boot_params/data again");
  }
  const auto copy = [&](std::uint64_t from, std::uint64_t to) {
    std::copy(running.begin() + static_cast<std::ptrdiff_t>(from), running.begin() + static_cast<std::ptrdiff_t>(to),
              page.begin() + static_cast<std::ptrdiff_t>(from));
  };
  copy(field::screen_info, 0x40);
  copy(field::acpi_rsdp_addr, field::acpi_rsdp_addr + 8);
  copy(field::eddbuf_entries, field::eddbuf_entries + 2);
  copy(field::hardware_subarch, field::hardware_subarch + 12);
  copy(field::edd_mbr_sig_buffer, field::e820_table);
  copy(field::eddbuf, field::end);
  return {};
}

// Where UEFI's stub started the running kernel, its page does not tell where ACPI is.
void put_rsdp(Bytes& page, const Machine& machine) {
  const auto known = read_int<std::uint64_t>(page, field::acpi_rsdp_addr, std::endian::little).value_or(0);
  if (known == 0 && machine.efi) put<std::uint64_t>(page, field::acpi_rsdp_addr, machine.efi->rsdp);
}

// The running kernel's struct efi_info with the map of the runtime services alone, and SETUP_EFI, by which the next
// kernel knows that they have been mapped already. Source: arch/x86/kernel/kexec-bzimage64.c (setup_efi_state).
void put_efi(Bytes& page, const Machine& machine, const BootParamsValues& values) {
  if (values.efi == nullptr) return;
  const Bytes& running = machine.boot_params;
  const auto copy = [&](std::uint64_t from, std::uint64_t size) {
    const auto at = static_cast<std::ptrdiff_t>(from);
    std::copy_n(running.begin() + at, size, page.begin() + at);
  };
  copy(field::efi_info, 32);
  copy(field::secure_boot, 1);
  const std::uint64_t setup = efi_offset(values), map = setup + setup_data_header + efi_setup_size;
  put<std::uint32_t>(page, efi_field::descriptor_size, efi_descriptor);
  put<std::uint32_t>(page, efi_field::map, values.address + map);
  put<std::uint32_t>(page, efi_field::map_high, (values.address + map) >> 32);
  put<std::uint32_t>(page, efi_field::map_size, values.efi->mappings.size() * efi_descriptor);
  put<std::uint64_t>(page, setup, read_int<std::uint64_t>(page, field::setup_data, std::endian::little).value_or(0));
  put<std::uint64_t>(page, field::setup_data, values.address + setup);
  put<std::uint32_t>(page, setup + 8, setup_efi);
  put<std::uint32_t>(page, setup + 12, efi_setup_size);
  put<std::uint64_t>(page, setup + setup_data_header, values.efi->vendor);
  put<std::uint64_t>(page, setup + setup_data_header + 16, values.efi->tables);
  put<std::uint64_t>(page, setup + setup_data_header + 24, values.efi->smbios);
  std::uint64_t at = map;
  for (const EfiMapping& each : values.efi->mappings) {
    put<std::uint32_t>(page, at, each.type);
    put<std::uint64_t>(page, at + 8, each.physical);
    put<std::uint64_t>(page, at + 16, each.virtual_address);
    put<std::uint64_t>(page, at + 24, each.pages);
    put<std::uint64_t>(page, at + 32, each.attribute);
    at += efi_descriptor;
  }
}

Status copy_setup_header(const LoadRequest& request, Bytes& page) {
  const std::uint64_t end =
      std::min<std::uint64_t>(request.kernel->bzimage->setup_header_end, field::setup_header_limit);
  const auto header = end < setup_header_start
                          ? std::nullopt
                          : slice(request.kernel->bytes, setup_header_start, end - setup_header_start);
  if (!header) return fail(Errc::corrupt, asked_of(request), "the setup header ends at " + std::to_string(end));
  std::copy(header->begin(), header->end(), page.begin() + setup_header_start);
  return {};
}

// A vmlinux has no setup header; the kernel proper reads only these of it (arch/x86/kernel/setup.c, head64.c).
void make_setup_header(Bytes& page) {
  put<std::uint16_t>(page, field::boot_flag, 0xaa55);
  put<std::uint32_t>(page, field::header_magic, 0x53726448);  // "HdrS"
  put<std::uint16_t>(page, field::version, 0x020f);
  put<std::uint8_t>(page, field::loadflags, 1);  // LOADED_HIGH
  put<std::uint32_t>(page, field::initrd_addr_max, 0x7fffffff);
}

void put_entry(Bytes& page, std::uint64_t at, const E820Entry& entry) {
  put<std::uint64_t>(page, at, entry.range.start);
  put<std::uint64_t>(page, at + 8, entry.range.size());
  put<std::uint32_t>(page, at + 16, static_cast<std::uint32_t>(entry.type));
}

void put_e820(Bytes& page, const BootParamsValues& values) {
  const std::size_t inside = std::min(values.e820.size(), e820_in_page);
  put<std::uint8_t>(page, field::e820_entries, inside);
  for (std::size_t i = 0; i < inside; ++i) put_entry(page, field::e820_table + i * e820_entry_size, values.e820[i]);
  const std::size_t outside = values.e820.size() - inside;
  if (outside == 0) return;
  put<std::uint64_t>(page, field::setup_data, values.address + boot_params_size);
  put<std::uint32_t>(page, boot_params_size + 8, setup_e820_ext);
  put<std::uint32_t>(page, boot_params_size + 12, outside * e820_entry_size);
  for (std::size_t i = 0; i < outside; ++i) {
    put_entry(page, boot_params_size + setup_data_header + i * e820_entry_size, values.e820[inside + i]);
  }
}

// The old counts of KiB above 1 MiB, for kernels that find no e820 table.
void put_old_sizes(Bytes& page, const BootParamsValues& values) {
  put<std::uint16_t>(page, field::ext_mem_k, 0);
  put<std::uint32_t>(page, field::alt_mem_k, 0);
  for (const E820Entry& entry : values.e820) {
    if (entry.type != E820Type::ram || !entry.range.contains(mib)) continue;
    const std::uint64_t above = (entry.range.end - mib) / kib;
    put<std::uint16_t>(page, field::ext_mem_k, std::min<std::uint64_t>(above, 0xfc00));
    put<std::uint32_t>(page, field::alt_mem_k, std::min<std::uint64_t>(above, 0xffffffff));
  }
}

void put_addresses(Bytes& page, const BootParamsValues& values) {
  put<std::uint8_t>(page, field::type_of_loader, undefined_loader);
  put<std::uint32_t>(page, field::cmd_line_ptr, values.cmdline);
  put<std::uint32_t>(page, field::ext_cmd_line_ptr, values.cmdline >> 32);
  put<std::uint32_t>(page, field::ramdisk_image, values.initrd.start);
  put<std::uint32_t>(page, field::ext_ramdisk_image, values.initrd.start >> 32);
  put<std::uint32_t>(page, field::ramdisk_size, values.initrd.size());
  put<std::uint32_t>(page, field::ext_ramdisk_size, values.initrd.size() >> 32);
}

}  // namespace

Result<Bytes> make_boot_params(const LoadRequest& request, const BootParamsValues& values) {
  Bytes page(boot_params_bytes(values));
  if (request.kernel->bzimage) {
    if (auto copied = copy_setup_header(request, page); !copied) return tl::unexpected(copied.error());
  } else {
    make_setup_header(page);
  }
  if (auto copied = copy_machine(request, page); !copied) return tl::unexpected(copied.error());
  put<std::uint64_t>(page, field::setup_data, 0);
  put_e820(page, values);
  put_old_sizes(page, values);
  put_addresses(page, values);
  put_rsdp(page, *request.machine);
  put_efi(page, *request.machine, values);
  return page;
}

}  // namespace kexlab
