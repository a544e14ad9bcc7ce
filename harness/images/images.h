// SPDX-License-Identifier: Apache-2.0
// Kernels and initramfs images: where they come from, what is known of them, and the cache they live in.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/targets/target.h"
#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/image.h"

namespace kexlab::images {

/// The cache folder: $XDG_CACHE_HOME/kexlab, else ~/.cache/kexlab. Errors: permission, no_space (checked by writing).
Result<std::filesystem::path> cache_folder();

/// A row of vm-images/catalogue.yaml.
struct CatalogueRow {
  std::string name;        ///< "debian-6.1"
  std::string target;
  std::string package;     ///< Debian meta or image package; empty where built from source
  std::string source;      ///< source package, e.g. "linux-source-6.1", for kernels built here
  std::vector<std::string> fragments;  ///< config fragments, files in vm-images/
  std::vector<std::string> modules;    ///< modules the console or the channel needs, in load order
  bool is_default = false; ///< the kernel under test where the user names none
  bool is_next = false;    ///< the different second kernel where the user names none
};
Result<std::vector<CatalogueRow>> parse_catalogue(std::string_view yaml, std::string_view file);

/// A kernel with its facts.
struct Kernel {
  std::string name;                    ///< catalogue name, or the file's name
  std::string target;
  std::string origin;                  ///< "Debian package linux-image-… 6.1.192-2", "file path/to/bzImage"
  std::filesystem::path file;          ///< as it came: what QEMU boots
  std::filesystem::path unwrapped;     ///< wrappers off: what the loader places (may be the same file)
  std::string sha256;                  ///< of `file`, hex
  std::string release;                 ///< uname -r, from the image; may be empty
  std::map<std::string, std::string> config;  ///< CONFIG_X → y/m/value; empty where unknown
  bool config_known = false;
  std::vector<std::filesystem::path> modules;  ///< .ko files (decompressed), in load order
  Image image;                         ///< parsed
};

/// Progress of long work: what is being done, and how far (0..1, or negative where unknown).
using Progress = std::function<void(std::string_view what, double fraction)>;

/// Gets a catalogue kernel: from the cache if it verifies, else from its package through a private apt state.
/// Errors: not_found (row, package), io (network, with apt's last words), no_space, permission.
Result<Kernel> get_kernel(const Target& target, std::string_view name, const Progress& progress);
/// A kernel that the user brings. `config` beside it (config-*, .config, FILE.config) is taken where found, else IKCONFIG.
/// Errors: as read_image; wrong_arch where `target` is given and the image is for another.
Result<Kernel> user_kernel(const std::filesystem::path& file, const Target* target);
/// The catalogue (embedded at build time).
const std::vector<CatalogueRow>& catalogue();

/// One file of an initramfs.
struct Entry {
  std::string path;                       ///< without a leading slash
  unsigned mode = 0100644;                ///< type and permissions
  std::variant<Bytes, std::filesystem::path> content = Bytes{};
  unsigned device_major = 0, device_minor = 0;  ///< for 0020000 (character device)
};
/// Writes a newc cpio archive (libarchive), no root needed, the same bytes for the same entries. Errors: io, no_space.
Result<Bytes> make_cpio(const std::vector<Entry>& entries);

}  // namespace kexlab::images
