// SPDX-License-Identifier: Apache-2.0
// Building kernels: what is checked of a configuration and of the tools, and the steps on a source tree of a few lines.
#include "harness/images/build.h"

#include <gmock/gmock.h>

#include "harness/images/file.h"
#include "harness/images/process.h"
#include "harness/images/programs.h"
#include "harness/images/store.h"
#include "harness/images/test_archive.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Dropped {
  const char* name;
  std::vector<NamedText> fragments;
  const char* config;
  std::vector<std::string> dropped;
};

class DroppedOptions : public testing::TestWithParam<Dropped> {};
TEST_P(DroppedOptions, AreFoundAndTheirFragmentNamed) {
  EXPECT_EQ(dropped_options(GetParam().fragments, GetParam().config), GetParam().dropped);
}
INSTANTIATE_TEST_SUITE_P(
    Table, DroppedOptions,
    testing::Values(
        Dropped{"kept",
                {{"f", "# comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_S=\"x=y\"\n"}},
                "CONFIG_A=y\nCONFIG_S=\"x=y\"\n",
                {}},
        Dropped{"gone",
                {{"f", "CONFIG_A=y\n"}},
                "# CONFIG_A is not set\n",
                {"CONFIG_A: f asks for y, the configuration has n"}},
        Dropped{"absent", {{"f", "CONFIG_A=8\n"}}, "CONFIG_B=y\n", {"CONFIG_A: f asks for 8, the configuration has n"}},
        Dropped{"forced_on",
                {{"f", "# CONFIG_A is not set\n"}},
                "CONFIG_A=y\n",
                {"CONFIG_A: f asks for n, the configuration has y"}},
        Dropped{
            "as_module", {{"f", "CONFIG_A=y\n"}}, "CONFIG_A=m\n", {"CONFIG_A: f asks for y, the configuration has m"}},
        Dropped{"later_wins", {{"f", "CONFIG_A=y\n"}, {"g", "CONFIG_A=4\n"}}, "CONFIG_A=4\n", {}},
        Dropped{"later_is_named",
                {{"f", "CONFIG_A=4\n"}, {"g", "CONFIG_A=y\n"}},
                "CONFIG_A=4\n",
                {"CONFIG_A: g asks for y, the configuration has 4"}},
        Dropped{"no_prefix_match",
                {{"f", "CONFIG_A=y\n"}},
                "CONFIG_AB=y\n",
                {"CONFIG_A: f asks for y, the configuration has n"}}),
    [](const auto& row) { return row.param.name; });

TEST(CompilerPackage, IsNamedAsDebianNamesIt) {
  EXPECT_EQ(compiler_package("sh4-linux-gnu", "gcc"), "gcc-sh4-linux-gnu");
  EXPECT_EQ(compiler_package("mips64el_x-linux-gnu", "g++"), "g++-mips64el-x-linux-gnu");
}

TEST(FindCompiler, OneThatIsMissingIsNamedWithItsPackage) {
  Target target;
  target.triplet = "pdp11-linux-gnu";
  const auto checked = find_compiler(target, {});
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, Errc::not_found);
  EXPECT_THAT(checked.error().str(),
              testing::AllOf(HasSubstr("pdp11-linux-gnu-gcc"), HasSubstr("package gcc-pdp11-linux-gnu")));
}

TEST(FindCompiler, OneOfAnotherSuiteIsTakenFromWhereItWasUnpacked) {
  const TestFolder cache;
  const Variable home("XDG_CACHE_HOME", cache.path().c_str());
  Target target;
  target.triplet = "t-linux-gnu";
  target.compiler_suite = "next";
  Store store(cache.path() / "kexlab" / "programs");
  const auto folder = store.get(
      compiler_set(target).key(),
      [](const std::filesystem::path& into) { return write_file(into / "gcc", as_bytes("#!/bin/sh\n")); }, {});
  ASSERT_TRUE(folder.has_value()) << folder.error().str();
  const auto found = find_compiler(target, {});
  ASSERT_TRUE(found.has_value()) << found.error().str();
  EXPECT_EQ(*found, (*folder / "usr" / "bin" / "t-linux-gnu-").string());
}

TEST(CheckBuildTools, AMissingToolIsNamedWithItsPackage) {
  const TestFolder folder;
  for (const char* name : {"make", "flex", "bc", "gcc"}) {
    std::filesystem::permissions(folder.file(name, "#!/bin/sh\n"), std::filesystem::perms::owner_all);
  }
  const Variable path("PATH", folder.path().c_str());
  EXPECT_THAT(check_build_tools({}).error().str(), HasSubstr("package bison"));
}

/// A source tree whose make does what the kernel's does, as far as the steps can tell.
constexpr const char* makefile = R"make(
allnoconfig:
	@echo '#' > .config
	@grep -v UNKNOWN $(KCONFIG_ALLCONFIG) >> .config
