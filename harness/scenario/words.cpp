// SPDX-License-Identifier: Apache-2.0
// The tables of words.
#include "harness/scenario/words.h"

#include <algorithm>
#include <iterator>

#include "harness/targets/target.h"
#include "harness/wire/capabilities.h"

namespace kexlab::scenario {

const Words<int>& errno_words() {
  static const Words<int> words{{"EPERM", 1},          {"ENOENT", 2},      {"EINTR", 4},       {"EIO", 5},
                                {"ENXIO", 6},          {"E2BIG", 7},       {"ENOEXEC", 8},     {"EBADF", 9},
                                {"EAGAIN", 11},        {"ENOMEM", 12},     {"EACCES", 13},     {"EFAULT", 14},
                                {"EBUSY", 16},         {"EEXIST", 17},     {"ENODEV", 19},     {"ENOTDIR", 20},
                                {"EISDIR", 21},        {"EINVAL", 22},     {"ETXTBSY", 26},    {"EFBIG", 27},
                                {"ENOSPC", 28},        {"EROFS", 30},      {"EDOM", 33},       {"ERANGE", 34},
                                {"ENOSYS", 38},        {"ENODATA", 61},    {"ENOPKG", 65},     {"ELIBBAD", 80},
                                {"EBADMSG", 74},       {"EOVERFLOW", 75},  {"EOPNOTSUPP", 95}, {"EADDRINUSE", 98},
                                {"EADDRNOTAVAIL", 99}, {"ETIMEDOUT", 110}, {"ENOKEY", 126},    {"EKEYREJECTED", 129}};
  return words;
}

const Words<std::uint64_t>& load_flag_words() {
  static const Words<std::uint64_t> words{{"ON_CRASH", kexec::on_crash},
                                          {"PRESERVE_CONTEXT", kexec::preserve_context},
                                          {"UPDATE_ELFCOREHDR", kexec::update_elfcorehdr},
                                          {"CRASH_HOTPLUG_SUPPORT", kexec::crash_hotplug_support}};
  return words;
}

const Words<std::uint64_t>& file_load_flag_words() {
  static const Words<std::uint64_t> words{{"UNLOAD", 0x1}, {"ON_CRASH", 0x2}, {"NO_INITRAMFS", 0x4},
                                          {"DEBUG", 0x8},  {"NO_CMA", 0x10},  {"FORCE_DTB", 0x20}};
  return words;
}

const std::vector<std::string>& file_words() {
  static const std::vector<std::string> words{"self",      "next",   "own",  "zeros", "none", "elf",
                                              "directory", "device", "pipe", "proc",  "sysfs"};
  return words;
}

const std::vector<std::string>& open_words() {
  static const std::vector<std::string> words{"read", "write", "both", "path", "closed", "busy"};
  return words;
}

const Words<std::uint64_t>& arch_words() {
  static const Words<std::uint64_t> words = [] {
    Words<std::uint64_t> out{{"386", 3},    {"68K", 4},     {"MIPS", 8},      {"MIPS_LE", 10}, {"PARISC", 15},
                             {"PPC", 20},   {"PPC64", 21},  {"S390", 22},     {"ARM", 40},     {"SH", 42},
                             {"IA_64", 50}, {"X86_64", 62}, {"AARCH64", 183}, {"RISCV", 243},  {"LOONGARCH", 258}};
    for (auto& [name, value] : out) value <<= 16;
    return out;
  }();
  return words;
}

const Words<Pointer>& pointer_words() {
  static const Words<Pointer> words{
      {"valid", Pointer::valid},         {"null", Pointer::null},           {"unmapped", Pointer::unmapped},
      {"half", Pointer::half},           {"kernel", Pointer::kernel},       {"read_only", Pointer::read_only},
      {"guarded", Pointer::guarded},     {"no_access", Pointer::no_access}, {"tight", Pointer::tight},
      {"one_short", Pointer::one_short}, {"tagged", Pointer::tagged}};
  return words;
}

const std::vector<std::string>& capability_names() {
  static const std::vector<std::string> names(std::begin(wire::capability_names), std::end(wire::capability_names));
  return names;
}

std::vector<std::string> abi_words() {
  std::vector<std::string> names = abi_names();
  names.insert(names.begin(), native_abi);
  return names;
}

namespace {

/// The names of some rows of all targets, each once.
template <class Row>
std::vector<std::string> names_of(std::vector<Row> Target::*rows) {
  std::vector<std::string> names;
  for (const Target& target : all_targets()) {
    for (const Row& row : target.*rows) {
      if (std::find(names.begin(), names.end(), row.name) == names.end()) names.push_back(row.name);
    }
  }
  return names;
}

}  // namespace

std::vector<std::string> level_names() { return names_of(&Target::levels); }
std::vector<std::string> firmware_names() { return names_of(&Target::firmware); }

std::vector<std::string> feature_names() {
  std::vector<std::string> names{"kernel",         "witness",     "crash",          "jump",
                                 "hold",           "snapshot",    "icount",         "empty_crash_segment",
                                 "little_memory",  "64_bits",     "kernel_place",   "long_cmdline",
                                 "power_off",      "much_memory", "file_vmcore",    "digest",
                                 "usual_memory",   "vmcore",      "more_memory",    "above_4_gib",
                                 "vmcore_mapping", "file_model",  "post_notifiers", "crash_pages",
                                 "crash_in_ram",   "memory_fits", "file_load",      "both_cmdlines"};
  for (std::string& name : abi_names()) names.push_back(std::move(name));
  return names;
}

}  // namespace kexlab::scenario
