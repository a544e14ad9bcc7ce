// SPDX-License-Identifier: Apache-2.0
// The initramfs that every guest starts from, and where programs for guests lie.
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "harness/images/file.h"
#include "harness/images/images.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

Entry folder(std::string path) { return {std::move(path), S_IFDIR | 0755, Bytes{}, 0, 0}; }
Entry character_device(std::string path, unsigned major, unsigned minor, unsigned permissions) {
  return {std::move(path), S_IFCHR | permissions, Bytes{}, major, minor};
}

/// "modules/00-virtio_console.ko": the number keeps the load order for whoever lists the folder.
std::string module_path(std::size_t index, const fs::path& module) {
  std::array<char, 24> number{};
  std::snprintf(number.data(), number.size(), "%02zu-", index);
  std::string name = module.filename().string();
  // A file from the kernel cache has its number already.
  if (name.size() > 3 && name[2] == '-' && std::isdigit(static_cast<unsigned char>(name[0])) != 0) name.erase(0, 3);
  return "modules/" + std::string(number.data()) + name;
}

}  // namespace

Result<Bytes> base_initramfs(const Target& target, const fs::path& agent, const std::vector<fs::path>& modules,
                             const std::vector<fs::path>& callers) {
  std::vector<Entry> entries;
  for (const char* name : {"dev", "proc", "sys", "tmp", "kexlab", "payload", "abi"}) entries.push_back(folder(name));
  // Documentation/admin-guide/devices.txt (6.1): 5,1 is the system console; 1,3 null. The kernel opens /dev/console for
  // init before anything could be mounted there.
  entries.push_back(character_device("dev/console", 5, 1, 0600));
  entries.push_back(character_device("dev/null", 1, 3, 0666));
  entries.push_back({"init", S_IFREG | 0755, agent, 0, 0});
  for (std::size_t i = 0; i < modules.size(); ++i)
    entries.push_back({module_path(i, modules[i]), S_IFREG | 0644, modules[i], 0, 0});
  for (const auto& caller : callers)
    entries.push_back({"abi/" + caller.filename().string(), S_IFREG | 0755, caller, 0, 0});
  auto archive = make_cpio(entries);
  if (!archive) archive.error().asked = "write the initramfs for " + target.name + ": " + archive.error().asked;
  return archive;
}

Result<fs::path> guest_binary(const Target& target, std::string_view name) {
  std::vector<fs::path> places;
  if (const char* chosen = std::getenv("KEXLAB_GUEST_DIR"); chosen != nullptr && *chosen != '\0') {
    places.emplace_back(chosen);
  } else {
    std::error_code broken;
    const fs::path program = fs::read_symlink("/proc/self/exe", broken).parent_path();
    places = {program / "guest", program.parent_path() / "libexec" / "kexlab" / "guest"};
  }
  std::string looked;
  for (const auto& place : places) {
    const fs::path file = place / target.name / name;
    std::error_code broken;
    if (fs::is_regular_file(file, broken)) return file;
    looked += (looked.empty() ? "" : " nor ") + file.string();
  }
  const std::string build = target.compiler_suite.empty() ? "build the target `guest`"
                                                          : "its compiler comes from Debian " + target.compiler_suite +
                                                                ": run `kexlab images --toolchain " + target.name +
                                                                "`, then cmake and the build again";
  return fail(Errc::not_found, "find the guest program " + std::string(name) + " for " + target.name,
              "there is no " + looked, build + ", or set KEXLAB_GUEST_DIR to the folder that holds it");
}

}  // namespace kexlab::images
