// SPDX-License-Identifier: Apache-2.0
// Kernels and their facts: configs, the user's own files, catalogue kernels out of packages.
#include "harness/images/kernel.h"

#include <gmock/gmock.h>

#include "harness/images/digest.h"
#include "harness/images/file.h"
#include "harness/images/test_archive.h"
#include "harness/images/test_folder.h"
#include "loader/image/samples.h"

namespace kexlab::images {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(ParseConfig, TakesOptionsAndLeavesTheRest) {
  EXPECT_THAT(parse_config(
                  "#\n# Automatically generated\n# CONFIG_OFF is not set\nCONFIG_KEXEC=y\r\nCONFIG_M=m\nCONFIG_N=0x10\n"
                  "CONFIG_S=\"a=b c\"\nCONFIG_EMPTY=\"\"\nGARBAGE=1\nCONFIG_LAST=8"),
              ElementsAre(Pair("CONFIG_EMPTY", ""), Pair("CONFIG_KEXEC", "y"), Pair("CONFIG_LAST", "8"),
                          Pair("CONFIG_M", "m"), Pair("CONFIG_N", "0x10"), Pair("CONFIG_S", "a=b c")));
  EXPECT_THAT(parse_config(""), IsEmpty());
}

TEST(WhyNotKexec, SpeaksOnlyWhereTheConfigIsKnown) {
  Kernel kernel;
  kernel.name = "tiny";
  kernel.release = "6.1.0";
  EXPECT_THAT(why_not_kexec(kernel), IsEmpty());
  kernel.config_known = true;
  kernel.config_from = "config-6.1.0";
  EXPECT_THAT(why_not_kexec(kernel),
              testing::AllOf(HasSubstr("tiny"), HasSubstr("CONFIG_KEXEC is not set"), HasSubstr("config-6.1.0")));
  kernel.config["CONFIG_KEXEC_FILE"] = "y";
  EXPECT_THAT(why_not_kexec(kernel), HasSubstr("CONFIG_KEXEC is not set"));
  kernel.config["CONFIG_KEXEC"] = "n";
  EXPECT_THAT(why_not_kexec(kernel), HasSubstr("CONFIG_KEXEC is not set"));
  kernel.config["CONFIG_KEXEC"] = "y";
  EXPECT_THAT(why_not_kexec(kernel), IsEmpty());
}

Bytes arm64_kernel() { return samples::arm64_image(); }

struct Beside {
  const char* name;
  const char* image;
  const char* config;
};
class ConfigBeside : public testing::TestWithParam<Beside> {};
TEST_P(ConfigBeside, IsFound) {
  const TestFolder folder;
  const auto file = folder.file(GetParam().image, as_text(arm64_kernel()));
  folder.file(GetParam().config, "# CONFIG_KEXEC is not set\nCONFIG_BESIDE=y\n");
  const auto kernel = user_kernel(file, find_target("arm64"));
  ASSERT_TRUE(kernel.has_value()) << kernel.error().str();
  EXPECT_TRUE(kernel->config_known);
  EXPECT_EQ(kernel->config.at("CONFIG_BESIDE"), "y");
  EXPECT_EQ(kernel->config_from, fs::path(GetParam().config).filename());
  EXPECT_THAT(why_not_kexec(*kernel), HasSubstr(kernel->config_from));
}
INSTANTIATE_TEST_SUITE_P(Table, ConfigBeside,
                         testing::Values(Beside{"as_packages_have_it", "vmlinuz-6.1.0-9-arm64", "config-6.1.0-9-arm64"},
                                         Beside{"by_the_files_name", "Image", "Image.config"},
                                         Beside{"hidden", "Image", ".config"},
                                         Beside{"in_the_build_tree", "tree/arch/arm64/boot/Image", "tree/.config"}),
                         [](const auto& row) { return row.param.name; });

TEST(UserKernel, TellsWhatItIs) {
  const TestFolder folder;
  const auto file = folder.file("Image", as_text(arm64_kernel()));
  const auto kernel = user_kernel(file, nullptr);
  ASSERT_TRUE(kernel.has_value()) << kernel.error().str();
  EXPECT_EQ(kernel->name, "Image");
  EXPECT_EQ(kernel->target, "arm64");
  EXPECT_EQ(kernel->origin, "file " + file.string());
  EXPECT_EQ(kernel->unwrapped, kernel->file);
  EXPECT_EQ(kernel->sha256, sha256(arm64_kernel()));
  EXPECT_EQ(kernel->release, samples::release);
}

TEST(UserKernel, AnotherConfigInTheFolderIsNotTaken) {
  const TestFolder folder;
  const auto file = folder.file("vmlinuz-6.1.0-9", as_text(arm64_kernel()));
  folder.file("config-6.1.0-8", "CONFIG_OTHER=y\n");
  const auto kernel = user_kernel(file, nullptr);
  ASSERT_TRUE(kernel.has_value());
  EXPECT_FALSE(kernel->config.contains("CONFIG_OTHER"));
}

TEST(UserKernel, ForAnotherTargetIsWrongArch) {
  const TestFolder folder;
  const auto kernel = user_kernel(folder.file("Image", as_text(arm64_kernel())), find_target("x86_64"));
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().code, Errc::wrong_arch);
  EXPECT_THAT(kernel.error().str(), testing::AllOf(HasSubstr("arm64"), HasSubstr("x86_64")));
}

