// SPDX-License-Identifier: Apache-2.0
// Debian packages, compressed files and source trees, from samples written here.
#include "harness/images/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>

#include <map>

#include "harness/images/file.h"
#include "harness/images/test_archive.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Result<std::map<std::string, std::string>> read_all(const fs::path& deb, const Wanted& wanted,
                                                    std::uint64_t limit = 1 << 20) {
  std::map<std::string, std::string> files;
  const auto read = read_deb(
      deb, wanted,
      [&](std::string_view name, Bytes content) -> Status {
        files[std::string(name)] = as_text(content);
        return {};
      },
      limit);
  if (!read) return tl::unexpected(read.error());
  return files;
}

const auto everything = [](std::string_view) { return true; };

class DebCompression : public testing::TestWithParam<const char*> {};
TEST_P(DebCompression, FilesAreTakenByTheirPlainNames) {
  const TestFolder folder;
  const auto deb = folder.file(
      "k.deb", as_text(make_deb({{"./boot/vmlinuz-1", "kernel"}, {"./usr/share/doc/x", "doc"}}, GetParam())));
  const auto files = read_all(deb, [](std::string_view name) { return name.starts_with("boot/"); });
  ASSERT_TRUE(files.has_value()) << files.error().str();
  EXPECT_EQ(*files, (std::map<std::string, std::string>{{"boot/vmlinuz-1", "kernel"}}));
}
INSTANTIATE_TEST_SUITE_P(Table, DebCompression, testing::Values("none", "gzip", "xz", "zstd"),
                         [](const auto& row) { return std::string(row.param); });

TEST(Deb, AFileOverTheLimitIsRefused) {
  const TestFolder folder;
  const auto deb = folder.file("k.deb", as_text(make_deb({{"bomb", std::string(100'000, '\0')}}, "xz")));
  EXPECT_EQ(read_all(deb, everything, 99'999).error().code, Errc::no_space);
  EXPECT_TRUE(read_all(deb, everything, 100'000).has_value());
}

TEST(Deb, EveryTruncationIsAnError) {
  const TestFolder folder;
  const Bytes whole = make_deb({{"boot/vmlinuz", std::string(3000, 'k')}}, "gzip");
  // The last bytes are the tar's end and gzip's checksum, which a reader of the files may do without.
  for (std::size_t size = 0; size + 64 < whole.size(); size += 13) {
    const auto deb = folder.file("k.deb", as_text(ByteView(whole).first(size)));
    const auto files = read_all(deb, everything);
    EXPECT_TRUE(!files || !files->contains("boot/vmlinuz")) << "cut to " << size;
  }
}

TEST(Deb, WhatIsNoPackageIsTold) {
  const TestFolder folder;
  const auto missing = read_all(folder.path() / "none.deb", everything);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::not_found);
  for (const std::string& text :
       {std::string("no package at all, just text"), std::string(), std::string(5000, '\0')}) {
    const auto files = read_all(folder.file("x.deb", text), everything);
    ASSERT_FALSE(files.has_value());
    EXPECT_EQ(files.error().code, Errc::corrupt);
    EXPECT_THAT(files.error().str(), HasSubstr("x.deb"));
  }
}

TEST(Deb, ATakerThatFailsEndsIt) {
  const TestFolder folder;
  const auto deb = folder.file("k.deb", as_text(make_deb({{"a", "1"}, {"b", "2"}}, "none")));
  int taken = 0;
  const auto read = read_deb(deb, everything, [&](std::string_view, const Bytes&) -> Status {
    ++taken;
    return fail(Errc::no_space, "write", "disk full");
  });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().broke, "disk full");
  EXPECT_EQ(taken, 1);
}

TEST(Decompress, TakesCompressionOffAndLeavesPlainBytes) {
  for (const char* filter : {"none", "gzip", "xz", "zstd"}) {
    const auto plain = decompress(compress(std::string(10'000, 'm') + "end", filter), "m.ko");
    ASSERT_TRUE(plain.has_value()) << filter << ": " << plain.error().str();
    EXPECT_EQ(as_text(*plain), std::string(10'000, 'm') + "end") << filter;
  }
  EXPECT_TRUE(decompress({}, "empty").value().empty());
  EXPECT_EQ(decompress(compress(std::string(10'000, 'm'), "xz"), "m.ko", 9'999).error().code, Errc::no_space);
}

TEST(UnpackTar, TakesTheFirstFolderOff) {
  const TestFolder folder;
  const auto tar = folder.file(
      "s.tar.xz", as_text(make_tar({{"linux-6.1/Makefile", "all:\n"}, {"linux-6.1/arch/x/Kconfig", "x"}}, "xz")));
  std::vector<double> told;
  ASSERT_TRUE(unpack_tar(tar, folder.path() / "out", [&](double part) { told.push_back(part); }).has_value());
  EXPECT_EQ(read_text(folder.path() / "out/Makefile").value(), "all:\n");
  EXPECT_EQ(read_text(folder.path() / "out/arch/x/Kconfig").value(), "x");
  EXPECT_FALSE(told.empty());
  for (const double part : told) EXPECT_TRUE(part >= 0 && part <= 1) << part;
}

TEST(UnpackTar, APathThatLeadsOutIsRefused) {
  const TestFolder folder;
  for (const char* evil : {"linux/../../escaped", "../escaped", "linux/a/../../../escaped"}) {
    const auto tar = folder.file("deep/er/s.tar", as_text(make_tar({{evil, "evil"}}, "none")));
    const auto unpacked = unpack_tar(tar, folder.path() / "deep/er/out", {});
    ASSERT_FALSE(unpacked.has_value()) << evil;
    EXPECT_EQ(unpacked.error().code, Errc::corrupt);
    for (const auto& each : fs::recursive_directory_iterator(folder.path()))
      EXPECT_NE(each.path().filename(), "escaped");
  }
}

TEST(UnpackDeb, FilesAndLinksWithinIt) {
  const TestFolder folder;
  const auto deb = folder.file("k.deb", as_text(make_deb({{"./usr/bin/a", "a program"},
                                                          {"./usr/bin/b", "link:a"},
                                                          {"./usr/bin/c", "link:/usr/bin/true"},
                                                          {"./usr/share/doc/a", "text"}},
                                                         "xz")));
  const auto wanted = [](std::string_view name) { return !name.starts_with("usr/share/doc/"); };
  const auto unpacked = unpack_deb(deb, folder.path() / "out", wanted);
  ASSERT_TRUE(unpacked.has_value()) << unpacked.error().str();
  EXPECT_EQ(read_text(folder.path() / "out/usr/bin/a").value(), "a program");
  EXPECT_EQ(fs::read_symlink(folder.path() / "out/usr/bin/b"), "a");
  EXPECT_FALSE(fs::is_symlink(folder.path() / "out/usr/bin/c")) << "it would lead to the machine's own file";
  EXPECT_FALSE(fs::exists(folder.path() / "out/usr/share"));
}

TEST(UnpackDeb, APathThatLeadsOutIsRefused) {
  const TestFolder folder;
  const auto deb = folder.file("deep/k.deb", as_text(make_deb({{"usr/../../escaped", "evil"}}, "none")));
  const auto unpacked = unpack_deb(deb, folder.path() / "deep/out", [](std::string_view) { return true; });
  ASSERT_FALSE(unpacked.has_value());
  EXPECT_EQ(unpacked.error().code, Errc::corrupt);
  EXPECT_FALSE(fs::exists(folder.path() / "deep/escaped"));
}

}  // namespace
}  // namespace kexlab::images
