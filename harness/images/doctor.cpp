// SPDX-License-Identifier: Apache-2.0
// The checks of `kexlab doctor`.
#include "harness/images/doctor.h"

#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include "harness/images/apt.h"
#include "harness/images/build.h"
#include "harness/images/images.h"
#include "harness/images/process.h"
#include "harness/images/programs.h"

namespace kexlab::images {
namespace {

using State = Check::State;

/// Kernels of two targets with their unpacked forms, and one kernel build.
constexpr std::uintmax_t space_wanted = std::uintmax_t{3} << 30;
/// Two guests of the largest default size beside the host's own needs.
constexpr std::uint64_t memory_wanted = std::uint64_t{3} << 30;

std::string gibibytes(std::uintmax_t bytes) {
  const auto tenths = bytes / ((std::uintmax_t{1} << 30) / 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

std::string install(const std::string& package) { return "install the Debian package " + package; }

/// The first line a program prints for --version, or why it prints none.
Result<std::string> version_line(const std::string& program) {
  const auto told =
      demand(Command{{program, "--version"}, {}, {}, std::chrono::seconds{20}, 0, {}, {}}, "ask its version");
  if (!told) return tl::unexpected(told.error());
  return told->out.substr(0, told->out.find('\n'));
}

Check check_program(std::string name, const std::string& program, const std::string& package) {
  if (find_program(program).empty()) return {std::move(name), State::bad, program + " is missing", install(package)};
  const auto version = version_line(program);
  if (!version) return {std::move(name), State::bad, version.error().broke, "install " + package + " again"};
  return {std::move(name), State::ok, *version, ""};
}

/// Programs of another suite: those in the cache, or how they come there.
Check check_set(std::string name, const ProgramSet& set, const std::string& program, const std::string& how) {
  if (!has_programs(set)) return {std::move(name), State::warn, "Debian " + set.suite + "'s is not in the cache", how};
  const auto folder = get_programs(set, {});
  if (!folder) return {std::move(name), State::bad, folder.error().broke, how};
  const auto version = version_line((*folder / "usr" / "bin" / program).string());
  if (!version) return {std::move(name), State::bad, version.error().broke, "remove " + folder->string()};
  return {std::move(name), State::ok, *version + ", of Debian " + set.suite, ""};
}

Check check_emulator(const Target& target) {
  if (!target.qemu_suite.empty()) {
    return check_set("QEMU for " + target.name, emulator_set(target), target.qemu,
                     "`kexlab images --get --target " + target.name + "` fetches it");
  }
  return check_program("QEMU for " + target.name, target.qemu, target.qemu_package);
}

/// Firmware lies in one of the folders that QEMU names, one a line.
Check check_firmware(const Target& target, const Firmware& firmware) {
  const std::string name = firmware.name + " for " + target.name;
  const auto told =
      demand(Command{{target.qemu, "-L", "help"}, {}, {}, std::chrono::seconds{20}, 0, {}, {}}, "ask for its folders");
  std::istringstream folders(told ? told->out : "");
  for (std::string folder; std::getline(folders, folder);) {
    std::error_code broken;
    const auto file = std::filesystem::weakly_canonical(std::filesystem::path(folder) / firmware.qemu, broken);
    if (!broken && std::filesystem::exists(file, broken)) return {name, State::ok, file.string(), ""};
  }
  return {name, State::warn, firmware.qemu + " is missing", install(firmware.package)};
}

Check check_compiler(const Target& target) {
  if (!target.compiler_suite.empty()) {
    return check_set("compiler for " + target.name, compiler_set(target), target.triplet + "-g++",
                     "`kexlab images --toolchain " + target.name + "` fetches it; then cmake and the build again");
  }
  return check_program("compiler for " + target.name, target.triplet + "-g++", compiler_package(target.triplet, "g++"));
}

Check check_sources(const Target& target) {
  const std::string name = "packages for " + target.name;
  const auto cache = cache_folder();
  if (!cache) return {name, State::warn, cache.error().broke, cache.error().hint};
  auto apt = Apt::open(*cache / "apt" / target.debian_arch, target.debian_arch, {});
  const auto sources = apt ? apt->sources() : tl::unexpected(apt.error());
  if (!sources) return {name, State::warn, sources.error().broke, sources.error().hint};
  if (sources->empty()) {
    return {name, State::warn, "apt has no sources", "add Debian's sources in /etc/apt/sources.list.d"};
  }
  return {name, State::ok, std::to_string(sources->size()) + " apt sources", ""};
}

Check kernel_builds_lack(const Error& error) {
  return {"kernel builds", State::warn, error.broke, error.hint + " to build kernels from source"};
}

Check check_kernel_builds(const std::vector<Target>& targets) {
  for (const auto& target : targets) {
    if (!target.compiler_suite.empty()) continue;  // check_compiler() tells of it, and it is fetched for a build
    if (const auto compiler = find_compiler(target, {}); !compiler) return kernel_builds_lack(compiler.error());
  }
  if (const auto tools = check_build_tools({.patches = true}); !tools) return kernel_builds_lack(tools.error());
  return {"kernel builds", State::ok, "all tools are there", ""};
}

Check check_cache() {
  const auto folder = cache_folder();
  if (!folder)
    return {"cache folder", State::bad, folder.error().asked + ": " + folder.error().broke, folder.error().hint};
  std::error_code broken;
  const auto space = std::filesystem::space(*folder, broken);
  if (broken) return {"cache folder", State::warn, folder->string() + ": " + broken.message(), ""};
  const std::string found = folder->string() + ", " + gibibytes(space.available) + " free";
  if (space.available >= space_wanted) return {"cache folder", State::ok, found, ""};
  return {"cache folder", State::warn, found, "free " + gibibytes(space_wanted) + " there, or set XDG_CACHE_HOME"};
}

Check check_cores() {
  const unsigned cores = std::thread::hardware_concurrency();
  const std::string found = std::to_string(cores) + (cores == 1 ? " processor" : " processors");
  return {"processors", cores > 1 ? State::ok : State::warn, found,
          cores > 1 ? "" : "guests will run one after the other"};
}

Check check_memory() {
  const auto total =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (total >= memory_wanted) return {"memory", State::ok, gibibytes(total), ""};
  return {"memory", State::warn, gibibytes(total), "run with --jobs 1"};
}

}  // namespace

const char* to_string(Check::State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::warn:
      return "warn";
    case State::bad:
      return "bad";
  }
  return "?";
}

std::vector<Check> run_checks(const std::vector<Target>& targets) {
  std::vector<Check> checks;
  for (const auto& target : targets) checks.push_back(check_emulator(target));
  for (const auto& target : targets) {
    for (const auto& firmware : target.firmware) checks.push_back(check_firmware(target, firmware));
  }
  for (const auto& target : targets) checks.push_back(check_compiler(target));
  std::set<std::string> architectures;
  for (const auto& target : targets) {
    if (architectures.insert(target.debian_arch).second) checks.push_back(check_sources(target));
  }
  checks.push_back(check_kernel_builds(targets));
  checks.push_back(check_cache());
  checks.push_back(check_cores());
  checks.push_back(check_memory());
  return checks;
}

}  // namespace kexlab::images
