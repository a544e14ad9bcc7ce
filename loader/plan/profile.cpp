// SPDX-License-Identifier: Apache-2.0
// A machine as JSON and back. Addresses are hex strings and bytes are hex digits, so that people can read and compare
// profiles; a text that is no valid UTF-8 is kept as {"hex": "…"}.
#include <nlohmann/json.hpp>

#include "kexlab/machine.h"
#include "kexlab/text.h"

namespace kexlab {
namespace {

using Json = nlohmann::ordered_json;
constexpr const char* format_name = "kexlab-machine-1";

std::string hex_digits(ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

bool valid_utf8(const std::string& text) {
  // dump() throws on a string that is no UTF-8 and only then.
  try {
    (void)Json(text).dump();
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

Json text_json(const std::string& text) {
  if (valid_utf8(text)) return text;
  return Json{{"hex", hex_digits(as_bytes(text))}};
}

Json range_json(const Range& range) { return Json::array({hex(range.start), hex(range.end)}); }
Json note_json(const CrashNote& note) { return Json{{"address", hex(note.address)}, {"size", note.size}}; }

// Reads fields; the first mistake is thrown as a Bad and caught in load_profile, it never leaves this file.
struct Bad {
  std::string broke;
};

const Json& field(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  if (!object.is_object() || found == object.end()) throw Bad{std::string("there is no \"") + key + "\""};
  return *found;
}

std::uint64_t number_of(const Json& value, const char* what) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (const auto number = text.starts_with("0x") ? parse_hex(text) : std::nullopt) return *number;
  }
  throw Bad{std::string(what) + " is neither a number nor a string of the form 0x…"};
}

std::uint8_t nibble(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  throw Bad{"bytes hold something else than the digits 0-9 and a-f"};
}

Bytes bytes_of(const Json& value, const char* what) {
  if (!value.is_string()) throw Bad{std::string(what) + " is no string of hex digits"};
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() % 2 != 0) throw Bad{std::string(what) + " has an odd number of hex digits"};
  Bytes bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
  }
  return bytes;
}

std::string text_of(const Json& value, const char* what) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object()) return std::string(as_text(bytes_of(field(value, "hex"), what)));
  throw Bad{std::string(what) + " is no text"};
}

Range range_of(const Json& value) {
  if (!value.is_array() || value.size() != 2) throw Bad{"a range is not [start, end]"};
  const Range range{number_of(value[0], "start"), number_of(value[1], "end")};
  if (range.start > range.end) throw Bad{"a range ends before it starts"};
  return range;
}

CrashNote note_of(const Json& value) {
  return {number_of(field(value, "address"), "address"), number_of(field(value, "size"), "size")};
}

const Json& list_of(const Json& object, const char* key, std::size_t most) {
  const Json& list = field(object, key);
  if (!list.is_array() || list.size() > most)
    throw Bad{std::string(key) + " is no list of at most " + std::to_string(most)};
  return list;
}

Json memory_json(const MemoryMap& memory) {
  Json list = Json::array();
  for (const MemoryEntry& entry : memory.entries) {
    list.push_back({{"range", range_json(entry.range)}, {"depth", entry.depth}, {"name", text_json(entry.name)}});
  }
  return list;
}

MemoryMap memory_of(const Json& root) {
  MemoryMap memory;
  for (const Json& entry : list_of(root, "memory", MemoryMap::most_entries)) {
    const std::uint64_t depth = number_of(field(entry, "depth"), "depth");
    if (depth > 16) throw Bad{"depth " + std::to_string(depth) + " is larger than 16"};
    memory.entries.push_back(
        {range_of(field(entry, "range")), static_cast<unsigned>(depth), text_of(field(entry, "name"), "name")});
  }
  return memory;
}

