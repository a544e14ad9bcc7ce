// SPDX-License-Identifier: Apache-2.0
// Operations on files: read, map, write, digest, list, manifest.
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <vector>

#include "harness/agent/agent.h"
#include "harness/agent/os.h"
#include "kexlab/sha256.h"

namespace kexlab::agent {
namespace {

constexpr std::uint64_t most_read = 512 << 10;
constexpr std::size_t most_text = 768 << 10;  // of `names` and of a manifest; leaves room in a message
constexpr std::size_t digest_chunk = 64 << 10;
constexpr unsigned most_depth = 64;

using wire::Message;

// O_NONBLOCK: a FIFO, a tty or /dev/kmsg with nothing to say must not stop the agent.
Fd open_to_read(const std::string& path) {
  return Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

// Reads until `out` is full, the end, or an error; -1 only where nothing was read before the error.
struct Filled {
  std::size_t size = 0;
  bool end = false;
  int error = 0;
};

Filled fill(int fd, std::uint64_t offset, std::span<std::byte> out) {
  Filled filled;
  bool seekable = true;
  while (filled.size < out.size()) {
    const auto rest = out.subspan(filled.size);
    long got = read_some(fd, rest, seekable ? std::optional(offset + filled.size) : std::nullopt);
    if (got < 0 && errno == ESPIPE && offset == 0 && seekable) {
      seekable = false;
      continue;
    }
    if (got < 0) {
      filled.error = errno == EAGAIN || filled.size > 0 ? 0 : errno;
      return filled;
    }
    if (got == 0) {
      filled.end = true;
      return filled;
    }
    filled.size += static_cast<std::size_t>(got);
  }
  return filled;
}

bool bad_offset(std::uint64_t offset, std::uint64_t size) {
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  return offset > most || size > most - offset;
}

void read_file(Agent&, const Message& request, Message& answer) {
  const auto path = required_text(request, "path", answer);
  if (!path) return;
  const std::uint64_t offset = request.number("offset").value_or(0);
  const std::uint64_t max = std::min(request.number("max").value_or(most_read), most_read);
  if (bad_offset(offset, max)) return failed(answer, EINVAL, "read " + *path);
  const Fd fd = open_to_read(*path);
  struct stat status {};
  if (!fd.open() || fstat(fd.get(), &status) != 0) return failed(answer, errno, "open " + *path);
  Bytes data(static_cast<std::size_t>(max));
  const Filled filled = fill(fd.get(), offset, data);
  if (filled.error != 0) return failed(answer, filled.error, "read " + *path);
  answer.set("data", ByteView(data).first(filled.size));
  answer.set("size", static_cast<std::uint64_t>(status.st_size)).set("eof", filled.end);
}

// Copies memory by way of a pipe: where a page of a mapping cannot be had the agent gets EFAULT, not SIGBUS. 0 or
// errno.
int copy_through_pipe(const void* from, std::span<std::byte> to) {
  constexpr std::size_t fits_in_a_pipe = 4096;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  const Fd out(ends[0]), in(ends[1]);
  const std::span bytes(static_cast<const std::byte*>(from), to.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const long put = write(in.get(), &bytes[at], std::min(fits_in_a_pipe, bytes.size() - at));
    if (put < 0) return errno;
    for (const std::size_t end = at + static_cast<std::size_t>(put); at < end;) {
      const long got = read_some(out.get(), to.subspan(at, end - at));
      if (got <= 0) return got < 0 ? errno : EIO;
      at += static_cast<std::size_t>(got);
    }
  }
  return 0;
}

void map_file(Agent&, const Message& request, Message& answer) {
  const auto path = required_text(request, "path", answer);
  if (!path) return;
  const std::uint64_t offset = request.number("offset").value_or(0);
  const std::uint64_t max = std::min(request.number("max").value_or(most_read), most_read);
  if (bad_offset(offset, max)) return failed(answer, EINVAL, "map " + *path);
  const Fd fd = open_to_read(*path);
  if (!fd.open()) return failed(answer, errno, "open " + *path);
  void* const area =
      mmap(nullptr, static_cast<std::size_t>(max), PROT_READ, MAP_PRIVATE, fd.get(), static_cast<off_t>(offset));
  if (area == MAP_FAILED) return failed(answer, errno, "map " + *path);
  Bytes data(static_cast<std::size_t>(max));
  const int error = copy_through_pipe(area, data);
  munmap(area, data.size());
  if (error != 0) return failed(answer, error, "read the mapping of " + *path);
  answer.set("data", data);
}

// Outside a guest a request must not be able to reach sysfs, a device, or anybody's files.
bool may_write(const Agent& agent, const std::string& path) {
  if (agent.in_guest) return true;
  const std::string& folder = agent.writable_folder;
  return !folder.empty() && path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == std::string::npos;
}

void write_file(Agent& agent, const Message& request, Message& answer) {
  const auto path = required_text(request, "path", answer);
  if (!path) return;
  const auto data = request.bytes("data");
  if (!data) return refuse(answer, "field data is missing");
  if (!may_write(agent, *path)) return refuse(answer, "refused outside a guest");
  int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
  flags |= request.number("append").value_or(0) != 0 ? O_APPEND : O_TRUNC;
  if (request.number("create").value_or(0) != 0) flags |= O_CREAT;
  if (!agent.in_guest) flags |= O_NOFOLLOW;
  const Fd fd(open(path->c_str(), flags, 0644));
  if (!fd.open()) return failed(answer, errno, "open " + *path);
  // Even nothing is written once: an empty write means something to files of sysfs.
  const int error = data->empty() ? (write(fd.get(), "", 0) < 0 ? errno : 0) : write_all(fd.get(), as_text(*data));
  if (error != 0) return failed(answer, error, "write " + *path);
  answer.set("written", data->size());
}

struct Digested {
  Sha256Digest digest{};
  std::uint64_t size = 0;
  int error = 0;
};

Digested digest_fd(int fd, std::uint64_t offset, std::uint64_t size) {
  Sha256 sha;
  Digested done;
  Bytes buffer(digest_chunk);
  while (done.size < size) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size - done.size));
    const Filled filled = fill(fd, offset + done.size, std::span(buffer).first(want));
    sha.update(ByteView(buffer).first(filled.size));
    done.size += filled.size;
    done.error = filled.error;
    if (filled.size < want) break;
  }
  done.digest = sha.digest();
  return done;
}

