// SPDX-License-Identifier: Apache-2.0
// Kernels as cache entries: how fetching and building leave them there, and how they are read back.
#pragma once

#include <filesystem>
#include <string>

#include "harness/images/images.h"
#include "harness/images/store.h"

namespace kexlab::images {

/// What an entry's folder tells beside its files.
struct KernelFacts {
  std::string name, target, origin;
  std::string file;                  ///< the image's name in the folder
  std::string config;                ///< the config's name in the folder, empty: none
  std::vector<std::string> modules;  ///< names in the folder, in load order
  bool trusts_itself = false;        ///< the image is signed by a key that this kernel trusts
};
/// Writes facts.json and, where wrappers have to come off the image, `unwrapped` beside it. Errors: as parse_image;
/// wrong_arch where the image is not for facts.target; permission, no_space, io.
Status finish_entry(const std::filesystem::path& folder, const KernelFacts& facts);
/// A kernel from an entry's folder. Errors: as parse_image; corrupt, io.
Result<Kernel> load_entry(const std::filesystem::path& folder);

/// The kernels' store in the cache folder. Errors: as cache_folder.
Result<Store> kernel_store();
/// The entry of a catalogue kernel that comes from a package: named by all that the row says.
std::string package_key(const CatalogueRow& row);
/// A file of the row's source package (a tarball) and its digest, from /usr/src or fetched.
struct SourceTarball {
  std::filesystem::path file;
  std::string sha256;
  std::string origin;  ///< "linux-source-6.1 6.1.192-2"
};
/// Errors: not_found, io, no_space, permission.
Result<SourceTarball> source_tarball(const CatalogueRow& row, const Progress& progress);
/// As package rows have it: "6.1" is kept by 6.1, 6.1.5 and 6.1-3, not by 6.12. Empty keeps all.
bool version_matches(std::string_view version, std::string_view wanted);

}  // namespace kexlab::images