Json efi_json(const EfiFacts& efi) {
  Json mappings = Json::array();
  for (const EfiMapping& each : efi.mappings) {
    mappings.push_back({{"type", each.type},
                        {"physical", hex(each.physical)},
                        {"virtual", hex(each.virtual_address)},
                        {"pages", each.pages},
                        {"attribute", hex(each.attribute)}});
  }
  return {{"vendor", hex(efi.vendor)},
          {"tables", hex(efi.tables)},
          {"rsdp", hex(efi.rsdp)},
          {"smbios", hex(efi.smbios)},
          {"mappings", mappings}};
}

EfiFacts efi_of(const Json& value) {
  const auto number = [](const Json& object, const char* key) { return number_of(field(object, key), key); };
  EfiFacts efi{number(value, "vendor"), number(value, "tables"), number(value, "rsdp"), number(value, "smbios"), {}};
  for (const Json& each : list_of(value, "mappings", EfiFacts::most_mappings)) {
    efi.mappings.push_back({static_cast<std::uint32_t>(number(each, "type")), number(each, "physical"),
                            number(each, "virtual"), number(each, "pages"), number(each, "attribute")});
  }
  return efi;
}

Machine machine_of(const Json& root) {
  if (text_of(field(root, "format"), "format") != format_name) throw Bad{std::string("format is not ") + format_name};
  Machine machine;
  machine.arch = text_of(field(root, "arch"), "arch");
  machine.page_size = number_of(field(root, "page_size"), "page_size");
  if (machine.page_size == 0 || (machine.page_size & (machine.page_size - 1)) != 0)
    throw Bad{"page_size is no power of two"};
  machine.release = text_of(field(root, "release"), "release");
  machine.cmdline = text_of(field(root, "cmdline"), "cmdline");
  machine.memory = memory_of(root);
  machine.fdt = bytes_of(field(root, "fdt"), "fdt");
  machine.boot_params = bytes_of(field(root, "boot_params"), "boot_params");
  machine.boot_params_version = number_of(field(root, "boot_params_version"), "boot_params_version");
  for (const Json& note : list_of(root, "crash_notes", Machine::most_cpus))
    machine.crash_notes.push_back(note_of(note));
  if (root.contains("vmcoreinfo")) machine.vmcoreinfo = note_of(root["vmcoreinfo"]);
  if (root.contains("efi")) machine.efi = efi_of(root["efi"]);
  if (root.contains("kallsyms_text")) machine.kallsyms_text = number_of(root["kallsyms_text"], "kallsyms_text");
  return machine;
}

}  // namespace

std::string save_profile(const Machine& machine) {
  Json root;
  root["format"] = format_name;
  root["arch"] = text_json(machine.arch);
  root["page_size"] = machine.page_size;
  root["release"] = text_json(machine.release);
  root["cmdline"] = text_json(machine.cmdline);
  root["memory"] = memory_json(machine.memory);
  root["fdt"] = hex_digits(machine.fdt);
  root["boot_params"] = hex_digits(machine.boot_params);
  root["boot_params_version"] = hex(machine.boot_params_version);
  root["crash_notes"] = Json::array();
  for (const CrashNote& note : machine.crash_notes) root["crash_notes"].push_back(note_json(note));
  if (machine.vmcoreinfo) root["vmcoreinfo"] = note_json(*machine.vmcoreinfo);
  if (machine.efi) root["efi"] = efi_json(*machine.efi);
  if (machine.kallsyms_text) root["kallsyms_text"] = hex(*machine.kallsyms_text);
  return root.dump(2) + "\n";
}

Result<Machine> load_profile(std::string_view json) {
  constexpr const char* asked = "load a machine profile";
  if (json.size() > Machine::most_profile_bytes) {
    return fail(Errc::corrupt, asked,
                std::to_string(json.size()) + " bytes, at most " + std::to_string(Machine::most_profile_bytes));
  }
  try {
    return machine_of(Json::parse(json));
  } catch (const Bad& bad) {
    return fail(Errc::corrupt, asked, bad.broke);
  } catch (const Json::exception& error) {
    return fail(Errc::corrupt, asked, error.what());
  }
}

}  // namespace kexlab
