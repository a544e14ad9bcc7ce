// SPDX-License-Identifier: Apache-2.0
// Reading archives with libarchive.
#include "harness/images/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>
#include <optional>

#include "harness/images/file.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t block_size = std::size_t{256} << 10;

struct CloseReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
struct CloseDisk {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
using Reader = std::unique_ptr<archive, CloseReader>;

std::string words(archive* from) {
  const char* text = archive_error_string(from);
  return text != nullptr ? text : "unknown trouble";
}

tl::unexpected<Error> damaged(const std::string& asked, archive* from) {
  return fail(Errc::corrupt, asked, words(from), "fetch the file again");
}

/// The whole current member.
Result<Bytes> read_member(archive* reader, const std::string& asked, std::uint64_t limit) {
  Bytes content;
  std::array<std::byte, std::size_t{64} << 10> block{};
  for (;;) {
    const la_ssize_t got = archive_read_data(reader, block.data(), block.size());
    if (got < 0) return damaged(asked, reader);
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > limit) {
      return fail(Errc::no_space, asked, "unpacks to more than " + std::to_string(limit) + " bytes");
    }
    content.insert(content.end(), block.begin(), block.begin() + got);
  }
}

std::string_view plain_name(const char* name) {
  std::string_view text = name != nullptr ? name : "";
  while (text.starts_with("./") || text.starts_with("/")) text.remove_prefix(text.starts_with("/") ? 1 : 2);
  return text;
}

/// The data archive inside the package, read as the outer one is.
struct Inner {
  archive* outer = nullptr;
  std::array<std::byte, block_size> block{};

  static la_ssize_t read(archive*, void* self, const void** bytes) {
    auto* inner = static_cast<Inner*>(self);
    *bytes = inner->block.data();
    return archive_read_data(inner->outer, inner->block.data(), inner->block.size());
  }
};

/// A member of a package's data archive: its header was read, its content was not.
using Visit = std::function<Status(archive* reader, archive_entry* entry, const std::string& name)>;

Status visit_data_archive(archive* outer, const std::string& asked, const Visit& visit) {
  const Reader reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  auto inner = std::make_unique<Inner>();
  inner->outer = outer;
  if (archive_read_open(reader.get(), inner.get(), nullptr, &Inner::read, nullptr) != ARCHIVE_OK)
    return damaged(asked, reader.get());
  for (archive_entry* entry = nullptr;;) {
    const int step = archive_read_next_header(reader.get(), &entry);
    if (step == ARCHIVE_EOF) return {};
    if (step < ARCHIVE_WARN) return damaged(asked, reader.get());
    const std::string name(plain_name(archive_entry_pathname(entry)));
    if (auto visited = visit(reader.get(), entry, name); !visited) return visited;
  }
}

Status open_file(archive* reader, const fs::path& file, const std::string& asked) {
  std::error_code broken;
  if (!fs::exists(file, broken)) return system_error(asked, file, ENOENT);
  if (archive_read_open_filename(reader, file.c_str(), block_size) != ARCHIVE_OK) {
    // libarchive tells a failed open(2) by errno, and a file that is no archive by its own numbers (< 0).
    const int number = archive_errno(reader);
    if (number > 0 && number != EINVAL && number != EILSEQ) return system_error(asked, file, number);
    return damaged(asked, reader);
  }
  return {};
}

}  // namespace

namespace {

Status visit_deb(const fs::path& deb, const std::string& asked, const Visit& visit) {
  const Reader reader(archive_read_new());
  archive_read_support_format_ar(reader.get());
  if (auto opened = open_file(reader.get(), deb, asked); !opened) return opened;
  for (archive_entry* entry = nullptr;;) {
    const int step = archive_read_next_header(reader.get(), &entry);
    if (step == ARCHIVE_EOF) return fail(Errc::corrupt, asked, "it has no member data.tar.*", "fetch the file again");
    if (step < ARCHIVE_WARN) return damaged(asked, reader.get());
    if (plain_name(archive_entry_pathname(entry)).starts_with("data.tar"))
      return visit_data_archive(reader.get(), asked, visit);
  }
}

}  // namespace

Status read_deb(const fs::path& deb, const Wanted& wanted, const Take& take, std::uint64_t limit) {
  const std::string asked = "read the Debian package " + deb.string();
  return visit_deb(deb, asked, [&](archive* reader, archive_entry* entry, const std::string& name) -> Status {
    if (archive_entry_filetype(entry) != AE_IFREG || !wanted(name)) return {};
    auto content = read_member(reader, asked, limit);
    if (!content) return tl::unexpected(content.error());
    return take(name, std::move(*content));
  });
}

