// SPDX-License-Identifier: Apache-2.0
// Apt: what is understood of its records, and how it behaves with stand-ins for its programs.
#include "harness/images/apt.h"

#include <gmock/gmock.h>

#include "harness/images/digest.h"
#include "harness/images/file.h"
#include "harness/images/kernel.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string digest_a(64, 'a');

std::string record(const std::string& name, const std::string& version, const std::string& depends,
                   const std::string& digest) {
  return "Package: " + name + "\nVersion: " + version + "\nDepends: " + depends +
         "\nDescription: a kernel\n a : line\nSize: 2097152\nSHA256: " + digest + "\n\nPackage: older\n";
}

TEST(ParsePackage, TakesTheFirstRecord) {
  const auto package = parse_package(
      record("linux-image-arm64", "6.1.1-2", "linux-image-6.1.0-1-arm64 (= 6.1.1-2), a | b, c:any", digest_a),
      "linux-image-arm64");
  ASSERT_TRUE(package.has_value()) << package.error().str();
  EXPECT_EQ(package->version, "6.1.1-2");
  EXPECT_EQ(package->sha256, digest_a);
  EXPECT_EQ(package->size, 2097152U);
  EXPECT_THAT(package->depends, ElementsAre("linux-image-6.1.0-1-arm64", "a", "c"));
  EXPECT_EQ(image_package(*package), "linux-image-6.1.0-1-arm64");
}

TEST(ParsePackage, WithoutWhatIsNeededIsCorrupt) {
  for (const std::string& text :
       {std::string(), std::string("Package: k\nVersion: 1\n"), record("other", "1", "", digest_a),
        record("k", "1", "", "abc"), record("k", "", "", digest_a)}) {
    const auto package = parse_package(text, "k");
    ASSERT_FALSE(package.has_value()) << text;
    EXPECT_EQ(package.error().code, Errc::corrupt);
  }
}

TEST(ImagePackage, OneThatIsNoMetaPackageStandsForItself) {
  EXPECT_EQ(image_package({"linux-image-6.1.0-1-arm64", "1", digest_a, 0, {"kmod", "initramfs-tools"}}),
            "linux-image-6.1.0-1-arm64");
}

TEST(ImageParts, OfAPackageThatIsSplit) {
  const Package split{"linux-image-7.2.1-arm64",
                      "7.2.1-1",
                      digest_a,
                      0,
                      {"dracut", "linux-base-7.2.1-arm64", "linux-binary-7.2.1-arm64", "linux-modules-7.2.1-arm64"}};
  EXPECT_THAT(image_parts(split, false),
              ElementsAre("linux-image-7.2.1-arm64", "linux-base-7.2.1-arm64", "linux-binary-7.2.1-arm64"));
  EXPECT_THAT(image_parts(split, true), testing::Contains("linux-modules-7.2.1-arm64"));
}

TEST(ImageParts, OfAWholePackageIsThePackage) {
  // linux-base is a package of its own, with no kernel in it; linux-source has no image at all.
  EXPECT_THAT(image_parts({"linux-image-6.1.0-1-arm64", "1", digest_a, 0, {"kmod", "linux-base (>= 4.3~)"}}, true),
              ElementsAre("linux-image-6.1.0-1-arm64"));
  EXPECT_THAT(image_parts({"linux-source-6.1", "1", digest_a, 0, {}}, true), ElementsAre("linux-source-6.1"));
}

struct Version {
  const char *version, *wanted;
  bool matches;
};
TEST(VersionMatches, AtTheBorderOfANumber) {
  for (const auto& row : {Version{"6.1.192-2", "6.1", true}, Version{"6.1", "6.1", true}, Version{"6.1-3", "6.1", true},
                          Version{"6.12.1", "6.1", false}, Version{"6.1.0", "", true}, Version{"5.1", "6.1", false},
                          Version{"6", "6.1", false}}) {
    EXPECT_EQ(version_matches(row.version, row.wanted), row.matches) << row.version << " " << row.wanted;
  }
}

/// Shell scripts in apt's place: `get` and `cache` are their bodies; each call is noted in the file "calls".
class AptStandIn {
 public:
  AptStandIn(const std::string& get, const std::string& cache)
      : path_("PATH", ((folder_.path() / "bin").string() + ":/usr/bin:/bin").c_str()) {
    script("apt-get", get);
    script("apt-cache", cache);
  }
  Apt open() { return Apt::open(folder_.path() / "state", "arm64", {}).value(); }
  [[nodiscard]] std::string calls() const { return read_text(folder_.path() / "calls").value_or(""); }
  [[nodiscard]] const TestFolder& folder() const { return folder_; }
  void script(const std::string& name, const std::string& body) const {
    const std::string note = "case \"$*\" in *update*) echo update;; *download*) echo download;; *) echo " + name +
                             ";; esac >> " + (folder_.path() / "calls").string() + "\n";
    const auto file = folder_.file("bin/" + name, "#!/bin/sh\n" + note + body + "\n");
    fs::permissions(file, fs::perms::owner_all);
  }

