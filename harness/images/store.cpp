// SPDX-License-Identifier: Apache-2.0
// The store of cache entries, and the folder that it lies in.
#include "harness/images/store.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>
#include <vector>

#include "harness/images/digest.h"
#include "harness/images/file.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view sums_name = "SHA256SUMS";

/// All regular files below a folder, relative, SHA256SUMS left out, in name order.
Result<std::vector<fs::path>> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code broken;
  for (fs::recursive_directory_iterator it(folder, broken), end; !broken && it != end; it.increment(broken)) {
    const fs::path name = it->path().lexically_relative(folder);
    if (it->is_regular_file(broken) && name != sums_name) files.push_back(name);
  }
  if (broken) return system_error("list " + folder.string(), folder, broken.value());
  std::sort(files.begin(), files.end());
  return files;
}

/// File name → digest; nothing where a line is not as sha256sum writes it.
std::optional<std::map<std::string, std::string>> parse_sums(const std::string& text) {
  std::map<std::string, std::string> sums;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() < 67 || line.compare(64, 2, "  ") != 0) return std::nullopt;
    sums[line.substr(66)] = line.substr(0, 64);
  }
  return sums;
}

/// Writes and removes a file, which is the only honest way to learn whether a folder can be written.
Status try_writing(const fs::path& folder) {
  std::string probe = (folder / ".probe-XXXXXX").string();
  const int fd = ::mkstemp(probe.data());
  if (fd < 0) return system_error("write into the cache folder " + folder.string(), folder);
  ::close(fd);
  const Status written = write_file(probe, Bytes(4096, std::byte{0x5a}));
  ::unlink(probe.c_str());
  return written;
}

/// Removes what a process that was killed while making this entry left behind; the caller holds the entry's lock.
void remove_leftovers(const fs::path& target) {
  std::error_code none;
  const std::string prefix = target.filename().string() + ".tmp-";
  std::vector<fs::path> leftovers;
  for (const auto& each : fs::directory_iterator(target.parent_path(), none)) {
    if (each.path().filename().string().starts_with(prefix)) leftovers.push_back(each.path());
  }
  for (const auto& each : leftovers) fs::remove_all(each, none);
}

tl::unexpected<Error> cache_error(const fs::path& folder, Error error) {
  error.asked = "use the cache folder " + folder.string();
  error.hint += std::string(error.hint.empty() ? "" : ", ") + "or set XDG_CACHE_HOME to another folder";
  return tl::unexpected(std::move(error));
}

}  // namespace

std::string damage(const fs::path& folder) {
  const auto text = read_text(folder / sums_name);
  const auto sums = text ? parse_sums(*text) : std::nullopt;
  const auto files = files_in(folder);
  if (!sums || !files) return std::string(sums_name) + " is missing or unreadable";
  auto left = *sums;
  for (const auto& name : *files) {
    const auto known = left.find(name.string());
    if (known == left.end()) return name.string() + " does not belong there";
    const auto digest = sha256_file(folder / name);
    if (!digest || *digest != known->second) return name.string() + " has changed";
    left.erase(known);
  }
  return left.empty() ? std::string() : left.begin()->first + " is missing";
}

Status seal(const fs::path& folder) {
  const auto files = files_in(folder);
  if (!files) return tl::unexpected(files.error());
  std::string sums;
  for (const auto& name : *files) {
    const auto digest = sha256_file(folder / name);
    if (!digest) return tl::unexpected(digest.error());
    sums += *digest + "  " + name.string() + "\n";
  }
  return write_file(folder / sums_name, as_bytes(sums));
}

fs::path Store::lock_file(std::string_view key) const { return root_ / (std::string(key) + ".lock"); }

bool Store::has(std::string_view key) const {
  std::error_code ignored;
  return fs::exists(folder(key), ignored);
}

Status Store::forget(std::string_view key) {
  const auto lock = FileLock::take(lock_file(key));
  if (!lock) return tl::unexpected(lock.error());
  return remove_tree(folder(key));
}

Result<fs::path> Store::get(std::string_view key, const Make& make, const Progress& progress) {
  const auto lock = FileLock::take(lock_file(key));
  if (!lock) return tl::unexpected(lock.error());
  const fs::path target = folder(key);
  if (has(key)) {
    const std::string wrong = damage(target);
    if (wrong.empty()) return target;
    if (progress) progress("cache entry " + target.string() + " is damaged (" + wrong + "): making it again", -1);
    if (auto removed = remove_tree(target); !removed) return tl::unexpected(removed.error());
  }
  remove_leftovers(target);
  auto fresh = TemporaryFolder::beside(target);
  if (!fresh) return tl::unexpected(fresh.error());
  if (auto made = make(fresh->path()); !made) return tl::unexpected(made.error());
  if (auto sealed = seal(fresh->path()); !sealed) return tl::unexpected(sealed.error());
  if (auto moved = fresh->move_to(target); !moved) return tl::unexpected(moved.error());
  return target;
}

Result<fs::path> cache_folder_from(const char* xdg_cache_home, const char* home) {
  // The XDG base directory specification has relative paths ignored.
  fs::path base = xdg_cache_home != nullptr ? xdg_cache_home : "";
  if (!base.is_absolute()) {
    base = home != nullptr ? home : "";
    if (!base.is_absolute()) {
      return fail(Errc::not_found, "find the cache folder", "neither XDG_CACHE_HOME nor HOME holds an absolute path",
                  "set XDG_CACHE_HOME to a folder with 2 GiB of free space");
    }
    base /= ".cache";
  }
  const fs::path folder = base / "kexlab";
  if (auto made = make_folder(folder); !made) return cache_error(folder, made.error());
  if (auto written = try_writing(folder); !written) return cache_error(folder, written.error());
  return folder;
}

Result<fs::path> cache_folder() { return cache_folder_from(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME")); }

}  // namespace kexlab::images
