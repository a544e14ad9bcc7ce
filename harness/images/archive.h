// SPDX-License-Identifier: Apache-2.0
// Reading archives with libarchive: Debian packages, compressed files, source trees.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "kexlab/bytes.h"
#include "kexlab/error.h"

namespace kexlab::images {

/// Names of wanted members, without a leading "./" or "/".
using Wanted = std::function<bool(std::string_view name)>;
using Take = std::function<Status(std::string_view name, Bytes content)>;

/// Hands the wanted regular files of a Debian package's data archive to `take`, in the package's order. Source of the
/// layout: deb(5): an ar archive with debian-binary, control.tar.*, data.tar.*. A file may have at most `limit` bytes.
/// Errors: not_found, permission, io; corrupt (no package, or damaged); no_space (a file over the limit); those of
/// `take`.
Status read_deb(const std::filesystem::path& deb, const Wanted& wanted, const Take& take,
                std::uint64_t limit = std::uint64_t{1} << 30);

/// Unpacks the wanted members of a Debian package's data archive into a folder: files with their permissions, links
/// within the archive, and the folders that they need. Links to absolute paths, which would lead to the machine's own
/// files, are left out. Errors: as read_deb, no_space.
Status unpack_deb(const std::filesystem::path& deb, const std::filesystem::path& folder, const Wanted& wanted);

/// Takes gzip, xz, zstd and other compression that libarchive knows off; plain bytes come back as they are.
/// Errors: corrupt, no_space (more than `limit` bytes).
Result<Bytes> decompress(ByteView bytes, std::string_view name, std::uint64_t limit = std::uint64_t{1} << 30);

/// Unpacks a compressed tar archive into a folder, its first path component taken off. Paths and links that lead out of
/// the folder are refused. `progress` gets the fraction of the file read. Errors: not_found, corrupt, no_space, io.
Status unpack_tar(const std::filesystem::path& tarball, const std::filesystem::path& folder,
                  const std::function<void(double)>& progress);

}  // namespace kexlab::images