 private:
  TestFolder folder_;
  Variable path_;
};

std::string print(const std::string& text) { return "cat <<'END'\n" + text + "END"; }
const std::string have_k = print(record("k", "1", "", digest_a));
const std::string have_nothing = "echo 'E: No packages found' >&2; exit 100";

TEST(Apt, MissingListsAreFetchedOnceAndThenLeftAlone) {
  AptStandIn stand_in("true", have_k);
  ASSERT_TRUE(stand_in.open().find("k").has_value());
  ASSERT_TRUE(stand_in.open().find("k").has_value());
  EXPECT_EQ(stand_in.calls(), "update\napt-cache\napt-cache\n");
}

TEST(Apt, ListsOlderThanADayAreFetchedAgain) {
  AptStandIn stand_in("true", have_k);
  ASSERT_TRUE(stand_in.open().find("k").has_value());
  fs::last_write_time(stand_in.folder().path() / "state/updated",
                      fs::file_time_type::clock::now() - std::chrono::hours{25});
  ASSERT_TRUE(stand_in.open().find("k").has_value());
  EXPECT_EQ(stand_in.calls(), "update\napt-cache\nupdate\napt-cache\n");
}

TEST(Apt, APackageThatFreshListsLackIsLookedForInFresherOnes) {
  AptStandIn stand_in("true", have_k);
  ASSERT_TRUE(stand_in.open().find("k").has_value());
  stand_in.script("apt-cache", have_nothing);
  const auto missing = stand_in.open().find("k");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().str(), HasSubstr("No packages found"));
  EXPECT_EQ(stand_in.calls(), "update\napt-cache\napt-cache\nupdate\napt-cache\n");
}

TEST(Apt, ASourceThatFailsDoesNotMatterWhileThePackageIsFound) {
  AptStandIn stand_in("echo 'E: some third-party source is gone' >&2; exit 100", have_k);
  EXPECT_TRUE(stand_in.open().find("k").has_value());
}

TEST(Apt, ANetworkThatIsGoneIsToldWithAptsLastWords) {
  AptStandIn stand_in("echo 'E: Temporary failure resolving' >&2; exit 100", have_nothing);
  const auto missing = stand_in.open().find("k");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::io);
  EXPECT_THAT(missing.error().str(), HasSubstr("Temporary failure resolving"));
}

TEST(Apt, ADownloadIsCheckedAgainstTheLists) {
  AptStandIn stand_in("echo 'dlstatus:1:50.0:Retrieving'; printf content > k_1_arm64.deb", have_k);
  const Package good{"k", "1", sha256(as_bytes("content")), 7, {}};
  std::vector<double> told;
  auto apt = Apt::open(stand_in.folder().path() / "state", "arm64", [&](std::string_view, double part) {
               told.push_back(part);
             }).value();
  const auto file = apt.download(good, stand_in.folder().path());
  ASSERT_TRUE(file.has_value()) << file.error().str();
  EXPECT_EQ(file->filename(), "k_1_arm64.deb");
  EXPECT_THAT(told, ElementsAre(0, 0.5));
  const auto bad = apt.download({"k", "1", digest_a, 7, {}}, stand_in.folder().path());
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().code, Errc::corrupt);
}

TEST(Apt, WhatAPackageDependsOnComesWithIt) {
  AptStandIn stand_in(
      "for word in \"$@\"; do case $word in Dir::Cache::Archives=*) folder=${word#*=};; esac; done\n"
      "case \"$*\" in *install*) echo \"$@\" > \"$folder/words\"; touch \"$folder/k_1_arm64.deb\" "
      "\"$folder/a_2_all.deb\";; "
      "esac",
      have_k);
  const fs::path into = stand_in.folder().path() / "into";
  auto apt = stand_in.open();
  const auto files = apt.download_with_dependencies({"k"}, into);
  ASSERT_TRUE(files.has_value()) << files.error().str();
  EXPECT_THAT(*files, ElementsAre(into / "a_2_all.deb", into / "k_1_arm64.deb"));
  const std::string words = read_text(into / "words").value();
  EXPECT_THAT(words, HasSubstr("--download-only install k"));
  EXPECT_THAT(words, HasSubstr("--no-install-recommends"));
}

TEST(Apt, APackageThatIsMissingIsNotDownloadedFor) {
  AptStandIn stand_in("true", have_nothing);
  const auto files = stand_in.open().download_with_dependencies({"k"}, stand_in.folder().path() / "into");
  ASSERT_FALSE(files.has_value());
  EXPECT_EQ(files.error().code, Errc::not_found);
}

/// apt-get as a machine has it whose release is this one's, from one mirror.
std::string machine_with_a_mirror(const std::string& update) {
  const std::string codename = release_codename(read_text("/etc/os-release").value_or(""));
  return "case \"$*\" in\n*indextargets*) printf 'Packages\\thttp://mirror.example/debian/\\t" + codename +
         "\\tmain\\t/dev/null:1\\n';;\n*update*) " + update + ";;\nesac";
}

