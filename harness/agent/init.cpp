// SPDX-License-Identifier: Apache-2.0
// Early user space: pseudo file systems, the console, kernel modules.
#include "harness/agent/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "harness/agent/os.h"

namespace kexlab::agent {
namespace {

constexpr const char* module_folder = "/modules";

void mount_at(const char* type, const char* path) {
  mkdir(path, 0755);
  // EBUSY: mounted by the kernel (CONFIG_DEVTMPFS_MOUNT) or by whoever started us. ENODEV: not in this kernel.
  if (mount(type, path, type, 0, nullptr) == 0 || errno == EBUSY || errno == ENODEV) return;
  complain(std::string("mount ") + path + ": " + error_text(errno));
}

// The kernel gives init its stdio only where the initramfs holds /dev/console; devtmpfs always does.
void open_console() {
  const int fd = open("/dev/console", O_RDWR | O_NOCTTY);
  if (fd < 0) return;
  for (int target = 0; target <= 2; ++target) dup2(fd, target);
  if (fd > 2) close(fd);
}

std::vector<std::string> module_names() {
  std::vector<std::string> names;
  DIR* folder = opendir(module_folder);
  if (folder == nullptr) return names;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(folder);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void prepare_system() {
  mount_at("proc", "/proc");
  mount_at("sysfs", "/sys");
  // The folder is the kernel's own and there only with CONFIG_SECURITYFS.
  if (access("/sys/kernel/security", F_OK) == 0) mount_at("securityfs", "/sys/kernel/security");
  mount_at("devtmpfs", "/dev");
  open_console();
}

std::string load_modules() {
  std::string errors;
  for (const auto& name : module_names()) {
    const std::string path = std::string(module_folder) + "/" + name;
    const Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    // No wrapper in libc. EEXIST: built in or loaded already, which is as good.
    if (fd.open() && (syscall(SYS_finit_module, fd.get(), "", 0) == 0 || errno == EEXIST)) continue;
    const std::string line = name + ": " + error_text(errno);
    complain("module " + line);
    errors += line;
    errors += '\n';
  }
  return errors;
}

}  // namespace kexlab::agent
