// SPDX-License-Identifier: Apache-2.0
// newc archives: what other readers make of ours, and that the parts of a layout are the whole archive.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <map>

#include "harness/images/file.h"
#include "harness/images/images.h"
#include "harness/images/process.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Bytes bytes_of(std::string_view text) { return to_bytes(as_bytes(text)); }

struct Member {
  std::string path;
  unsigned mode = 0;
  std::string content;
  unsigned major = 0, minor = 0;
  std::int64_t inode = 0, mtime = 0, uid = 0, gid = 0;
};

/// What libarchive reads; it stops at the first trailer.
std::vector<Member> read_cpio(ByteView bytes) {
  std::vector<Member> members;
  archive* reader = archive_read_new();
  archive_read_support_format_cpio(reader);
  EXPECT_EQ(archive_read_open_memory(reader, bytes.data(), bytes.size()), ARCHIVE_OK);
  for (archive_entry* entry = nullptr; archive_read_next_header(reader, &entry) == ARCHIVE_OK;) {
    Member member{archive_entry_pathname(entry),
                  archive_entry_mode(entry),
                  "",
                  0,
                  0,
                  archive_entry_ino64(entry),
                  archive_entry_mtime(entry),
                  archive_entry_uid(entry),
                  archive_entry_gid(entry)};
    member.major = static_cast<unsigned>(archive_entry_rdevmajor(entry));
    member.minor = static_cast<unsigned>(archive_entry_rdevminor(entry));
    if (const char* link = archive_entry_symlink(entry)) {
      member.content = link;
    } else {
      member.content.resize(static_cast<std::size_t>(archive_entry_size(entry)));
      EXPECT_EQ(archive_read_data(reader, member.content.data(), member.content.size()),
                static_cast<la_ssize_t>(member.content.size()));
    }
    members.push_back(std::move(member));
  }
  archive_read_free(reader);
  return members;
}

std::vector<std::string> paths(const std::vector<Member>& members) {
  std::vector<std::string> all;
  for (const auto& member : members) all.push_back(member.path);
  return all;
}

/// Entries of every kind and of sizes around the paddings.
std::vector<Entry> sample() {
  std::vector<Entry> entries{{"dev", 0040755, Bytes{}, 0, 0},
                             {"dev/console", 0020600, Bytes{}, 5, 1},
                             {"init", 0100755, bytes_of("#!/bin/sh\n"), 0, 0},
                             {"a/b/deep", 0100644, bytes_of("x"), 0, 0},
                             {"link", 0120777, bytes_of("init"), 0, 0}};
  for (std::size_t size : {0, 3, 4, 5, 511, 512, 513}) {
    entries.push_back({"size" + std::to_string(size), 0100600, Bytes(size, std::byte{0x41}), 0, 0});
  }
  return entries;
}

TEST(MakeCpio, IsReadBackAsGivenWithParentsPutIn) {
  const auto archive = make_cpio({{"a/b/c", 0100640, bytes_of("hello"), 0, 0}, {"dev/null", 0020666, Bytes{}, 1, 3}});
  ASSERT_TRUE(archive.has_value()) << archive.error().str();
  const auto members = read_cpio(*archive);
  EXPECT_THAT(paths(members), ElementsAre("a", "a/b", "a/b/c", "dev", "dev/null"));
  EXPECT_EQ(members[0].mode, 0040755U);
  EXPECT_EQ(members[2].mode, 0100640U);
  EXPECT_EQ(members[2].content, "hello");
  EXPECT_EQ(members[4].mode, 0020666U);
  EXPECT_EQ(members[4].major, 1U);
  EXPECT_EQ(members[4].minor, 3U);
}

TEST(MakeCpio, NothingOfTheMomentOrTheMachineIsInIt) {
  const TestFolder folder;
  std::vector<Entry> entries = sample();
  entries.push_back({"from-file", 0100644, folder.file("source", "content"), 0, 0});
  const auto once = make_cpio(entries);
  ASSERT_TRUE(once.has_value()) << once.error().str();
  std::filesystem::last_write_time(folder.path() / "source", std::filesystem::file_time_type::clock::now());
  EXPECT_TRUE(make_cpio(entries).value() == *once);
  std::int64_t inode = 0;
  for (const auto& member : read_cpio(*once)) {
    EXPECT_EQ(member.inode, ++inode) << member.path;
    EXPECT_EQ(member.mtime, 0) << member.path;
    EXPECT_EQ(member.uid + member.gid, 0) << member.path;
  }
}