void digest(Agent&, const Message& request, Message& answer) {
  const auto path = required_text(request, "path", answer);
  if (!path) return;
  constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t offset = request.number("offset").value_or(0);
  if (bad_offset(offset, 0)) return failed(answer, EINVAL, "read " + *path);
  const Fd fd = open_to_read(*path);
  if (!fd.open()) return failed(answer, errno, "open " + *path);
  const auto size = std::min(request.number("size").value_or(most), most - offset);
  const Digested done = digest_fd(fd.get(), offset, size);
  if (done.error != 0) return failed(answer, done.error, "read " + *path);
  answer.set("sha256", ByteView(done.digest)).set("size", done.size);
}

struct Entry {
  std::string name;
  struct stat status;
};

// 0 or errno; an empty path is the root. Entries that vanish meanwhile are left out.
int read_folder(const std::string& path, std::vector<Entry>& entries) {
  DIR* folder = opendir(path.empty() ? "/" : path.c_str());
  if (folder == nullptr) return errno;
  while (const dirent* found = readdir(folder)) {
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    Entry entry{std::string(name), {}};
    if (fstatat(dirfd(folder), found->d_name, &entry.status, AT_SYMLINK_NOFOLLOW) == 0)
      entries.push_back(std::move(entry));
  }
  closedir(folder);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return 0;
}

void list(Agent&, const Message& request, Message& answer) {
  const auto path = required_text(request, "path", answer);
  if (!path) return;
  std::vector<Entry> entries;
  if (const int error = read_folder(*path, entries); error != 0) return failed(answer, error, "list " + *path);
  std::string names;
  for (const auto& entry : entries) {
    if (!names.empty()) names += '\n';
    names += entry.name;
    if (S_ISDIR(entry.status.st_mode)) names += '/';
  }
  if (names.size() > most_text) return refuse(answer, "the folder has too many entries for one answer");
  answer.set("names", names);
}

struct Manifest {
  dev_t device;
  std::vector<std::pair<std::string, std::string>> lines;  // path below the folder, "digest size path"
  std::size_t text = 0;
  int error = 0;
  std::string failed_path;
};

bool add_file(Manifest& manifest, const std::string& path, const std::string& name) {
  const Fd fd = open_to_read(path);
  const Digested done =
      fd.open() ? digest_fd(fd.get(), 0, std::numeric_limits<std::int64_t>::max()) : Digested{.error = errno};
  if (done.error != 0) {
    manifest.error = done.error;
    manifest.failed_path = path;
    return false;
  }
  std::string line = to_hex(done.digest) + " " + std::to_string(done.size) + " " + name + "\n";
  manifest.text += line.size();
  manifest.lines.emplace_back(name, std::move(line));
  return manifest.text <= most_text;
}

// False as soon as the manifest cannot be made.
bool walk(Manifest& manifest, const std::string& path, const std::string& below, unsigned depth) {
  std::vector<Entry> entries;
  manifest.error = depth > most_depth ? ELOOP : read_folder(path, entries);
  manifest.failed_path = path;
  if (manifest.error != 0) return false;
  for (const auto& entry : entries) {
    if (entry.status.st_dev != manifest.device) continue;
    const std::string inner = path + "/" + entry.name;
    const std::string name = below.empty() ? entry.name : below + "/" + entry.name;
    if (S_ISDIR(entry.status.st_mode) && !walk(manifest, inner, name, depth + 1)) return false;
    if (S_ISREG(entry.status.st_mode) && !add_file(manifest, inner, name)) return false;
  }
  return true;
}

void manifest(Agent&, const Message& request, Message& answer) {
  const auto path = required_text(request, "path", answer);
  if (!path) return;
  struct stat status {};
  if (stat(path->c_str(), &status) != 0) return failed(answer, errno, "list " + *path);
  Manifest made{.device = status.st_dev, .lines = {}, .failed_path = {}};
  const bool whole = walk(made, *path == "/" ? "" : *path, "", 0);
  if (made.error != 0) return failed(answer, made.error, "read " + made.failed_path);
  if (!whole) return refuse(answer, "the manifest is too long for one answer");
  std::sort(made.lines.begin(), made.lines.end());
  std::string data;
  for (const auto& [name, line] : made.lines) data += line;
  answer.set("data", data);
}

constexpr Operation operations[] = {{"read", false, read_file},   {"map", false, map_file},
                                    {"write", false, write_file}, {"digest", false, digest},
                                    {"list", false, list},        {"manifest", false, manifest}};

}  // namespace

std::span<const Operation> file_operations() { return operations; }

}  // namespace kexlab::agent
