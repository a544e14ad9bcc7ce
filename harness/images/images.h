// SPDX-License-Identifier: Apache-2.0
// Kernels and initramfs images: where they come from, what is known of them, and the cache they live in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  std::string name;  ///< "debian-6.1"
  std::string target;
  std::string package;      ///< Debian meta or image package; empty where built from source
  std::string source;       ///< source package, e.g. "linux-source-6.1", for kernels built here
  std::string suite;        ///< "trixie": where the package is looked for; empty: in the machine's own sources
  std::string version;      ///< what the package's version must start with ("6.1"); empty: anything
  std::string kernel_arch;  ///< ARCH= of the kernel's build ("x86", "arm64"); source rows only
  std::string image;        ///< what the build makes, in the build tree ("arch/x86/boot/bzImage"); source rows only
  std::vector<std::string> fragments;  ///< config fragments, files in vm-images/, later ones win
  std::vector<std::string> patches;    ///< patches, files in vm-images/, in order
  std::vector<std::string> keep;       ///< further files of the build tree to keep beside the image; source rows only
  std::string signing_key;  ///< a key made for the build, in its tree, that signs the image; source rows only, x86
  std::vector<std::string> modules;  ///< modules the console or the channel needs, in load order
  std::string crash;                 ///< row of the kernel that is loaded for a crash where this one loads itself
  bool is_default = false;           ///< the kernel under test where the user names none
  /// The different second kernel where the user names none: of several of a target the first that can be had.
  bool is_next = false;
};
/// Errors: corrupt, with file, line, column, what is wrong and the nearest right word; `file` is used in messages only.
Result<std::vector<CatalogueRow>> parse_catalogue(std::string_view yaml, std::string_view file);

/// A kernel with its facts.
struct Kernel {
  std::string name;  ///< catalogue name, or the file's name
  std::string target;
  std::string origin;                         ///< "Debian package linux-image-… 6.1.192-2", "file path/to/bzImage"
  std::filesystem::path file;                 ///< as it came: what QEMU boots
  std::filesystem::path unwrapped;            ///< wrappers off: what the loader places (may be the same file)
  std::string sha256;                         ///< of `file`, hex
  std::string release;                        ///< uname -r, from the image; may be empty
  std::map<std::string, std::string> config;  ///< CONFIG_X → y/m/value; empty where unknown
  bool config_known = false;
  bool trusts_itself = false;  ///< the image is signed by a key that this kernel trusts
  std::string config_from;     ///< "config-6.1.0-…", "the image itself"; empty where the config is unknown
  std::vector<std::filesystem::path> modules;  ///< .ko files (decompressed), in load order
  Image image;                                 ///< parsed
  /// Whether its configuration, as far as it is known, has the option (without "CONFIG_").
  [[nodiscard]] bool has(const std::string& option) const;
};

/// Progress of long work: what is being done, and how far (0..1, or negative where unknown).
using Progress = std::function<void(std::string_view what, double fraction)>;

/// Gets a catalogue kernel: from the cache if it verifies, else from its package through a private apt state.
/// Errors: not_found (row, package), io (network, with apt's last words), no_space, permission.
Result<Kernel> get_kernel(const Target& target, std::string_view name, const Progress& progress);
/// A kernel that the user brings. `config` beside it (config-*, .config, FILE.config) is taken where found, else
/// IKCONFIG. Errors: as read_image; wrong_arch where `target` is given and the image is for another.
Result<Kernel> user_kernel(const std::filesystem::path& file, const Target* target);
/// Builds a kernel from its source package: the row's fragments on allnoconfig, the row's patches and then `patches`
/// (paths) applied. The result is cached under source, fragments, patches and compiler. One build at a time on a
/// machine. Errors: not_found (row, compiler, build dependency by package, source package), invalid_argument (an option
/// that the kernel's configuration dropped, a patch that does not apply), io (with the last lines of the kept log),
/// no_space.
Result<Kernel> build_kernel(const Target& target, const CatalogueRow& row,
                            const std::vector<std::filesystem::path>& patches, const Progress& progress);
