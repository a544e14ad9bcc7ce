// SPDX-License-Identifier: Apache-2.0
// The words of scenarios that stand for numbers: errnos, flags, architectures, pointers, capabilities, sizes, times.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/scenario/scenario.h"
#include "harness/yaml/yaml.h"

namespace kexlab::scenario {

/// A table of words and their values, in the order in which messages list them.
template <class T>
using Words = std::vector<std::pair<std::string, T>>;

/// Errnos in the generic numbering. Source: include/uapi/asm-generic/errno-base.h, errno.h (6.1).
const Words<int>& errno_words();
/// Flags of kexec_load without "KEXEC_". Source: include/uapi/linux/kexec.h.
const Words<std::uint64_t>& load_flag_words();
/// Flags of kexec_file_load without "KEXEC_FILE_". Source: include/uapi/linux/kexec.h.
const Words<std::uint64_t>& file_load_flag_words();
/// Files for kexec_file_load, and how they are opened. The page of the vocabulary tells what each is.
const std::vector<std::string>& file_words();
const std::vector<std::string>& open_words();
/// KEXEC_ARCH_* without the prefix, shifted as the call wants them. Source: include/uapi/linux/kexec.h.
const Words<std::uint64_t>& arch_words();
const Words<Pointer>& pointer_words();
/// Capabilities without "CAP_", lower case. Source: include/uapi/linux/capability.h (6.1).
const std::vector<std::string>& capability_names();
/// "native" and the ABIs of all targets.
std::vector<std::string> abi_words();
/// Levels of privilege that some target's machine can start kernels at beside the usual one.
std::vector<std::string> level_names();
std::vector<std::string> firmware_names();
/// What a target may lack: the features that a limitation in the table of targets can name, and the ABIs of others.
std::vector<std::string> feature_names();

template <class T>
std::vector<std::string> names(const Words<T>& words) {
  std::vector<std::string> out;
  for (const auto& [name, value] : words) out.push_back(name);
  return out;
}

/// Readers of values, for yaml::Reader. Errors carry the position and the nearest right word.
Result<Expression> read_expression(const yaml::Node& node);
/// "ok", an errno's name, "value N", "model".
Result<Expectation> read_expectation(const yaml::Node& node);
/// A list, or words with "|" between them; "none"; numbers for bits that have no name.
Result<std::uint64_t> read_load_flags(const yaml::Node& node);
Result<std::uint64_t> read_file_load_flags(const yaml::Node& node);
/// "0x1fe = 00 00": the offset and the bytes, in hexadecimal.
Result<FileSpec::Edit> read_edit(const yaml::Node& node);
/// "own" reads as nothing.
Result<std::optional<std::uint64_t>> read_arch(const yaml::Node& node);
/// A pointer's word, or a number: an address of its own. YAML's own null is the null pointer.
Result<PointerSpec> read_pointer(const yaml::Node& node);
Result<std::string> read_capability(const yaml::Node& node);
/// "pattern N": the seed.
Result<std::uint32_t> read_fill(const yaml::Node& node);
/// "512 MiB", "2 GiB", in MiB.
Result<std::uint64_t> read_mib(const yaml::Node& node);
/// "60 s", "5 min"; from 1 s to 1 h.
Result<std::chrono::seconds> read_seconds(const yaml::Node& node);
/// "6.1" or "6.1.5".
Result<std::string> read_version(const yaml::Node& node);
/// A config option's name, without "CONFIG_".
Result<std::string> read_option(const yaml::Node& node);
/// An absolute path.
Result<std::string> read_path(const yaml::Node& node);

}  // namespace kexlab::scenario
