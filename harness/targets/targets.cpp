// SPDX-License-Identifier: Apache-2.0
// Reads the table of targets; the table itself is embedded when this is compiled.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "harness/targets/target.h"
#include "harness/targets/targets_yaml.h"
#include "harness/yaml/yaml.h"

namespace kexlab {
namespace {

Result<Reasoned> read_reasoned(const yaml::Node& node) {
  Reasoned out;
  yaml::Reader row(node, "word with its reason");
  row.required("value", out.value);
  row.required("reason", out.reason);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  if (out.reason.empty()) return yaml::fail_at(node.where(), fmt::format("`{}` has an empty reason", out.value));
  return out;
}

Result<ChannelWiring> read_channel(const yaml::Node& node) {
  ChannelWiring out;
  yaml::Reader row(node, "channel");
  row.required("device", out.device);
  row.required("qemu", out.qemu);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  const bool wired = std::any_of(out.qemu.begin(), out.qemu.end(),
                                 [](const std::string& word) { return word.find("{chardev}") != std::string::npos; });
  if (!wired) return yaml::fail_at(node.where(), "no QEMU argument of the channel has {chardev}");
  return out;
}

/// A row that holds texts alone, all of them required.
template <class Row>
Result<Row> read_texts(const yaml::Node& node, const char* what,
                       std::initializer_list<std::pair<const char*, std::string Row::*>> keys) {
  Row out;
  yaml::Reader row(node, what);
  for (const auto& [key, text] : keys) row.required(key, out.*text);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<Limitation> read_limitation(const yaml::Node& node) {
  Limitation out;
  yaml::Reader row(node, "limitation");
  row.required("feature", out.feature);
  row.required("cause", out.cause);
  row.required("source", out.source);
  row.optional("config", out.config);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<Abi> read_abi(const yaml::Node& node) {
  return read_texts<Abi>(node, "abi", {{"abi", &Abi::name}, {"triplet", &Abi::triplet}, {"config", &Abi::config}});
}

Result<Firmware> read_firmware(const yaml::Node& node) {
  return read_texts<Firmware>(node, "firmware",
                              {{"name", &Firmware::name}, {"package", &Firmware::package}, {"qemu", &Firmware::qemu}});
}

Result<Level> read_level(const yaml::Node& node) {
  Level out;
  yaml::Reader row(node, "level");
  row.required("name", out.name);
  row.required("machine", out.machine);
  row.optional("cpu", out.cpu);
  row.optional("limitations", out.limitations, yaml::list_of(read_limitation));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Status check_target(const Target& target, const yaml::Position& where) {
  if (!std::has_single_bit(target.page_size)) {
    return yaml::fail_at(where, fmt::format("page_size {} is no power of two", target.page_size));
  }
  if (target.witness_address % target.page_size != 0) {
    return yaml::fail_at(where, fmt::format("witness_address {:#x} is not at a page", target.witness_address));
  }
  if (target.crashkernel_mib >= target.crash_memory_mib) {
    return yaml::fail_at(where, fmt::format("crashkernel_mib {} does not fit into crash_memory_mib {}",
                                            target.crashkernel_mib, target.crash_memory_mib));
  }
  return {};
}

Result<Target> read_target(const yaml::Node& node) {
  constexpr std::uint64_t most_mib = 1 << 20;
  Target out;
  yaml::Reader row(node, "target");
  row.required("name", out.name);
  row.required("triplet", out.triplet);
  row.required("debian_arch", out.debian_arch);
  row.required("qemu", out.qemu);
  row.required("qemu_package", out.qemu_package);
  row.optional("qemu_suite", out.qemu_suite);
  row.optional("firmware_package", out.firmware_package);
  row.optional("compiler_suite", out.compiler_suite);
  row.required("machine", out.machine);
  row.required("cpu", out.cpu);
  row.optional("page_size", out.page_size, yaml::between(4096, 65536));
  row.optional("memory_mib", out.memory_mib, yaml::between(16, most_mib));
  row.optional("least_memory_mib", out.least_memory_mib, yaml::between(16, most_mib));
  row.optional("qemu_args", out.qemu_args, yaml::list_of(read_reasoned));
  row.optional("tcg_of_many", out.tcg_of_many, yaml::list_of(read_reasoned));
  row.required("console", out.console);
  row.optional("cmdline", out.cmdline, yaml::list_of(read_reasoned));
  row.optional("crash_cmdline", out.crash_cmdline, yaml::list_of(read_reasoned));
  row.required("channel", out.channel, read_channel);
  row.optional("kvm_host", out.kvm_host);
  row.optional("counter_register", out.counter_register);
  row.optional("ports_before_console", out.ports_before_console, yaml::between(0, 3));
  row.optional("counter_ns", out.counter_ns, yaml::between(0, 1'000'000));
  row.optional("abis", out.abis, yaml::list_of(read_abi));
  row.optional("levels", out.levels, yaml::list_of(read_level));
  row.optional("firmware", out.firmware, yaml::list_of(read_firmware));
  row.required("witness_address", out.witness_address);
  row.optional("crashkernel_mib", out.crashkernel_mib, yaml::between(1, most_mib));
  row.optional("crash_memory_mib", out.crash_memory_mib, yaml::between(16, most_mib));
  row.optional("tested", out.tested, yaml::word_of({"full", "smoke", "named"}));
  row.optional("limitations", out.limitations, yaml::list_of(read_limitation));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  if (out.crash_cmdline.empty())
    out.crash_cmdline = {{"nr_cpus=1", "a crash kernel has one CPU to itself, and little memory"}};
  if (auto status = check_target(out, node.where()); !status) return tl::unexpected(status.error());
  return out;
}

Result<Limitation> read_no_emulator(const yaml::Node& node) {
  Limitation out{.feature = "no_emulator"};
  yaml::Reader row(node, "no_emulator");
  row.required("cause", out.cause);
  row.required("source", out.source);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<Unemulated> read_unemulated(const yaml::Node& node) {
  std::string name;
  Limitation why;
  yaml::Reader row(node, "target");
  row.required("name", name);
  row.required("no_emulator", why, read_no_emulator);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return Unemulated{std::move(name), std::move(why.cause), std::move(why.source)};
}

/// The rows of a table with a machine, or those without.
Result<std::vector<yaml::Node>> read_rows(std::string_view text, std::string_view file, bool emulated) {
  auto root = yaml::parse(text, std::string(file));
  if (!root) return tl::unexpected(root.error());
  if (root->kind() != yaml::Kind::list)
    return yaml::fail_at(root->where(), "the table of targets must be a list of rows");
  std::vector<yaml::Node> rows;
  for (const yaml::Node& node : root->items()) {
    if (node.find("no_emulator").has_value() != emulated) rows.push_back(node);
  }
  return rows;
}

const Result<std::vector<Unemulated>>& unemulated_table() {
  static const auto parsed = parse_unemulated(targets_yaml, "harness/targets/targets.yaml");
  return parsed;
}

const Result<std::vector<Target>>& table() {
  static const auto parsed = parse_targets(targets_yaml, "harness/targets/targets.yaml");
  return parsed;
}

}  // namespace

namespace {

const Limitation* limit_in(const std::vector<Limitation>& limitations, std::string_view feature) {
  auto found = std::find_if(limitations.begin(), limitations.end(),
                            [&](const Limitation& row) { return row.feature == feature; });
  return found == limitations.end() ? nullptr : &*found;
}

template <class Row>
const Row* named(const std::vector<Row>& rows, std::string_view name) {
  auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace

const Limitation* Target::limit(std::string_view feature) const { return limit_in(limitations, feature); }
const Limitation* Level::limit(std::string_view feature) const { return limit_in(limitations, feature); }

const Abi* Target::find_abi(std::string_view abi) const { return named(abis, abi); }
const Level* Target::find_level(std::string_view level) const { return named(levels, level); }
const Firmware* Target::find_firmware(std::string_view wanted) const { return named(firmware, wanted); }

Result<std::vector<Target>> parse_targets(std::string_view text, std::string_view file) {
  const auto rows = read_rows(text, file, true);
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Target> out;
  for (const yaml::Node& node : *rows) {
    auto target = read_target(node);
    if (!target) return tl::unexpected(target.error());
    const bool known = std::any_of(out.begin(), out.end(), [&](const Target& row) { return row.name == target->name; });
    if (known)
      return yaml::fail_at(node.where(), fmt::format("target `{}` stands here for the second time", target->name));
    out.push_back(std::move(*target));
  }
  return out;
}

Result<std::vector<Unemulated>> parse_unemulated(std::string_view text, std::string_view file) {
  const auto rows = read_rows(text, file, false);
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Unemulated> out;
  for (const yaml::Node& node : *rows) {
    auto row = read_unemulated(node);
    if (!row) return tl::unexpected(row.error());
    out.push_back(std::move(*row));
  }
  return out;
}

const std::vector<Unemulated>& unemulated_targets() {
  static const std::vector<Unemulated> none;
  return unemulated_table() ? *unemulated_table() : none;
}

const std::vector<Target>& all_targets() {
  static const std::vector<Target> none;
  return table() ? *table() : none;
}

Status targets_status() {
  if (!table()) return tl::unexpected(table().error());
  if (!unemulated_table()) return tl::unexpected(unemulated_table().error());
  return {};
}

const Target* find_target(std::string_view name) {
  const auto& rows = all_targets();
  auto found = std::find_if(rows.begin(), rows.end(), [&](const Target& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

Result<const Target*> require_target(std::string_view name) {
  if (auto status = targets_status(); !status) return tl::unexpected(status.error());
  if (const Target* target = find_target(name)) return target;
  for (const Unemulated& row : unemulated_targets()) {
    if (row.name == name) {
      return fail(Errc::unsupported, fmt::format("use target `{}`", name), row.cause + " (" + row.source + ")");
    }
  }
  return fail(Errc::not_found, fmt::format("use target `{}`", name), "there is no such row in the table of targets",
              yaml::suggestion(name, target_names()));
}

std::vector<std::string> target_names() {
  std::vector<std::string> out;
  for (const Target& row : all_targets()) out.push_back(row.name);
  return out;
}

std::vector<std::string> abi_names() {
  std::vector<std::string> out;
  for (const Target& row : all_targets()) {
    for (const Abi& abi : row.abis) {
      if (std::find(out.begin(), out.end(), abi.name) == out.end()) out.push_back(abi.name);
    }
  }
  return out;
}

}  // namespace kexlab
