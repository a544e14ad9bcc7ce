// SPDX-License-Identifier: Apache-2.0
// UEFI's facts, file by file. Every number is written as "0x%lx". Source: drivers/firmware/efi/efi.c (systab_show,
// EFI_ATTR_SHOW), drivers/firmware/efi/runtime-map.c.
#include "loader/plan/efi.h"

#include <algorithm>

#include "kexlab/text.h"

namespace kexlab {
namespace {

constexpr const char* vendor_path = "/sys/firmware/efi/fw_vendor";
constexpr const char* tables_path = "/sys/firmware/efi/config_table";
constexpr const char* systab_path = "/sys/firmware/efi/systab";
constexpr const char* fields[] = {"type", "phys_addr", "virt_addr", "num_pages", "attribute"};

std::string mapping_path(std::size_t number, const char* field) {
  return "/sys/firmware/efi/runtime-map/" + std::to_string(number) + "/" + field;
}

std::string_view first_line(std::string_view text) { return text.substr(0, std::min(text.find('\n'), text.size())); }

/// A file that holds one number; nothing where it is absent.
Result<std::optional<std::uint64_t>> read_number(const FileReader& read, const std::string& path) {
  const auto bytes = read(path);
  if (!bytes) return std::nullopt;
  const auto number = parse_hex(first_line(as_text(*bytes)));
  if (!number) return fail(Errc::corrupt, "read " + path, "it holds no number of the form 0x…");
  return number;
}

/// The value of a line "NAME=0x…"; 0 where there is none.
std::uint64_t value_in(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = first_line(text);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with(name) && line.substr(name.size()).starts_with("="))
      return parse_hex(line.substr(name.size() + 1)).value_or(0);
  }
  return 0;
}

Result<std::optional<EfiMapping>> read_mapping(const FileReader& read, std::size_t number) {
  std::uint64_t values[std::size(fields)] = {};
  for (std::size_t i = 0; i < std::size(fields); ++i) {
    const std::string path = mapping_path(number, fields[i]);
    const auto value = read_number(read, path);
    if (!value) return tl::unexpected<Error>(value.error());
    if (!*value && i == 0) return std::nullopt;
    if (!*value) return fail(Errc::not_found, "read the machine", path + " does not exist, its neighbours do");
    values[i] = **value;
  }
  return EfiMapping{static_cast<std::uint32_t>(values[0]), values[1], values[2], values[3], values[4]};
}

}  // namespace

std::vector<std::string> efi_files() {
  std::vector<std::string> files = {vendor_path, tables_path, systab_path};
  for (std::size_t number = 0; number < EfiFacts::usual_mappings; ++number) {
    for (const char* field : fields) files.push_back(mapping_path(number, field));
  }
  return files;
}

Result<std::optional<EfiFacts>> read_efi(const FileReader& read) {
  const auto systab = read(systab_path);
  if (!systab) return std::nullopt;
  EfiFacts facts;
  const auto vendor = read_number(read, vendor_path);
  const auto tables = read_number(read, tables_path);
  for (const auto* number : {&vendor, &tables}) {
    if (!*number) return tl::unexpected<Error>(number->error());
  }
  facts.vendor = vendor->value_or(0);
  facts.tables = tables->value_or(0);
  facts.rsdp = value_in(as_text(*systab), "ACPI20");
  if (facts.rsdp == 0) facts.rsdp = value_in(as_text(*systab), "ACPI");
  facts.smbios = value_in(as_text(*systab), "SMBIOS");
  while (facts.mappings.size() < EfiFacts::most_mappings) {
    const auto mapping = read_mapping(read, facts.mappings.size());
    if (!mapping) return tl::unexpected<Error>(mapping.error());
    if (!*mapping) break;
    facts.mappings.push_back(**mapping);
  }
  return facts;
}

}  // namespace kexlab