Image:
	@echo "  CC      init/main.o"
	@grep -q broken source && { echo "source:1: error: broken"; exit 1; } || true
	@mkdir -p arch/x/boot include/config
	@cp source arch/x/boot/Image
	@echo 6.1.0-test > include/config/kernel.release
	@echo "$(ARCH) $(CROSS_COMPILE) $(KBUILD_BUILD_USER) $(KBUILD_BUILD_TIMESTAMP)" > System.map
)make";

struct Trial {
  explicit Trial(std::string source = "good\n") {
    recipe.cross = "t-linux-gnu-";
    recipe.kernel_arch = "x";
    recipe.image = "arch/x/boot/Image";
    recipe.fragments = {{"f.config", "CONFIG_KEXEC=y\n"}};
    recipe.tarball = folder.file(
        "linux.tar.gz", as_text(make_tar({{"linux/Makefile", makefile}, {"linux/source", std::move(source)}}, "gzip")));
    std::filesystem::create_directory(tree);
  }
  Result<BuiltFiles> build() {
    return build_in(tree, recipe, folder.path() / "log",
                    [this](std::string_view what, double part) { told.emplace_back(what, part); });
  }
  TestFolder folder;
  std::filesystem::path tree = folder.path() / "tree";
  Recipe recipe;
  std::vector<std::pair<std::string, double>> told;
};

TEST(BuildIn, UnpacksConfiguresAndMakes) {
  Trial trial;
  const auto built = trial.build();
  ASSERT_TRUE(built.has_value()) << built.error().str();
  EXPECT_EQ(built->release, "6.1.0-test");
  EXPECT_EQ(read_text(built->image).value(), "good\n");
  EXPECT_THAT(read_text(built->config).value(), HasSubstr("CONFIG_KEXEC=y"));
  EXPECT_EQ(read_text(built->symbols).value(), "x t-linux-gnu- kexlab 1970-01-01\n");
  EXPECT_THAT(read_text(trial.folder.path() / "log").value(), HasSubstr("CC      init/main.o"));
  EXPECT_THAT(trial.told, testing::Contains(testing::Pair("building Image", testing::Gt(0))));
}

TEST(BuildIn, APatchIsApplied) {
  Trial trial;
  trial.recipe.patches = {{"better.patch", "--- a/source\n+++ b/source\n@@ -1 +1 @@\n-good\n+better\n"}};
  const auto built = trial.build();
  ASSERT_TRUE(built.has_value()) << built.error().str();
  EXPECT_EQ(read_text(built->image).value(), "better\n");
}

TEST(BuildIn, APatchThatDoesNotFitIsNamed) {
  Trial trial;
  trial.recipe.patches = {{"worse.patch", "--- a/source\n+++ b/source\n@@ -1 +1 @@\n-other\n+worse\n"}};
  const auto built = trial.build();
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Errc::invalid_argument);
  EXPECT_THAT(built.error().str(), testing::AllOf(HasSubstr("worse.patch"), HasSubstr("FAILED")));
}

TEST(BuildIn, AnOptionThatTheConfigurationDropsIsNamedBeforeAnythingIsCompiled) {
  Trial trial;
  trial.recipe.fragments.push_back({"g.config", "CONFIG_UNKNOWN=y\n"});
  const auto built = trial.build();
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Errc::invalid_argument);
  EXPECT_THAT(built.error().str(), HasSubstr("CONFIG_UNKNOWN: g.config asks for y, the configuration has n"));
  EXPECT_FALSE(std::filesystem::exists(trial.tree / "arch/x/boot/Image"));
}

TEST(BuildIn, AFailureCarriesTheLastLinesAndTheLog) {
  Trial trial("broken\n");
  const auto built = trial.build();
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Errc::io);
  EXPECT_THAT(built.error().str(),
              testing::AllOf(HasSubstr("source:1: error: broken"), HasSubstr((trial.folder.path() / "log").string())));
}

TEST(BuildIn, WhatTheUsersEnvironmentSaysDoesNotReachTheKernel) {
  const Variable user("KBUILD_BUILD_USER", "somebody");
  const Variable flags("MAKEFLAGS", "-n");
  Trial trial;
  const auto built = trial.build();
  ASSERT_TRUE(built.has_value()) << built.error().str();
  EXPECT_THAT(read_text(built->symbols).value(), HasSubstr(" kexlab "));
}

TEST(BuildKernel, ARowWithoutSourceIsRefused) {
  const auto built = build_kernel(*find_target("arm64"), *find_row("arm64", "debian-6.1"), {}, {});
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Errc::invalid_argument);
}

TEST(BuildKernel, APatchThatIsNotThereIsNamed) {
  const auto built = build_kernel(*find_target("x86_64"), *find_row("x86_64", "small-6.1"), {"/nonexistent.patch"}, {});
  ASSERT_FALSE(built.has_value());
  EXPECT_EQ(built.error().code, Errc::not_found);
  EXPECT_THAT(built.error().str(), HasSubstr("/nonexistent.patch"));
}

}  // namespace
}  // namespace kexlab::images
