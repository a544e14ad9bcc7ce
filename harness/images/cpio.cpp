// SPDX-License-Identifier: Apache-2.0
// newc cpio archives: whole ones by libarchive, and the same ones as parts whose content may be elsewhere.
//
// The format (Documentation/driver-api/early-userspace/buffer-format.rst, 6.1): a header of the magic "070701" and
// thirteen fields of eight hex digits; the name with its NUL, padded so that header and name end 4-aligned; the
// content, padded to 4.
#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <memory>
#include <set>

#include "harness/images/file.h"
#include "harness/images/images.h"

namespace kexlab::images {
namespace {

constexpr std::uint64_t archive_alignment = 512;
constexpr std::uint64_t largest_file = 0xffffffff;  // c_filesize has eight hex digits
constexpr std::string_view trailer = "TRAILER!!!";

tl::unexpected<Error> bad_path(std::string_view path, std::string broke) {
  return fail(Errc::invalid_argument, "put " + std::string(path) + " into an initramfs", std::move(broke));
}

Status check_path(std::string_view path) {
  if (path.empty()) return bad_path("a file", "its path is empty");
  if (path.front() == '/' || path.back() == '/') return bad_path(path, "a path neither starts nor ends with a slash");
  if (path == trailer) return bad_path(path, "that name ends a cpio archive");
  if (path.find('\0') != std::string_view::npos) return bad_path(path, "a path has no NUL");
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto word = path.substr(at, end - at);
    if (word.empty() || word == "." || word == "..")
      return bad_path(path, "\"" + std::string(word) + "\" is no part of a path");
    at = end + 1;
  }
  return {};
}

/// The entries in order, with folders put in before the first entry that needs them. A folder that is given after
/// something in it is a mistake: the kernel would have had nowhere to put that.
template <class Item>
Result<std::vector<Item>> with_parents(const std::vector<Item>& entries) {
  std::vector<Item> all;
  std::set<std::string> seen;
  for (const Item& entry : entries) {
    if (auto good = check_path(entry.path); !good) return tl::unexpected(good.error());
    for (auto slash = entry.path.find('/'); slash != std::string::npos; slash = entry.path.find('/', slash + 1)) {
      Item folder;
      folder.path = entry.path.substr(0, slash);
      folder.mode = S_IFDIR | 0755;
      if (seen.insert(folder.path).second) all.push_back(std::move(folder));
    }
    if (!seen.insert(entry.path).second) return bad_path(entry.path, "that path is in the archive already");
    all.push_back(entry);
  }
  return all;
}

void pad_to(Bytes& bytes, std::uint64_t at, std::uint64_t alignment) {
  bytes.resize(bytes.size() + static_cast<std::size_t>((alignment - at % alignment) % alignment));
}

struct Writer {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryDeleter {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

std::string words(archive* from) {
  const char* text = archive_error_string(from);
  return text != nullptr ? text : "libarchive refused it";
}

la_ssize_t append(archive*, void* out, const void* block, std::size_t size) {
  const auto* from = static_cast<const std::byte*>(block);
  static_cast<Bytes*>(out)->insert(static_cast<Bytes*>(out)->end(), from, from + size);
  return static_cast<la_ssize_t>(size);
}

/// Times, owner and links are the same for all; the inode number is the place in the archive.
std::unique_ptr<archive_entry, EntryDeleter> describe(const Entry& entry, const Bytes& content, std::int64_t inode) {
  std::unique_ptr<archive_entry, EntryDeleter> out(archive_entry_new());
  archive_entry_set_pathname(out.get(), entry.path.c_str());
  archive_entry_set_mode(out.get(), entry.mode);
  archive_entry_set_size(out.get(), static_cast<la_int64_t>(content.size()));
  archive_entry_set_ino64(out.get(), inode);
  archive_entry_set_nlink(out.get(), 1);
  archive_entry_set_mtime(out.get(), 0, 0);
  archive_entry_set_rdevmajor(out.get(), entry.device_major);
  archive_entry_set_rdevminor(out.get(), entry.device_minor);
  if (S_ISLNK(entry.mode)) archive_entry_set_symlink(out.get(), std::string(as_text(content)).c_str());
  return out;
}

Status check_size(const std::string& path, unsigned mode, std::uint64_t size) {
  if (size > largest_file) {
    return fail(Errc::no_space, "put " + path + " into an initramfs", "a file has at most 4 GiB");
  }
  if (size > 0 && !S_ISREG(mode) && !S_ISLNK(mode)) return bad_path(path, "only files and symbolic links have content");
  return {};
}

Status write_entry(archive* writer, const Entry& entry, const Bytes& content, std::int64_t inode) {
  if (auto good = check_size(entry.path, entry.mode, content.size()); !good) return good;
  const auto header = describe(entry, content, inode);
  bool written = archive_write_header(writer, header.get()) == ARCHIVE_OK;
  // A link's content goes with its header.
  if (written && S_ISREG(entry.mode) && !content.empty()) {
    written = archive_write_data(writer, content.data(), content.size()) == static_cast<la_ssize_t>(content.size());
  }
  if (written) return {};
  return fail(Errc::io, "put " + entry.path + " into an initramfs", words(writer));
}

Status add_entry(archive* writer, const Entry& entry, std::int64_t inode) {
  if (const auto* bytes = std::get_if<Bytes>(&entry.content)) return write_entry(writer, entry, *bytes, inode);
  const auto read = read_file(std::get<std::filesystem::path>(entry.content));
  if (!read) return tl::unexpected(read.error());
  return write_entry(writer, entry, *read, inode);
}

std::string header_of(const LayoutEntry& entry, std::uint64_t size, std::uint64_t inode, unsigned links) {
  const std::array<unsigned long, 13> fields{inode,
                                             entry.mode,
                                             0,
                                             0,
                                             links,
                                             0,
                                             static_cast<unsigned long>(size),
                                             0,
                                             0,
                                             entry.device_major,
                                             entry.device_minor,
                                             entry.path.size() + 1,
                                             0};
  std::string text = "070701";
  for (const auto field : fields) {
    std::array<char, 9> digits{};
    std::snprintf(digits.data(), digits.size(), "%08lx", field);
    text += digits.data();
  }
  return text + entry.path;
}

/// Collects parts; bytes that touch become one part.
class Layout {
 public:
  void text(std::string_view bytes) {
    const auto view = as_bytes(bytes);
    open_.insert(open_.end(), view.begin(), view.end());
    at_ += bytes.size();
  }
  void content(const std::variant<Bytes, FileRef>& what) {
    if (const auto* bytes = std::get_if<Bytes>(&what)) return text(as_text(*bytes));
    const auto& reference = std::get<FileRef>(what);
    if (reference.size == 0) return;
    flush();
    parts_.emplace_back(reference);
    at_ += reference.size;
  }
  void pad(std::uint64_t alignment) {
    const auto before = open_.size();
    pad_to(open_, at_, alignment);
    at_ += open_.size() - before;
  }
  std::vector<CpioPart> finish() {
    flush();
    return std::move(parts_);
  }

