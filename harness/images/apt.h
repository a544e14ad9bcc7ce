// SPDX-License-Identifier: Apache-2.0
// Packages through a private apt state: the machine's sources and keys, but lists and downloads in a folder of our own.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/images/images.h"
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
/// apt's configuration for a private state in `folder`.
std::string apt_configuration(const std::filesystem::path& folder, std::string_view debian_arch);

class Apt {
 public:
  /// A state for one Debian architecture in `folder`, which is made where missing. Holds nothing open; the caller sees
  /// to it that one process at a time uses a folder. Errors: not_found (apt is missing), permission, no_space, io.
  static Result<Apt> open(const std::filesystem::path& folder, std::string_view debian_arch, const Progress& progress);

  /// A package by name; the lists are brought up to date first where they are missing, older than a day, or lack it.
  /// Errors: not_found (the sources do not have it), io (with apt's last lines), timeout.
  Result<Package> find(const std::string& name);
  /// Downloads a package into `folder` and checks its digest against the lists. Errors: io, no_space, corrupt, timeout.
  Result<std::filesystem::path> download(const Package& package, const std::filesystem::path& folder);
  /// Brings the lists up to date. A source that fails does not matter while the package wanted is found, so that is
  /// told as an error here and weighed by `find`.
  Status update();
  /// True where `update` was called on this object.
  [[nodiscard]] bool updated() const { return updated_; }
  /// Addresses of the sources that the machine's apt is set up with; asks no network. Errors: io.
  Result<std::vector<std::string>> sources();

 private:
  Apt(std::filesystem::path folder, Progress progress) : folder_(std::move(folder)), progress_(std::move(progress)) {}
  Result<Package> show(const std::string& name);
  [[nodiscard]] Command command(std::vector<std::string> arguments) const;
  [[nodiscard]] bool stale() const;
  std::filesystem::path folder_;
  Progress progress_;
  bool updated_ = false;
};

}  // namespace kexlab::images