TEST(MakeCpio, EndsWhereAnotherArchiveMayStart) {
  for (std::size_t size = 0; size < 600; size += 7) {
    const auto archive = make_cpio({{"f", 0100644, Bytes(size), 0, 0}});
    ASSERT_TRUE(archive.has_value());
    EXPECT_EQ(archive->size() % 512, 0U) << size;
  }
}

TEST(MakeCpio, AFolderOrDeviceWithContentIsRefusedByBothWriters) {
  for (const unsigned mode : {0040755U, 0020600U}) {
    const auto archive = make_cpio({{"d", mode, bytes_of("x"), 0, 0}});
    const auto layout = cpio_layout({{"d", mode, FileRef{"x", 1}, 0, 0}});
    EXPECT_EQ(archive.error().code, Errc::invalid_argument);
    EXPECT_EQ(layout.error().code, Errc::invalid_argument);
  }
}

TEST(MakeCpio, AMissingFileIsNamed) {
  const auto archive = make_cpio({{"init", 0100755, std::filesystem::path("/nonexistent/agent"), 0, 0}});
  ASSERT_FALSE(archive.has_value());
  EXPECT_EQ(archive.error().code, Errc::not_found);
  EXPECT_THAT(archive.error().str(), HasSubstr("/nonexistent/agent"));
}

class BadPaths : public testing::TestWithParam<std::pair<const char*, const char*>> {};
TEST_P(BadPaths, AreRefusedByBothWriters) {
  const std::string path = GetParam().second;
  const auto archive = make_cpio({{"dir/file", 0100644, Bytes{}, 0, 0}, {path, 0100644, Bytes{}, 0, 0}});
  const auto layout = cpio_layout({{"dir/file", 0100644, Bytes{}, 0, 0}, {path, 0100644, Bytes{}, 0, 0}});
  ASSERT_FALSE(archive.has_value());
  ASSERT_FALSE(layout.has_value());
  EXPECT_EQ(archive.error().code, Errc::invalid_argument);
  EXPECT_EQ(archive.error().str(), layout.error().str());
}
INSTANTIATE_TEST_SUITE_P(Table, BadPaths,
                         testing::Values(std::pair{"empty", ""}, std::pair{"absolute", "/init"},
                                         std::pair{"dots", "a/../b"}, std::pair{"dot", "./a"},
                                         std::pair{"double_slash", "a//b"}, std::pair{"slash_at_the_end", "a/"},
                                         std::pair{"trailer", "TRAILER!!!"}, std::pair{"twice", "dir/file"},
                                         std::pair{"after_what_is_in_it", "dir"}),
                         [](const auto& row) { return row.param.first; });

/// The sample with some contents by reference, and what the references stand for.
struct Referenced {
  std::vector<LayoutEntry> entries;
  std::map<std::string, Bytes> sources;
};
Referenced by_reference(const std::vector<Entry>& entries) {
  Referenced out;
  for (const Entry& entry : entries) {
    LayoutEntry laid{entry.path, entry.mode, std::get<Bytes>(entry.content), entry.device_major, entry.device_minor};
    if ((entry.mode & 0170000U) == 0100000U) {
      const std::string name = "guest:" + entry.path;
      out.sources[name] = std::get<Bytes>(entry.content);
      laid.content = FileRef{name, out.sources[name].size()};
    }
    out.entries.push_back(std::move(laid));
  }
  return out;
}

