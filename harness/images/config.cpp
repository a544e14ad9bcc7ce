// SPDX-License-Identifier: Apache-2.0
// A kernel's .config, and what it says about kexec.
#include "harness/images/images.h"

namespace kexlab::images {

std::map<std::string, std::string> parse_config(std::string_view text) {
  std::map<std::string, std::string> options;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto equals = line.find('=');
    if (!line.starts_with("CONFIG_") || equals == std::string_view::npos) continue;
    std::string_view value = line.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    options.insert_or_assign(std::string(line.substr(0, equals)), std::string(value));
  }
  return options;
}

std::string why_not_kexec(const Kernel& kernel) {
  if (!kernel.config_known) return {};
  const auto option = kernel.config.find("CONFIG_KEXEC");
  if (option != kernel.config.end() && option->second == "y") return {};
  const std::string release = kernel.release.empty() ? "" : " (" + kernel.release + ")";
  return "kernel " + kernel.name + release + ": CONFIG_KEXEC is not set, so it has no kexec_load; told by " +
         kernel.config_from;
}

}  // namespace kexlab::images
