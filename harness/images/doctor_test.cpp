// SPDX-License-Identifier: Apache-2.0
// The doctor names what is missing and the package that brings it.
#include "harness/images/doctor.h"

#include <gmock/gmock.h>

#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

using testing::HasSubstr;

const Check& named(const std::vector<Check>& checks, const std::string& name) {
  for (const auto& check : checks) {
    if (check.name == name) return check;
  }
  ADD_FAILURE() << "no check " << name;
  static const Check none;
  return none;
}

TEST(Doctor, OnABareMachineNamesEachPackage) {
  const TestFolder folder;
  const Variable path("PATH", folder.path().c_str());
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  Target target;
  target.name = "sh4";
  target.triplet = "sh4-linux-gnu";
  target.qemu = "qemu-system-sh4";
  target.qemu_package = "qemu-system-misc";
  target.debian_arch = "sh4";
  const auto checks = run_checks({target});
  const Check& emulator = named(checks, "QEMU for sh4");
  EXPECT_EQ(emulator.state, Check::State::bad);
  EXPECT_THAT(emulator.hint, HasSubstr("qemu-system-misc"));
  const Check& compiler = named(checks, "compiler for sh4");
  EXPECT_EQ(compiler.state, Check::State::bad);
  EXPECT_THAT(compiler.hint, HasSubstr("g++-sh4-linux-gnu"));
  EXPECT_EQ(named(checks, "packages for sh4").state, Check::State::warn);
  EXPECT_THAT(named(checks, "kernel builds").hint, HasSubstr("gcc-sh4-linux-gnu"));
  EXPECT_THAT(named(checks, "cache folder").found, HasSubstr(folder.path().string()));
}

TEST(Doctor, AVersionIsShownAndAProgramThatFailsIsNot) {
  const TestFolder folder;
  const auto good = folder.file("qemu-good", "#!/bin/sh\necho 'QEMU emulator version 7.2.22 (Debian)'\necho more\n");
  const auto bad = folder.file("qemu-bad", "#!/bin/sh\necho 'cannot load library' >&2\nexit 1\n");
  std::filesystem::permissions(good, std::filesystem::perms::owner_all);
  std::filesystem::permissions(bad, std::filesystem::perms::owner_all);
  const Variable path("PATH", (folder.path().string() + ":/usr/bin:/bin").c_str());
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  Target works, fails;
  works.name = "works", works.qemu = "qemu-good";
  fails.name = "fails", fails.qemu = "qemu-bad", fails.qemu_package = "qemu-x";
  const auto checks = run_checks({works, fails});
  EXPECT_EQ(named(checks, "QEMU for works").state, Check::State::ok);
  EXPECT_EQ(named(checks, "QEMU for works").found, "QEMU emulator version 7.2.22 (Debian)");
  EXPECT_EQ(named(checks, "QEMU for fails").state, Check::State::bad);
  EXPECT_THAT(named(checks, "QEMU for fails").found, HasSubstr("cannot load library"));
}

TEST(Doctor, FirmwareIsLookedForWhereQemuLooks) {
  const TestFolder folder;
  const std::string share = folder.path().string() + "/share/qemu";
  std::filesystem::create_directories(share);
  folder.file("share/there.fd", "firmware");
  const auto qemu = folder.file("qemu-f", "#!/bin/sh\necho /nowhere/at/all\necho " + share + "\n");
  std::filesystem::permissions(qemu, std::filesystem::perms::owner_all);
  const Variable path("PATH", (folder.path().string() + ":/usr/bin:/bin").c_str());
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  Target target;
  target.name = "t", target.qemu = "qemu-f";
  target.firmware = {{"uefi", "ovmf", "../there.fd"}, {"other", "other-fd", "../not-there.fd"}};
  const auto checks = run_checks({target});
  EXPECT_EQ(named(checks, "uefi for t").state, Check::State::ok);
  EXPECT_EQ(named(checks, "other for t").state, Check::State::warn);
  EXPECT_THAT(named(checks, "other for t").hint, HasSubstr("other-fd"));
}

TEST(Doctor, ProgramsOfAnotherSuiteAreLookedForInTheCache) {
  const TestFolder folder;
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  Target target;
  target.name = "t", target.triplet = "t-linux-gnu";
  target.qemu = "qemu-system-t", target.qemu_package = "qemu-system-misc";
  target.qemu_suite = target.compiler_suite = "trixie";
  const auto checks = run_checks({target});
  EXPECT_EQ(named(checks, "QEMU for t").state, Check::State::warn);
  EXPECT_THAT(named(checks, "QEMU for t").hint, HasSubstr("images --get --target t"));
  EXPECT_EQ(named(checks, "compiler for t").state, Check::State::warn);
  EXPECT_THAT(named(checks, "compiler for t").hint, HasSubstr("images --toolchain t"));
}

TEST(Doctor, ACacheFolderThatCannotBeMadeIsBad) {
  const TestFolder folder;
  folder.file("kexlab", "a file where the folder should be");
  const Variable cache("XDG_CACHE_HOME", folder.path().c_str());
  const auto checks = run_checks({});
  EXPECT_EQ(named(checks, "cache folder").state, Check::State::bad);
  EXPECT_THAT(named(checks, "cache folder").hint, HasSubstr("XDG_CACHE_HOME"));
}

}  // namespace
}  // namespace kexlab::images
