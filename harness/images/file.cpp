// SPDX-License-Identifier: Apache-2.0
// Files and folders with errors as values.
#include "harness/images/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>
#include <memory>

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

tl::unexpected<Error> system_error(std::string asked, const fs::path& path, int number) {
  const std::string broke = std::strerror(number);
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return fail(Errc::not_found, std::move(asked), broke, "check that " + path.string() + " exists");
    case EACCES:
    case EPERM:
    case EROFS:
      return fail(Errc::permission, std::move(asked), broke, "make " + path.string() + " accessible to this user");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return fail(Errc::no_space, std::move(asked), broke, "free space on the file system of " + path.string());
    default:
      return fail(Errc::io, std::move(asked), broke);
  }
}

Result<Bytes> read_file(const fs::path& file) {
  const std::string asked = "read " + file.string();
  const Fd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0) return system_error(asked, file);
  Bytes bytes;
  const off_t size = ::lseek(in.get(), 0, SEEK_END);
  constexpr std::size_t block = std::size_t{1} << 20;
  if (size > 0) bytes.reserve(static_cast<std::size_t>(size) + block);
  if (size >= 0) ::lseek(in.get(), 0, SEEK_SET);
  for (;;) {
    const std::size_t old = bytes.size();
    bytes.resize(old + block);
    const ssize_t got = ::read(in.get(), bytes.data() + old, block);
    if (got < 0) return system_error(asked, file);
    bytes.resize(old + static_cast<std::size_t>(got));
    if (got == 0) return bytes;
  }
}

Result<std::string> read_text(const fs::path& file) {
  return read_file(file).map([](const Bytes& bytes) { return std::string(as_text(bytes)); });
}

Status write_file(const fs::path& file, ByteView bytes) {
  const std::string asked = "write " + file.string();
  const Fd out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (out.get() < 0) return system_error(asked, file);
  while (!bytes.empty()) {
    const ssize_t done = ::write(out.get(), bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(asked, file);
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  // A full network or delayed-allocation file system may report only here.
  if (::fsync(out.get()) != 0) return system_error(asked, file);
  return {};
}

Status make_folder(const fs::path& folder) {
  std::error_code broken;
  fs::create_directories(folder, broken);
  if (broken) return system_error("make folder " + folder.string(), folder, broken.value());
  return {};
}

Status remove_tree(const fs::path& path) {
  std::error_code broken;
  fs::remove_all(path, broken);
  if (broken) return system_error("remove " + path.string(), path, broken.value());
  return {};
}

Status check_space(const std::string& asked, const fs::path& folder, std::uint64_t bytes) {
  std::error_code broken;
  const auto space = fs::space(folder, broken);
  if (broken || space.available >= bytes) return {};
  return fail(
      Errc::no_space, asked + " in " + folder.string(),
      std::to_string(space.available >> 20) + " MiB are free, " + std::to_string(bytes >> 20) + " MiB are needed",
      "free space there, or set XDG_CACHE_HOME to another folder");
}

Result<TemporaryFolder> TemporaryFolder::beside(const fs::path& target) {
  if (auto made = make_folder(target.parent_path()); !made) return tl::unexpected(made.error());
  std::string name = target.string() + ".tmp-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return system_error("make folder " + name, target.parent_path());
  return TemporaryFolder(name);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Status TemporaryFolder::move_to(const fs::path& target) {
  std::error_code broken;
  fs::rename(path_, target, broken);
  if (broken) return system_error("rename " + path_.string() + " to " + target.string(), target, broken.value());
  path_.clear();
  return {};
}

Result<FileLock> FileLock::lock(const fs::path& file, int operation, bool& held) {
  if (auto made = make_folder(file.parent_path()); !made) return tl::unexpected(made.error());
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return system_error("lock " + file.string(), file);
  FileLock lock(fd);
  while (::flock(fd, operation) != 0) {
    if (errno == EINTR) continue;
    held = errno == EWOULDBLOCK;
    return system_error("lock " + file.string(), file);
  }
  return lock;
}

Result<FileLock> FileLock::take(const fs::path& file) {
  bool held = false;
  return lock(file, LOCK_EX, held);
}

Result<FileLock> FileLock::try_take(const fs::path& file, bool& held) {
  return lock(file, LOCK_EX | LOCK_NB, held = false);
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace kexlab::images