 private:
  void flush() {
    if (!open_.empty()) parts_.emplace_back(std::exchange(open_, {}));
  }
  Bytes open_;
  std::uint64_t at_ = 0;
  std::vector<CpioPart> parts_;
};

std::uint64_t size_of(const std::variant<Bytes, FileRef>& content) {
  if (const auto* bytes = std::get_if<Bytes>(&content)) return bytes->size();
  return std::get<FileRef>(content).size;
}

void lay(Layout& layout, const LayoutEntry& entry, std::uint64_t inode, unsigned links) {
  layout.text(header_of(entry, size_of(entry.content), inode, links));
  layout.text(std::string_view("\0", 1));
  layout.pad(4);
  layout.content(entry.content);
  layout.pad(4);
}

}  // namespace

Result<Bytes> make_cpio(const std::vector<Entry>& entries) {
  const auto all = with_parents(entries);
  if (!all) return tl::unexpected(all.error());
  Bytes out;
  const std::unique_ptr<archive, Writer> writer(archive_write_new());
  archive_write_set_format_cpio_newc(writer.get());
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  if (archive_write_open(writer.get(), &out, nullptr, &append, nullptr) != ARCHIVE_OK) {
    return fail(Errc::io, "write an initramfs", words(writer.get()));
  }
  std::int64_t inode = 0;
  for (const Entry& entry : *all) {
    if (auto added = add_entry(writer.get(), entry, ++inode); !added) return tl::unexpected(added.error());
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK) {
    return fail(Errc::io, "write an initramfs", words(writer.get()));
  }
  pad_to(out, out.size(), archive_alignment);
  return out;
}

Result<std::vector<CpioPart>> cpio_layout(const std::vector<LayoutEntry>& entries) {
  const auto all = with_parents(entries);
  if (!all) return tl::unexpected(all.error());
  Layout layout;
  std::uint64_t inode = 0;
  for (const LayoutEntry& entry : *all) {
    const auto good = check_size(entry.path, entry.mode, size_of(entry.content));
    if (!good) return tl::unexpected(good.error());
    lay(layout, entry, ++inode, 1);
  }
  // libarchive's trailer: inode 0, mode 0, one link.
  lay(layout, LayoutEntry{std::string(trailer), 0, Bytes{}, 0, 0}, 0, 1);
  layout.pad(archive_alignment);
  return layout.finish();
}

}  // namespace kexlab::images