Result<Bytes> decompress(ByteView bytes, std::string_view name, std::uint64_t limit) {
  const std::string asked = "decompress " + std::string(name);
  const Reader reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
    return damaged(asked, reader.get());
  const int step = archive_read_next_header(reader.get(), &entry);
  if (step == ARCHIVE_EOF) return Bytes{};
  if (step < ARCHIVE_WARN) return damaged(asked, reader.get());
  return read_member(reader.get(), asked, limit);
}

namespace {

/// Points an entry below `folder`, its first component taken off. False: nothing is left of the path.
bool move_below(archive_entry* entry, const fs::path& folder) {
  const std::string_view name = plain_name(archive_entry_pathname(entry));
  const auto slash = name.find('/');
  if (slash == std::string_view::npos || slash + 1 == name.size()) return false;
  archive_entry_set_pathname(entry, (folder / name.substr(slash + 1)).c_str());
  if (const char* link = archive_entry_hardlink(entry)) {
    const std::string_view target = plain_name(link);
    archive_entry_set_hardlink(entry, (folder / target.substr(std::min(target.size(), target.find('/') + 1))).c_str());
  }
  return true;
}

Status write_entry(archive* reader, archive* disk, archive_entry* entry, const std::string& asked,
                   const fs::path& folder) {
  if (archive_write_header(disk, entry) < ARCHIVE_WARN)
    return system_error(asked + ": " + words(disk), folder, archive_errno(disk));
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    const int step = archive_read_data_block(reader, &block, &size, &offset);
    if (step == ARCHIVE_EOF) return {};
    if (step < ARCHIVE_WARN) return damaged(asked, reader);
    if (archive_write_data_block(disk, block, size, offset) < ARCHIVE_WARN) {
      return system_error(asked + ": " + words(disk), folder, archive_errno(disk));
    }
  }
}

/// A name with "..", which no honest archive has.
bool climbs(std::string_view name) {
  const fs::path path(name);
  return std::find(path.begin(), path.end(), "..") != path.end();
}

tl::unexpected<Error> leads_out(const std::string& asked, const std::string& name) {
  return fail(Errc::corrupt, asked, "member " + name + " leads out of the archive");
}

std::unique_ptr<archive, CloseDisk> disk_writer(int more_options) {
  std::unique_ptr<archive, CloseDisk> disk(archive_write_disk_new());
  archive_write_disk_set_options(disk.get(), ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS | more_options);
  return disk;
}

/// Files and links; the writer makes the folders.
bool is_content(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_filetype(entry) == AE_IFREG) return true;
  return archive_entry_filetype(entry) == AE_IFLNK && !std::string_view(archive_entry_symlink(entry)).starts_with("/");
}

}  // namespace

Status unpack_deb(const fs::path& deb, const fs::path& folder, const Wanted& wanted) {
  const std::string asked = "unpack the Debian package " + deb.string();
  const auto disk = disk_writer(0);
  return visit_deb(deb, asked, [&](archive* reader, archive_entry* entry, const std::string& name) -> Status {
    if (!is_content(entry) || !wanted(name)) return {};
    if (climbs(name)) return leads_out(asked, name);
    archive_entry_set_pathname(entry, (folder / name).c_str());
    if (const char* link = archive_entry_hardlink(entry)) {
      const std::string target(plain_name(link));
      if (climbs(target)) return leads_out(asked, target);
      archive_entry_set_hardlink(entry, (folder / target).c_str());
    }
    return write_entry(reader, disk.get(), entry, asked, folder);
  });
}

Status unpack_tar(const fs::path& tarball, const fs::path& folder, const std::function<void(double)>& progress) {
  const std::string asked = "unpack " + tarball.string();
  const Reader reader(archive_read_new());
  archive_read_support_filter_all(reader.get());
  archive_read_support_format_tar(reader.get());
  if (auto opened = open_file(reader.get(), tarball, asked); !opened) return opened;
  const auto disk = disk_writer(ARCHIVE_EXTRACT_TIME);
  std::error_code ignored;
  const double total = std::max(1.0, static_cast<double>(fs::file_size(tarball, ignored)));
  for (archive_entry* entry = nullptr;;) {
    const int step = archive_read_next_header(reader.get(), &entry);
    if (step == ARCHIVE_EOF) return {};
    if (step < ARCHIVE_WARN) return damaged(asked, reader.get());
    const std::string name(plain_name(archive_entry_pathname(entry)));
    if (climbs(name)) return leads_out(asked, name);
    if (!move_below(entry, folder)) continue;
    if (auto written = write_entry(reader.get(), disk.get(), entry, asked, folder); !written) return written;
    if (progress) progress(static_cast<double>(archive_filter_bytes(reader.get(), -1)) / total);
  }
}

}  // namespace kexlab::images
