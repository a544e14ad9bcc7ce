// SPDX-License-Identifier: Apache-2.0
// Programs of another suite: what is fetched and kept of them, and that they run from where they were unpacked.
#include "harness/images/programs.h"

#include <gmock/gmock.h>

#include "harness/images/file.h"
#include "harness/images/process.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// This machine's own echo with its C library, as a package would lay them out: a folder that stands for a suite's.
class Unpacked {
 public:
  Unpacked() {
    put("/bin/echo", root() / "usr/bin/t-echo-14");
    fs::create_symlink("t-echo-14", root() / "usr/bin/t-echo");
    fs::create_directories(root() / "usr/t/bin");
    fs::create_symlink("../../bin/t-echo-14", root() / "usr/t/bin/echo");
    for (const fs::path folder : {"/lib64", "/lib", "/usr/lib"}) {
      std::error_code none;
      for (const auto& file : fs::directory_iterator(folder, none)) {
        if (file.path().filename().string().starts_with("ld-linux"))
          put(file.path(), root() / "usr" / folder.filename() / file.path().filename());
      }
    }
    std::error_code none;
    for (const auto& folder : fs::directory_iterator("/usr/lib", none)) {
      if (fs::exists(folder.path() / "libc.so.6", none))
        put(folder.path() / "libc.so.6", root() / "usr/lib/here/libc.so.6");
    }
    folder_.file("root/usr/share/t/data.txt", "no program");
  }
  [[nodiscard]] fs::path root() const { return folder_.path() / "root"; }
  [[nodiscard]] fs::path folder() const { return folder_.path(); }

 private:
  static void put(const fs::path& from, const fs::path& to) {
    fs::create_directories(to.parent_path());
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  }
  TestFolder folder_;
};

std::string output_of(const fs::path& program) {
  const auto done = run(Command{{program.string(), "a b", "*"}, {}, {}, std::chrono::seconds{20}, 0, {}, {}});
  return done ? done->out + done->last_words() : done.error().str();
}

TEST(WrapPrograms, EachRunsByTheLibrariesBesideIt) {
  const Unpacked unpacked;
  const auto wrapped = wrap_programs(unpacked.root(), {});
  ASSERT_TRUE(wrapped.has_value()) << wrapped.error().str();
  // A moved folder shows that nothing of it is named by an absolute path.
  fs::rename(unpacked.root(), unpacked.folder() / "with a blank");
  const fs::path root = unpacked.folder() / "with a blank";
  for (const char* name : {"usr/bin/t-echo-14", "usr/bin/t-echo", "usr/t/bin/echo"}) {
    EXPECT_THAT(output_of(root / name), StartsWith("a b *\n")) << name;
    EXPECT_FALSE(fs::is_symlink(root / name)) << name;
    EXPECT_THAT(read_text(root / name).value(), HasSubstr("/lib/here\"")) << name;
  }
  EXPECT_TRUE(fs::is_regular_file(root / "usr/bin/.real/t-echo-14"));
  EXPECT_TRUE(fs::is_regular_file(root / "usr/lib/here/libc.so.6")) << "no program, whatever its header says";
  EXPECT_EQ(read_text(root / "usr/share/t/data.txt").value(), "no program");
}

TEST(WrapPrograms, ArgumentsGoBeforeTheUsersOwn) {
  const Unpacked unpacked;
  ASSERT_TRUE(wrap_programs(unpacked.root(), {"-L", "{root}/usr/share"}).has_value());
  const fs::path program = unpacked.root() / "usr/bin/t-echo";
  EXPECT_EQ(output_of(program).substr(0, 3), "-L ");
  EXPECT_THAT(output_of(program), HasSubstr("usr/bin/../share a b *\n"));
}

TEST(WrapPrograms, WithoutACLibraryItIsTold) {
  const Unpacked unpacked;
  fs::remove(unpacked.root() / "usr/lib/here/libc.so.6");
  const auto wrapped = wrap_programs(unpacked.root(), {});
  ASSERT_FALSE(wrapped.has_value());
  EXPECT_EQ(wrapped.error().code, Errc::not_found);
  EXPECT_THAT(wrapped.error().broke, HasSubstr("libc.so.6"));
}

Target target_of_suites() {
  Target target;
  target.name = "t";
  target.triplet = "sh4_x-linux-gnu";
  target.qemu = "qemu-system-t", target.qemu_package = "qemu-system-misc", target.qemu_suite = "trixie";
  target.firmware_package = "qemu-efi-t";
  target.compiler_suite = "forky";
  return target;
}

TEST(ProgramSet, OfATarget) {
  const ProgramSet emulator = emulator_set(target_of_suites());
  EXPECT_THAT(emulator.packages, ElementsAre("qemu-system-misc", "qemu-efi-t"));
  EXPECT_THAT(emulator.key(), HasSubstr("-trixie-qemu-system-misc"));
  EXPECT_EQ(emulator.prefix, "qemu-system-t");
  const ProgramSet compiler = compiler_set(target_of_suites());
  EXPECT_THAT(compiler.packages, ElementsAre("g++-sh4-x-linux-gnu"));
  EXPECT_THAT(compiler.key(), HasSubstr("-forky-g++-sh4-x-linux-gnu"));
  EXPECT_EQ(compiler.prefix, "sh4_x-linux-gnu-");
}

TEST(Emulator, IsTheInstalledOneWhereTheRowNamesNoSuite) {
  const TestFolder folder;
  const Variable path("PATH", folder.path().c_str());
  Target target = target_of_suites();
  target.qemu_suite.clear();
  const auto missing = emulator(target, {});
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().hint, HasSubstr("qemu-system-misc"));
  const auto file = folder.file("qemu-system-t", "#!/bin/sh\n");
  fs::permissions(file, fs::perms::owner_all);
  EXPECT_EQ(emulator(target, {}).value(), file);
}

TEST(Toolchain, OfTheMachinesOwnReleaseIsNotFetched) {
  Target target = target_of_suites();
  target.compiler_suite.clear();
  const auto refused = toolchain(target, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_THAT(refused.error().hint, HasSubstr("g++-sh4-x-linux-gnu"));
}

}  // namespace
}  // namespace kexlab::images