Bytes substitute(const std::vector<CpioPart>& parts, const std::map<std::string, Bytes>& sources) {
  Bytes all;
  for (const auto& part : parts) {
    const auto* reference = std::get_if<FileRef>(&part);
    const Bytes& bytes = reference != nullptr ? sources.at(reference->source) : std::get<Bytes>(part);
    if (reference != nullptr) {
      EXPECT_EQ(bytes.size(), reference->size);
    }
    all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

TEST(CpioLayout, WithItsReferencesReplacedIsTheArchiveThatLibarchiveWrites) {
  const auto [entries, sources] = by_reference(sample());
  const auto layout = cpio_layout(entries);
  ASSERT_TRUE(layout.has_value()) << layout.error().str();
  const auto whole = make_cpio(sample());
  ASSERT_TRUE(whole.has_value());
  EXPECT_TRUE(substitute(*layout, sources) == *whole);
}

TEST(CpioLayout, ReferencesStandBetweenBytesAndEmptyOnesVanish) {
  const auto layout = cpio_layout(
      {{"big", 0100644, FileRef{"/payload/big", 1000003}, 0, 0}, {"none", 0100644, FileRef{"/payload/none", 0}, 0, 0}});
  ASSERT_TRUE(layout.has_value());
  ASSERT_EQ(layout->size(), 3U);
  EXPECT_EQ(std::get<FileRef>((*layout)[1]).source, "/payload/big");
  const std::size_t size = std::get<Bytes>((*layout)[0]).size() + 1000003 + std::get<Bytes>((*layout)[2]).size();
  EXPECT_EQ(size % 512, 0U);
}

TEST(CpioLayout, AFileThatNewcCannotCountIsRefused) {
  const auto layout = cpio_layout({{"huge", 0100644, FileRef{"x", std::uint64_t{1} << 32}, 0, 0}});
  ASSERT_FALSE(layout.has_value());
  EXPECT_EQ(layout.error().code, Errc::no_space);
}

TEST(CpioLayout, IsReadAlikeByLibarchiveAndByCpio) {
  if (find_program("cpio").empty()) GTEST_SKIP() << "cpio is not installed";
  const auto [entries, sources] = by_reference(sample());
  const Bytes bytes = substitute(*cpio_layout(entries), sources);
  const TestFolder folder;
  const auto file = folder.file("a.cpio", as_text(bytes));
  Command list{
      {"sh", "-c", "cpio -it --quiet < " + file.string()}, {}, folder.path(), std::chrono::seconds{20}, 0, {}, {}};
  const auto listed = demand(list, "list");
  ASSERT_TRUE(listed.has_value()) << listed.error().str();
  std::string ours;
  for (const auto& path : paths(read_cpio(bytes))) ours += path + "\n";
  EXPECT_EQ(listed->out, ours);
}

TEST(Initramfs, HoldsTheAgentTheConsoleAndTheModulesInOrder) {
  const TestFolder folder;
  const auto agent = folder.file("agent", "the agent");
  const std::vector<std::filesystem::path> modules{folder.file("virtio.ko", "1"), folder.file("07-console.ko", "2")};
  const auto archive = base_initramfs(*find_target("arm64"), agent, modules);
  ASSERT_TRUE(archive.has_value()) << archive.error().str();
  std::map<std::string, Member> members;
  for (auto& member : read_cpio(*archive)) members[member.path] = member;
  for (const char* name : {"dev", "proc", "sys", "tmp", "kexlab", "payload"})
    EXPECT_EQ(members[name].mode, 0040755U) << name;
  EXPECT_EQ(members["init"].mode, 0100755U);
  EXPECT_EQ(members["init"].content, "the agent");
  EXPECT_EQ(members["dev/console"].major, 5U);
  EXPECT_EQ(members["dev/console"].minor, 1U);
  EXPECT_EQ(members["modules/00-virtio.ko"].content, "1");
  EXPECT_EQ(members["modules/01-console.ko"].content, "2");
}

TEST(GuestBinary, IsFoundInTheFolderThatTheVariableNames) {
  const TestFolder folder;
  const Variable variable("KEXLAB_GUEST_DIR", folder.path().c_str());
  const auto missing = guest_binary(*find_target("arm64"), "agent");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().str(), HasSubstr((folder.path() / "arm64/agent").string()));
  const auto file = folder.file("arm64/agent", "x");
  EXPECT_EQ(guest_binary(*find_target("arm64"), "agent").value(), file);
}

TEST(GuestBinary, IsElseLookedForBesideTheProgram) {
  const Variable variable("KEXLAB_GUEST_DIR", nullptr);
  const auto missing = guest_binary(*find_target("arm64"), "no-such-program");
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error().str(), HasSubstr("guest/arm64/no-such-program"));
  EXPECT_THAT(missing.error().str(), HasSubstr("libexec/kexlab/guest/arm64/no-such-program"));
}

}  // namespace
}  // namespace kexlab::images
