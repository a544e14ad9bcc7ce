// SPDX-License-Identifier: Apache-2.0
// What all backends share: names, defaults of optional capabilities, a scratch folder.
#include "harness/vm/vm.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace kexlab::vm {

const char* to_string(Accelerator accelerator) { return accelerator == Accelerator::kvm ? "kvm" : "tcg"; }

Status Guest::save_to_file(const std::filesystem::path& path) {
  return fail(Errc::unsupported, "save the machine to " + path.string(), "this backend keeps no machines in files");
}

Result<ScratchFolder> ScratchFolder::make() {
  const char* root = std::getenv("TMPDIR");
  std::string pattern = std::string(root != nullptr && *root != '\0' ? root : "/tmp") + "/kexlab-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) {
    return fail(Errc::io, "make a scratch folder " + pattern, std::strerror(errno), "set TMPDIR to a writable folder");
  }
  return ScratchFolder(pattern);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace kexlab::vm