TEST(UserKernel, AWrappedOneIsKeptUnwrappedInTheCache) {
  const TestFolder folder;
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  const auto file = folder.file("Image.gz", as_text(samples::gzip(arm64_kernel())));
  const auto kernel = user_kernel(file, find_target("arm64"));
  ASSERT_TRUE(kernel.has_value()) << kernel.error().str();
  EXPECT_EQ(kernel->file, file);
  EXPECT_NE(kernel->unwrapped, file);
  EXPECT_TRUE(read_file(kernel->unwrapped).value() == arm64_kernel());
}

TEST(UserKernel, AMissingFileAndAFileThatIsNoKernelAreTold) {
  const TestFolder folder;
  EXPECT_EQ(user_kernel(folder.path() / "none", nullptr).error().code, Errc::not_found);
  EXPECT_EQ(user_kernel(folder.file("text", "#!/bin/sh\n"), nullptr).error().code, Errc::unsupported);
}

/// apt's programs replaced by scripts that hand out packages; the first is the one that the meta package stands for.
class FakeArchive {
 public:
  struct Part {
    std::string name;
    Bytes deb;
    std::string depends = {};
  };
  explicit FakeArchive(const Bytes& deb) : FakeArchive(std::vector{Part{"linux-image-6.1.0-9", deb}}) {}
  explicit FakeArchive(const std::vector<Part>& parts) : cache_("XDG_CACHE_HOME", (folder_.path() / "cache").c_str()) {
    std::string records, downloads;
    for (const auto& part : parts) {
      folder_.file(part.name + ".deb", as_text(part.deb));
      records += "*' " + part.name + "') cat <<'END'\nPackage: " + part.name + "\nVersion: " + version_ +
                 "\nDepends: " + part.depends + "\nSHA256: " + sha256(part.deb) + "\nEND\n;;\n";
      downloads += "*\"download " + part.name + "=\"*) cp " + (folder_.path() / (part.name + ".deb")).string() + " " +
                   part.name + "_x_arm64.deb;;\n";
    }
    const std::string meta = "Package: linux-image-cloud-arm64\nVersion: " + version_ +
                             "\nDepends: " + parts.front().name + "\nSHA256: " + std::string(64, '0') + "\n";
    program("apt-cache", "case \"$*\" in *cloud*) cat <<'END'\n" + meta + "END\n;;\n" + records + "esac");
    program("apt-get",
            "echo \"$*\" >> " + (folder_.path() / "calls").string() + "\ncase \"$*\" in\n" + downloads + "esac");
  }
  Result<Kernel> get() {
    return get_kernel(*find_target("arm64"), "debian-6.1",
                      [this](std::string_view what, double) { told += std::string(what) + "\n"; });
  }
  [[nodiscard]] long calls() const {
    const std::string text = read_text(folder_.path() / "calls").value_or("");
    return std::count(text.begin(), text.end(), '\n');
  }
  [[nodiscard]] const TestFolder& folder() const { return folder_; }
  std::string told;

 private:
  void program(const std::string& name, const std::string& body) const {
    fs::permissions(folder_.file("bin/" + name, "#!/bin/sh\n" + body + "\n"), fs::perms::owner_all);
  }
  std::string version_ = "6.1.192-2";
  TestFolder folder_;
  Variable cache_;
  Variable path_{"PATH", ((folder_.path() / "bin").string() + ":/usr/bin:/bin").c_str()};
};

Bytes kernel_deb() {
  return make_deb(
      {{"./boot/vmlinuz-6.1.0-9", std::string(as_text(arm64_kernel()))}, {"./boot/config-6.1.0-9", "CONFIG_KEXEC=y\n"}},
      "xz");
}

TEST(GetKernel, TakesItOutOfThePackageOnceAndThenOutOfTheCache) {
  FakeArchive archive(kernel_deb());
  const auto kernel = archive.get();
  ASSERT_TRUE(kernel.has_value()) << kernel.error().str();
  EXPECT_EQ(kernel->origin, "Debian package linux-image-6.1.0-9 6.1.192-2");
  EXPECT_EQ(kernel->config.at("CONFIG_KEXEC"), "y");
  EXPECT_TRUE(read_file(kernel->file).value() == arm64_kernel());
  const long calls = archive.calls();
  EXPECT_EQ(calls, 2);  // update, download
  ASSERT_TRUE(archive.get().has_value());
  EXPECT_EQ(archive.calls(), calls);
}

