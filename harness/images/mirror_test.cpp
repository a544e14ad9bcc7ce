// SPDX-License-Identifier: Apache-2.0
// Where the machine's release comes from, out of what apt and its files say.
#include "harness/images/mirror.h"

#include <gmock/gmock.h>

namespace kexlab::images {
namespace {

using testing::SizeIs;

constexpr std::string_view two_entries =
    "Packages\thttp://third.example/\tstable\tmain\t/etc/apt/sources.list.d/a.list:2\n"
    "Packages\thttp://mirror.example/debian/\tbookworm\tmain\t/etc/apt/sources.list.d/debian.sources:1\n"
    "Packages\thttp://mirror.example/debian/\tbookworm\tcontrib\t/etc/apt/sources.list.d/debian.sources:1\n"
    "Contents-deb\thttp://mirror.example/debian/\tbookworm\tmain\t/etc/apt/sources.list.d/debian.sources:1\n"
    "Packages\tno place\n\n";

TEST(SourceEntries, AreReadFromWhatAptPrints) {
  const auto entries = parse_source_entries(two_entries);
  ASSERT_THAT(entries, SizeIs(3));
  EXPECT_EQ(entries[0].uri, "http://third.example/");
  EXPECT_EQ(entries[1].suite, "bookworm");
  EXPECT_EQ(entries[1].file, "/etc/apt/sources.list.d/debian.sources");
  EXPECT_EQ(entries[1].number, 1U);
  EXPECT_EQ(entries[2].component, "contrib");
}

TEST(ReleaseEntry, IsTheOneOfTheMachinesCodeName) {
  const auto entries = parse_source_entries(two_entries);
  EXPECT_EQ(release_entry(entries, "bookworm")->uri, "http://mirror.example/debian/");
}

TEST(ReleaseEntry, IsElseTheFirstThatIsNamedByARole) {
  const auto entries = parse_source_entries(two_entries);
  EXPECT_EQ(release_entry(entries, "trixie")->uri, "http://third.example/");
  EXPECT_FALSE(release_entry({{"http://x.example/", "noble", "main", "f", 1}}, "trixie").has_value());
  EXPECT_FALSE(release_entry({{"http://x.example/", "trixie", "contrib", "f", 1}}, "trixie").has_value());
}

TEST(ReleaseCodename, StandsInOsRelease) {
  EXPECT_EQ(release_codename("ID=debian\nVERSION_CODENAME=bookworm\n"), "bookworm");
  EXPECT_EQ(release_codename("VERSION_CODENAME=\"noble\"\r\n"), "noble");
  EXPECT_EQ(release_codename("ID=debian\n"), "");
}

constexpr std::string_view deb822 =
    "# a comment\nTypes: deb\nURIs: http://a.example/\n# inside\nsigned-by: /a.gpg\nSuites: x\n\n\n"
    "Types: deb\nSigned-By:\n -----BEGIN\n .\n abc\nURIs: http://b.example/\n\nTypes: deb\n";

struct Key {
  const char* name;
  std::string_view text;
  const char* file;
  unsigned number;
  const char* key;
};
class SignedBy : public testing::TestWithParam<Key> {};
TEST_P(SignedBy, StandsInTheFileOfTheEntry) {
  const Key& row = GetParam();
  EXPECT_EQ(signed_by(row.text, {"u", "s", "main", row.file, row.number}), row.key);
}
constexpr std::string_view lines = "# deb\ndeb [arch=amd64 signed-by=/k.gpg] u s main\ndeb u s main\n";
INSTANTIATE_TEST_SUITE_P(Table, SignedBy,
                         testing::Values(Key{"stanza", deb822, "d.sources", 1, "/a.gpg"},
                                         Key{"key_inside", deb822, "d.sources", 2, "\n -----BEGIN\n .\n abc"},
                                         Key{"stanza_without", deb822, "d.sources", 3, ""},
                                         Key{"no_such_stanza", deb822, "d.sources", 4, ""},
                                         Key{"line", lines, "d.list", 2, "/k.gpg"},
                                         Key{"line_without", lines, "d.list", 3, ""},
                                         Key{"no_such_line", lines, "d.list", 9, ""},
                                         Key{"line_zero", lines, "d.list", 0, ""}),
                         [](const auto& row) { return row.param.name; });

TEST(SuiteSource, KeepsTheAddressAndTheKey) {
  const SourceEntry entry{"http://mirror.example/debian/", "bookworm", "main", "f", 1};
  EXPECT_EQ(suite_source(entry, "trixie", "/k.gpg"),
            "Types: deb\nURIs: http://mirror.example/debian/\nSuites: trixie\nComponents: main\nSigned-By: /k.gpg\n");
  EXPECT_EQ(suite_source(entry, "sid", ""),
            "Types: deb\nURIs: http://mirror.example/debian/\nSuites: sid\nComponents: main\n");
}

TEST(SuiteName, HasNothingThatASourceCouldMisread) {
  for (const char* name : {"trixie", "trixie-backports", "sid", "bookworm2"}) EXPECT_TRUE(is_suite(name)) << name;
  for (const char* name : {"", "-x", "../x", "a b", "a\nURIs: x", "A"}) EXPECT_FALSE(is_suite(name)) << name;
}

}  // namespace
}  // namespace kexlab::images
