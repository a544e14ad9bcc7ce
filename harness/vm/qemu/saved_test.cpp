// SPDX-License-Identifier: Apache-2.0
// Files of saved machines: whole or not at all, and for one spec only.
#include "harness/vm/qemu/saved.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "harness/vm/vm.h"

namespace kexlab::vm {
namespace {

using testing::HasSubstr;

class Saved : public testing::Test {
 protected:
  std::filesystem::path file(const std::string& content) {
    const auto path = folder_.path() / "file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  ScratchFolder folder_ = std::move(*ScratchFolder::make());
};

TEST_F(Saved, a_published_file_opens_at_its_stream) {
  const auto path = folder_.path() / "machine";
  {
    auto writer = SavedWriter::create(folder_.path(), "print\n");
    ASSERT_TRUE(writer);
    ASSERT_EQ(::write(writer->fd(), "stream", 6), 6);
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE(writer->publish(path));
  }
  EXPECT_EQ(files(), 1U);
  auto opened = open_saved(path, "print\n");
  ASSERT_TRUE(opened) << opened.error().str();
  char bytes[16];
  EXPECT_EQ(::read(opened->get(), bytes, sizeof(bytes)), 6);
}

TEST_F(Saved, a_file_that_was_not_published_leaves_nothing) {
  { ASSERT_TRUE(SavedWriter::create(folder_.path(), "print")); }
  EXPECT_EQ(files(), 0U);
}

TEST_F(Saved, an_anonymous_file_has_no_name_and_can_be_read) {
  auto writer = SavedWriter::create(folder_.path(), "print");
  ASSERT_TRUE(writer);
  auto fd = writer->anonymous();
  EXPECT_EQ(files(), 0U);
  EXPECT_TRUE(seek_stream(fd.get(), "print", "it"));
}

TEST_F(Saved, another_fingerprint_is_refused_with_the_difference) {
  auto writer = SavedWriter::create(folder_.path(), "toy\n512M\n");
  ASSERT_TRUE(writer);
  auto status = seek_stream(writer->fd(), "toy\n768M\n", "it");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::invalid_argument);
  EXPECT_THAT(status.error().broke, HasSubstr("it has \"512M\", wanted is \"768M\""));
  EXPECT_FALSE(seek_stream(writer->fd(), "toy\n512M\nmore\n", "it"));
}

TEST_F(Saved, broken_headers_are_told) {
  const std::string magic(saved_magic);
  const std::pair<const char*, std::string> rows[] = {
      {"empty", ""},
      {"other", "ELF and so on"},
      {"magic cut", magic.substr(0, 10)},
      {"no length", magic},
      {"length is a word", magic + "five\nprint"},
      {"length without an end", magic + "5"},
      {"length beyond the file", magic + "500\nprint"},
      {"length beyond all numbers", magic + "99999999999999999999999\nprint"},
      {"negative length", magic + "-5\nprint"},
  };
  for (const auto& [name, content] : rows) {
    auto opened = open_saved(file(content), "print");
    ASSERT_FALSE(opened) << name;
    EXPECT_EQ(opened.error().code, Errc::corrupt) << name;
  }
  EXPECT_EQ(open_saved(folder_.path() / "missing", "print").error().code, Errc::not_found);
}

}  // namespace
}  // namespace kexlab::vm