/// The catalogue (embedded at build time).
const std::vector<CatalogueRow>& catalogue();
/// Names of the target's `next` kernels, first choice first.
std::vector<std::string> next_kernels(std::string_view target);
/// The first of these kernels that can be had. `passed_over` hears of each whose package is not given where another name
/// is left (io, not_found: a mirror may list for a while what it does not have). Errors: that of the last, or of the
/// first that fails for another reason; invalid_argument where there are no names.
Result<Kernel> first_kernel(const std::vector<std::string>& names,
                            const std::function<Result<Kernel>(const std::string& name)>& get,
                            const std::function<void(const std::string& name, const Error& why)>& passed_over);
/// The row of that name for a target. Error: not_found, with the names that there are and the nearest.
Result<CatalogueRow> find_row(std::string_view target, std::string_view name);
/// Forgets a cached kernel, so that the next get_kernel fetches or builds it again. Nothing cached is no error.
Status forget_kernel(const Target& target, std::string_view name);
/// A sentence where the kernel's config is known and says that it cannot kexec; empty otherwise.
/// E.g. "kernel tiny (6.1.192): CONFIG_KEXEC is not set, so it has no kexec_load; told by config-6.1.192".
std::string why_not_kexec(const Kernel& kernel);
/// A kernel's .config as a map; "# CONFIG_X is not set" gives no entry. String values come without their quotes.
std::map<std::string, std::string> parse_config(std::string_view text);

/// One file of an initramfs.
struct Entry {
  std::string path;         ///< without a leading slash
  unsigned mode = 0100644;  ///< type and permissions
  std::variant<Bytes, std::filesystem::path> content = Bytes{};
  unsigned device_major = 0, device_minor = 0;  ///< for 0020000 (character device)
};
/// Writes a newc cpio archive (libarchive), no root needed, the same bytes for the same entries: order as given,
/// folders made for missing parents, owner and times 0, padded with zeros to 512 bytes so that another archive may
/// follow. Errors: invalid_argument (a path that is empty, absolute, has "." or "..", or comes twice), io, no_space (4
/// GiB a file).
Result<Bytes> make_cpio(const std::vector<Entry>& entries);

/// Content that is not at hand while planning: `size` bytes of a named source (see kexlab::Piece::source).
struct FileRef {
  std::string source;
  std::uint64_t size = 0;
};
/// A stretch of an archive: bytes, or somebody else's content. Laid end to end, the parts are the archive.
using CpioPart = std::variant<Bytes, FileRef>;
struct LayoutEntry {
  std::string path;
  unsigned mode = 0100644;
  std::variant<Bytes, FileRef> content = Bytes{};
  unsigned device_major = 0, device_minor = 0;
};
/// The same archive as make_cpio writes for the same entries, as parts: headers and padding as bytes, outside content
/// by reference. The whole is a multiple of 512 bytes, so archives may be laid end to end: the kernel unpacks each up
/// to its trailer, skips zeros, and wants the next header 4-aligned (init/initramfs.c, 6.1: do_reset). Errors: as
/// make_cpio.
Result<std::vector<CpioPart>> cpio_layout(const std::vector<LayoutEntry>& entries);

/// What every guest starts from: dev proc sys tmp kexlab payload abi, /dev/console, /dev/null, the agent as /init, the
/// modules as /modules/NN-name.ko in load order, and the callers of further ABIs as /abi/NAME. Errors: not_found/io
/// (agent, module or caller), as make_cpio.
Result<Bytes> base_initramfs(const Target& target, const std::filesystem::path& agent,
                             const std::vector<std::filesystem::path>& modules,
                             const std::vector<std::filesystem::path>& callers = {});

/// The program that emulates a target: the installed one, or, where its row names a `qemu_suite`, that of the suite,
/// from the cache, fetched where it is not there. Errors: not_found, and those of fetching: io, no_space, permission.
Result<std::filesystem::path> emulator(const Target& target, const Progress& progress);
/// The folder with the cross compiler of a row with `compiler_suite`, fetched likewise. CMake finds it there when the
/// build is configured. Errors: as emulator; invalid_argument where the row has none.
Result<std::filesystem::path> toolchain(const Target& target, const Progress& progress);

/// Where a program for guests lies: $KEXLAB_GUEST_DIR/<target>/<name>, else guest/<target>/<name> beside this program,
/// else ../libexec/kexlab/guest/<target>/<name> from there. Error: not_found, with the places looked at.
Result<std::filesystem::path> guest_binary(const Target& target, std::string_view name);

}  // namespace kexlab::images