TEST(GetKernel, PutsASplitPackageTogether) {
  const std::string below = "./usr/lib/modules/6.1.0-9/";
  FakeArchive archive(std::vector<FakeArchive::Part>{
      {"linux-image-6.1.0-9", make_deb({{"./usr/share/doc/x", "x"}}, "zstd"),
       "linux-base-6.1.0-9, linux-binary-6.1.0-9, linux-modules-6.1.0-9"},
      {"linux-base-6.1.0-9",
       make_deb({{below + "config", "CONFIG_KEXEC=y\n"}, {below + "build/config", "no"}, {below + "vmlinux.d/x", "no"}},
                "zstd")},
      {"linux-binary-6.1.0-9", make_deb({{below + "vmlinuz", std::string(as_text(arm64_kernel()))}}, "zstd")}});
  const auto kernel = archive.get();
  ASSERT_TRUE(kernel.has_value()) << kernel.error().str();
  EXPECT_EQ(kernel->origin, "Debian package linux-image-6.1.0-9 6.1.192-2");
  EXPECT_EQ(kernel->file.filename(), "vmlinuz-6.1.0-9");
  EXPECT_EQ(kernel->config_from, "config-6.1.0-9");
  EXPECT_EQ(kernel->config.at("CONFIG_KEXEC"), "y");
  EXPECT_EQ(archive.calls(), 4);  // update, three downloads; modules are not wanted
}

TEST(GetKernel, ADamagedCacheIsToldAndFetchedAgain) {
  FakeArchive archive(kernel_deb());
  const auto first = archive.get();
  ASSERT_TRUE(first.has_value());
  fs::resize_file(first->file, 100);
  const auto again = archive.get();
  ASSERT_TRUE(again.has_value()) << again.error().str();
  EXPECT_THAT(archive.told, HasSubstr("is damaged (vmlinuz-6.1.0-9 has changed)"));
  EXPECT_EQ(again->sha256, first->sha256);
}

TEST(GetKernel, AForgottenOneIsFetchedAgain) {
  FakeArchive archive(kernel_deb());
  ASSERT_TRUE(archive.get().has_value());
  ASSERT_TRUE(forget_kernel(*find_target("arm64"), "debian-6.1").has_value());
  const long calls = archive.calls();
  ASSERT_TRUE(archive.get().has_value());
  EXPECT_GT(archive.calls(), calls);
}

TEST(GetKernel, APackageWithoutAKernelIsTold) {
  FakeArchive archive(make_deb({{"./usr/share/doc/x", "x"}}, "xz"));
  const auto kernel = archive.get();
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().code, Errc::not_found);
  EXPECT_THAT(kernel.error().str(), HasSubstr("no vmlinu*"));
}

TEST(GetKernel, AKernelForAnotherArchitectureIsRefusedAndNotCached) {
  FakeArchive archive(make_deb({{"./boot/vmlinuz-6.1.0-9", std::string(as_text(samples::bzimage()))}}, "xz"));
  const auto kernel = archive.get();
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().code, Errc::wrong_arch);
  EXPECT_FALSE(kernel_store()->has(package_key(*find_row("arm64", "debian-6.1"))));
}

TEST(GetKernel, AnUnknownNameIsToldWithTheNearest) {
  const auto kernel = get_kernel(*find_target("arm64"), "debian-61", {});
  ASSERT_FALSE(kernel.has_value());
  EXPECT_EQ(kernel.error().code, Errc::not_found);
  EXPECT_THAT(kernel.error().str(), HasSubstr("debian-6.1"));
}

class FirstKernel : public testing::Test {
 protected:
  Result<Kernel> get(const std::vector<std::string>& names) {
    return first_kernel(
        names,
        [this](const std::string& name) -> Result<Kernel> {
          asked_ += name + " ";
          if (name == "gone") return fail(Errc::io, "download gone", "404  Not Found");
          if (name == "full") return fail(Errc::no_space, "unpack full", "the disk is full");
          return Kernel{.name = name};
        },
        [this](const std::string& name, const Error& why) { passed_over_ += name + ": " + why.broke; });
  }
  std::string asked_, passed_over_;
};

TEST_F(FirstKernel, IsTheFirstChoiceWhereItCanBeHad) {
  const auto kernel = get({"new", "newer"});
  ASSERT_TRUE(kernel.has_value());
  EXPECT_EQ(kernel->name, "new");
  EXPECT_EQ(asked_, "new ");
}

TEST_F(FirstKernel, IsTheNextOneWhereTheMirrorDoesNotHaveIt) {
  const auto kernel = get({"gone", "newer"});
  ASSERT_TRUE(kernel.has_value());
  EXPECT_EQ(kernel->name, "newer");
  EXPECT_EQ(passed_over_, "gone: 404  Not Found");
}

TEST_F(FirstKernel, IsAnErrorWhereNoneIsLeftOrAnotherWouldNotHelp) {
  EXPECT_EQ(get({"gone", "gone"}).error().code, Errc::io);
  EXPECT_EQ(get({"full", "newer"}).error().code, Errc::no_space);
  EXPECT_EQ(get({}).error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace kexlab::images
