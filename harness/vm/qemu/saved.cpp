// SPDX-License-Identifier: Apache-2.0
// Writing and checking files that hold a saved machine.
#include "harness/vm/qemu/saved.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace kexlab::vm {
namespace {

constexpr std::size_t longest_header = std::size_t{64} << 10;

std::string header(std::string_view fingerprint) {
  return std::string(saved_magic) + std::to_string(fingerprint.size()) + '\n' + std::string(fingerprint);
}

/// The first lines in which two fingerprints differ.
std::string difference(std::string_view have, std::string_view want) {
  while (!have.empty() && !want.empty()) {
    const auto a = have.substr(0, have.find('\n')), b = want.substr(0, want.find('\n'));
    if (a != b) return "it has \"" + std::string(a) + "\", wanted is \"" + std::string(b) + "\"";
    have.remove_prefix(std::min(have.size(), a.size() + 1));
    want.remove_prefix(std::min(want.size(), b.size() + 1));
  }
  return "one of them has further arguments";
}

/// The fingerprint inside a header; advances `text` past it.
Result<std::string_view> read_fingerprint(std::string_view& text, const std::string& what) {
  if (!text.starts_with(saved_magic)) return fail(Errc::corrupt, what, "it does not begin as a saved machine does");
  text.remove_prefix(saved_magic.size());
  std::size_t size = 0;
  const auto [end, broken] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (broken != std::errc() || end == text.data() + text.size() || *end != '\n') {
    return fail(Errc::corrupt, what, "its header has no length");
  }
  text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
  if (size > text.size()) return fail(Errc::corrupt, what, "its header ends early");
  const auto fingerprint = text.substr(0, size);
  text.remove_prefix(size);
  return fingerprint;
}

}  // namespace

Result<SavedWriter> SavedWriter::create(const std::filesystem::path& folder, std::string_view fingerprint) {
  std::string pattern = (folder / ".saved-XXXXXX").string();
  Descriptor fd(::mkostemp(pattern.data(), O_CLOEXEC));
  if (!fd.is_open()) return fail(Errc::io, "make a file in " + folder.string(), std::strerror(errno));
  SavedWriter writer(std::move(fd), pattern);
  const std::string text = header(fingerprint);
  if (::write(writer.fd(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail(Errc::io, "write " + pattern, errno != 0 ? std::strerror(errno) : "short write", "is the disk full?");
  }
  return writer;
}

SavedWriter::~SavedWriter() {
  if (fd_.is_open() && !temporary_.empty()) ::unlink(temporary_.c_str());
}

Status SavedWriter::publish(const std::filesystem::path& path) {
  if (::rename(temporary_.c_str(), path.c_str()) != 0) {
    return fail(Errc::io, "name a saved machine " + path.string(), std::strerror(errno));
  }
  temporary_.clear();
  return {};
}

Descriptor SavedWriter::anonymous() {
  ::unlink(temporary_.c_str());
  temporary_.clear();
  return std::move(fd_);
}

Status seek_stream(int fd, std::string_view fingerprint, const std::string& name) {
  const std::string what = "restore a machine from " + name;
  std::string bytes(longest_header, '\0');
  const ssize_t size = ::pread(fd, bytes.data(), bytes.size(), 0);
  if (size < 0) return fail(Errc::io, what, std::strerror(errno));
  const auto whole = std::string_view(bytes).substr(0, static_cast<std::size_t>(size));
  std::string_view rest = whole;
  auto have = read_fingerprint(rest, what);
  if (!have) return tl::unexpected(have.error());
  if (*have != fingerprint) {
    return fail(Errc::invalid_argument, what, "it was made of another guest: " + difference(*have, fingerprint),
                "remove the file: it will be made again");
  }
  ::lseek(fd, static_cast<off_t>(whole.size() - rest.size()), SEEK_SET);
  return {};
}

Result<Descriptor> open_saved(const std::filesystem::path& path, std::string_view fingerprint) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) {
    const Errc code = errno == ENOENT ? Errc::not_found : Errc::io;
    return fail(code, "restore a machine from " + path.string(), std::strerror(errno));
  }
  if (auto status = seek_stream(fd.get(), fingerprint, path.string()); !status) return tl::unexpected(status.error());
  return fd;
}

}  // namespace kexlab::vm
