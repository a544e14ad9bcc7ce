// SPDX-License-Identifier: Apache-2.0
// The temporary folder of one run.
#include "harness/cli/workdir.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace kexlab::cli {

namespace fs = std::filesystem;

Result<Workdir> Workdir::make() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  std::string name = (parent / "kexlab-XXXXXX").string();
  if (error || mkdtemp(name.data()) == nullptr) {
    return fail(Errc::io, "make a folder for this run in " + parent.string(),
                error ? error.message() : std::strerror(errno), "set TMPDIR to a folder that can be written");
  }
  return Workdir(name);
}

Workdir::~Workdir() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace kexlab::cli