TEST(AptInSuite, HasAStateOfItsOwnWithThatSuiteAlone) {
  AptStandIn stand_in(machine_with_a_mirror("true"), have_k);
  auto apt = stand_in.open().in_suite("othersuite");
  ASSERT_TRUE(apt.has_value()) << apt.error().str();
  ASSERT_TRUE(apt->find("k").has_value());
  const fs::path state = stand_in.folder().path() / "state-othersuite";
  EXPECT_EQ(read_text(state / "sources/suite.sources").value(),
            "Types: deb\nURIs: http://mirror.example/debian/\nSuites: othersuite\nComponents: main\n");
  const std::string text = read_text(state / "apt.conf").value();
  EXPECT_THAT(text, HasSubstr("Dir::Etc::sourcelist \"/dev/null\""));
  EXPECT_THAT(text, HasSubstr("Dir::Etc::sourceparts \"" + (state / "sources").string() + "\""));
  EXPECT_FALSE(fs::exists(stand_in.folder().path() / "state/updated")) << "the machine's suites were fetched too";
}

TEST(AptInSuite, TheMachinesOwnNeedsNoOther) {
  AptStandIn stand_in(machine_with_a_mirror("true"), have_k);
  auto apt = stand_in.open().in_suite(release_codename(read_text("/etc/os-release").value_or("")));
  ASSERT_TRUE(apt.has_value()) << apt.error().str();
  ASSERT_TRUE(apt->find("k").has_value());
  EXPECT_TRUE(fs::exists(stand_in.folder().path() / "state/updated"));
}

TEST(AptInSuite, AMachineWithoutASourceOfItsReleaseIsTold) {
  AptStandIn stand_in("true", have_k);
  const auto apt = stand_in.open().in_suite("trixie");
  ASSERT_FALSE(apt.has_value());
  EXPECT_EQ(apt.error().code, Errc::not_found);
  EXPECT_THAT(apt.error().str(), HasSubstr("the mirror is not known"));
}

TEST(AptInSuite, WhatIsNoNameIsRefusedBeforeItReachesAFile) {
  AptStandIn stand_in(machine_with_a_mirror("true"), have_k);
  EXPECT_EQ(stand_in.open().in_suite("../x").error().code, Errc::invalid_argument);
}

struct Refusal {
  const char *name, *says;
  Errc code;
  const char* hint;
};
class AptInSuiteFails : public testing::TestWithParam<Refusal> {};
TEST_P(AptInSuiteFails, IsToldByItsCause) {
  AptStandIn stand_in(machine_with_a_mirror("echo \"" + std::string(GetParam().says) + "\" >&2; exit 100"),
                      have_nothing);
  const auto missing = stand_in.open().in_suite("othersuite")->find("k");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, GetParam().code);
  EXPECT_THAT(missing.error().str(), testing::AllOf(HasSubstr("othersuite"), HasSubstr(GetParam().says)));
  EXPECT_THAT(missing.error().hint, HasSubstr(GetParam().hint));
}
INSTANTIATE_TEST_SUITE_P(
    Table, AptInSuiteFails,
    testing::Values(Refusal{"no_such_suite", "E: The repository 'http://mirror.example' does not have a Release file.",
                            Errc::not_found, "does not have that suite"},
                    Refusal{"no_key", "E: The repository 'http://mirror.example' is not signed.", Errc::permission,
                            "debian-archive-keyring"},
                    Refusal{"no_network", "E: Temporary failure resolving", Errc::io, "network"}),
    [](const auto& row) { return row.param.name; });

TEST(Apt, WithoutAptIsToldWithAWayOut) {
  const TestFolder folder;
  const Variable path("PATH", folder.path().c_str());
  const auto apt = Apt::open(folder.path() / "state", "arm64", {});
  ASSERT_FALSE(apt.has_value());
  EXPECT_EQ(apt.error().code, Errc::not_found);
  EXPECT_THAT(apt.error().hint, HasSubstr("--kernel"));
}

TEST(Apt, TheConfigurationKeepsEverythingInItsFolder) {
  const std::string text = apt_configuration("/cache/apt/arm64", "arm64");
  for (const char* key : {"Dir::State ", "Dir::State::Lists ", "Dir::State::status ", "Dir::Cache ",
                          "Dir::Cache::Archives ", "Dir::Log "}) {
    const auto at = text.find(std::string("\n") + key);
    ASSERT_NE(at, std::string::npos) << key;
    EXPECT_EQ(text.compare(at + 1 + std::string(key).size(), 17, "\"/cache/apt/arm64"), 0) << key;
  }
  EXPECT_THAT(text, HasSubstr("#clear APT::Update::Post-Invoke;"));
  EXPECT_THAT(text, HasSubstr("APT::Architectures { \"arm64\"; }"));
}

}  // namespace
}  // namespace kexlab::images
