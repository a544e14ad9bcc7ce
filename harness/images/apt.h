// SPDX-License-Identifier: Apache-2.0
// Packages through a private apt state: the machine's sources and keys, but lists and downloads in a folder of our own.
// Another suite than the machine's own is looked for where the machine gets its own from.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/images/images.h"
#include "harness/images/mirror.h"
#include "harness/images/process.h"

namespace kexlab::images {

/// A package as apt's lists have it.
struct Package {
  std::string name;
  std::string version;
  std::string sha256;                ///< of the .deb, from the signed lists
  std::uint64_t size = 0;            ///< of the .deb, bytes
  std::vector<std::string> depends;  ///< names, in order; of alternatives the first
};

/// Parses what `apt-cache show` prints: the first record. Errors: corrupt (no name, version or SHA256).
Result<Package> parse_package(std::string_view text, std::string_view name);
/// What a kernel package stands for: a meta package's first dependency that is an image of a version, else itself.
std::string image_package(const Package& package);
/// The packages that an image package is split into, itself first: since Debian's 7.x the image, its configuration and
/// its modules are packages of their own, of the same version. Modules only where they are wanted.
std::vector<std::string> image_parts(const Package& package, bool modules);
/// apt's configuration for a private state in `folder`. Sources are the machine's, or those in `sources` where given.
std::string apt_configuration(const std::filesystem::path& folder, std::string_view debian_arch,
                              const std::filesystem::path& sources = {});

/// The architecture that this machine's packages are of, in Debian's words. Errors: as run.
Result<std::string> native_architecture();

class Apt {
 public:
  /// A state for one Debian architecture in `folder`, which is made where missing. Holds nothing open; the caller sees
  /// to it that one process at a time uses a folder. Errors: not_found (apt is missing), permission, no_space, io.
  static Result<Apt> open(const std::filesystem::path& folder, std::string_view debian_arch, const Progress& progress);

  /// A state that looks into `suite` ("trixie", "sid") of the machine's own archive, with folder-suite as its folder;
  /// this one where the machine's sources have that suite. Asks no network. Errors: not_found (no source to take the
  /// archive's address from), invalid_argument (not a suite's name), permission, no_space, io.
  Result<Apt> in_suite(const std::string& suite);

  /// A package by name; the lists are brought up to date first where they are missing, older than a day, or lack it.
  /// Errors: not_found (the sources do not have it, or the archive does not have the suite), permission (the suite's
  /// key is not among the machine's), io (with apt's last lines), timeout.
  Result<Package> find(const std::string& name);
  /// Downloads a package into `folder` and checks its digest against the lists. Errors: io, no_space, corrupt, timeout.
  Result<std::filesystem::path> download(const Package& package, const std::filesystem::path& folder);
  /// Downloads packages and all that they depend on, down to the C library, into `folder`, as if nothing were
  /// installed; recommended ones are left out. apt checks each digest against the signed lists. Errors: not_found, io
  /// (with apt's last lines), no_space, timeout.
  Result<std::vector<std::filesystem::path>> download_with_dependencies(const std::vector<std::string>& names,
                                                                        const std::filesystem::path& folder);
  /// Brings the lists up to date. A source that fails does not matter while the package wanted is found, so that is
  /// told as an error here and weighed by `find`.
  Status update();
  /// True where `update` was called on this object.
  [[nodiscard]] bool updated() const { return updated_; }
  /// Addresses of the sources that the machine's apt is set up with; asks no network. Errors: io.
  Result<std::vector<std::string>> sources();

 private:
  Apt(std::filesystem::path folder, std::string arch, std::string suite, Progress progress)
      : folder_(std::move(folder)), arch_(std::move(arch)), suite_(std::move(suite)), progress_(std::move(progress)) {}
  Status look_into(const SourceEntry& release);
  [[nodiscard]] Result<std::vector<SourceEntry>> entries() const;
  [[nodiscard]] Error explain(Error error) const;
  Result<Package> show(const std::string& name);
  [[nodiscard]] Command command(std::vector<std::string> arguments) const;
  [[nodiscard]] Command download_command(std::vector<std::string> arguments, const std::string& what) const;
  [[nodiscard]] bool stale() const;
  std::filesystem::path folder_;
  std::string arch_;
  std::string suite_;  ///< empty: the machine's own
  Progress progress_;
  bool updated_ = false;
};

}  // namespace kexlab::images
