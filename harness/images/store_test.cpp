// SPDX-License-Identifier: Apache-2.0
// The store: verified on use, made once, never half; and a cache folder that cannot be used is told.
#include "harness/images/store.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "harness/images/digest.h"
#include "harness/images/file.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

Status write_kernel(const fs::path& folder) {
  if (auto made = make_folder(folder / "modules"); !made) return made;
  if (auto written = write_file(folder / "modules" / "a.ko", as_bytes("module")); !written) return written;
  return write_file(folder / "vmlinuz", as_bytes("the kernel"));
}

/// A store that counts how often its entry was made and keeps what it told.
struct Counted {
  explicit Counted(const fs::path& root) : store(root) {}
  Result<fs::path> get() {
    return store.get(
        "arm64/k", [this](const fs::path& folder) { return ++made, write_kernel(folder); },
        [this](std::string_view what, double) { told += std::string(what) + "\n"; });
  }
  Store store;
  int made = 0;
  std::string told;
};

TEST(Digest, IsThePublishedOne) {
  // FIPS 180-2, appendix B.1 and B.2.
  EXPECT_EQ(sha256(as_bytes("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  const TestFolder folder;
  const std::string big(1'000'000, 'a');  // appendix B.3
  EXPECT_EQ(sha256_file(folder.file("a", big)).value(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, FieldsDoNotRunIntoEachOther) {
  EXPECT_NE(Sha256().field("ab").field("c").hex(), Sha256().field("a").field("bc").hex());
}

TEST(Store, MakesAnEntryOnceAndFindsItThen) {
  const TestFolder folder;
  Counted counted(folder.path());
  const auto first = counted.get();
  ASSERT_TRUE(first.has_value()) << first.error().str();
  EXPECT_EQ(counted.get().value(), *first);
  EXPECT_EQ(counted.made, 1);
  EXPECT_EQ(read_text(*first / "vmlinuz").value(), "the kernel");
  EXPECT_THAT(counted.told, IsEmpty());
}

struct Damage {
  const char* name;
  void (*act)(const fs::path& entry);
  const char* says;
};
void overwrite(const fs::path& file, std::string_view text) { std::ofstream(file) << text; }

class DamagedEntry : public testing::TestWithParam<Damage> {};
TEST_P(DamagedEntry, IsToldAndMadeAgain) {
  const TestFolder folder;
  Counted counted(folder.path());
  const auto entry = counted.get().value();
  GetParam().act(entry);
  EXPECT_THAT(damage(entry), HasSubstr(GetParam().says));
  EXPECT_EQ(counted.get().value(), entry);
  EXPECT_EQ(counted.made, 2);
  EXPECT_THAT(counted.told, HasSubstr("is damaged"));
  EXPECT_THAT(counted.told, HasSubstr(GetParam().says));
  EXPECT_THAT(damage(entry), IsEmpty());
  EXPECT_EQ(read_text(entry / "vmlinuz").value(), "the kernel");
}
INSTANTIATE_TEST_SUITE_P(
    Table, DamagedEntry,
    testing::Values(Damage{"changed_byte", [](const fs::path& entry) { overwrite(entry / "vmlinuz", "thE kernel"); },
                           "vmlinuz has changed"},
                    Damage{"cut_short", [](const fs::path& entry) { fs::resize_file(entry / "vmlinuz", 4); },
                           "vmlinuz has changed"},
                    Damage{"file_gone", [](const fs::path& entry) { fs::remove(entry / "modules/a.ko"); },
                           "modules/a.ko is missing"},
                    Damage{"file_more", [](const fs::path& entry) { overwrite(entry / "x", "x"); },
                           "x does not belong there"},
                    Damage{"sums_gone", [](const fs::path& entry) { fs::remove(entry / "SHA256SUMS"); }, "SHA256SUMS"},
                    Damage{"sums_garbage", [](const fs::path& entry) { overwrite(entry / "SHA256SUMS", "garbage\n"); },
                           "SHA256SUMS"},
                    Damage{"sums_emptied", [](const fs::path& entry) { overwrite(entry / "SHA256SUMS", ""); },
                           "does not belong there"}),
    [](const auto& row) { return row.param.name; });

TEST(Store, AMakerThatFailsLeavesNothing) {
  const TestFolder folder;
  Store store(folder.path());
  const auto broken = store.get("k",
                                [](const fs::path& into) -> Status {
                                  if (auto written = write_kernel(into); !written) return written;
                                  return fail(Errc::io, "fetch", "the network went away");
                                },
                                {});
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().broke, "the network went away");
  EXPECT_FALSE(store.has("k"));
  for (const auto& left : fs::directory_iterator(folder.path())) EXPECT_EQ(left.path().filename(), "k.lock");
}

TEST(Store, WhatAKilledProcessLeftIsRemovedByTheNext) {
  const TestFolder folder;
  folder.file("arm64/k.tmp-Ab12Cd/vmlinuz", "half a ker");
  folder.file("arm64/k2.tmp-Ab12Cd/vmlinuz", "another entry's");
  Counted counted(folder.path());
  ASSERT_TRUE(counted.get().has_value());
  EXPECT_FALSE(fs::exists(folder.path() / "arm64/k.tmp-Ab12Cd"));
  EXPECT_TRUE(fs::exists(folder.path() / "arm64/k2.tmp-Ab12Cd"));
}

TEST(Store, AForgottenEntryIsMadeAgain) {
  const TestFolder folder;
  Counted counted(folder.path());
  ASSERT_TRUE(counted.get().has_value());
  ASSERT_TRUE(counted.store.forget("arm64/k").has_value());
  EXPECT_FALSE(counted.store.has("arm64/k"));
  ASSERT_TRUE(counted.get().has_value());
  EXPECT_EQ(counted.made, 2);
  EXPECT_TRUE(counted.store.forget("never-made").has_value());
}

/// Runs `work` in a child process and gives its exit code.
template <class Work>
int in_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

TEST(Store, TwoProcessesAtOnceMakeAnEntryOnce) {
  const TestFolder folder;
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const auto work = [&] {
    // Each maker leaves a byte in the pipe.
    const auto got = Store(folder.path())
                         .get("k",
                              [&](const fs::path& into) {
                                return static_cast<void>(!::write(pipe_ends[1], "m", 1)), write_kernel(into);
                              },
                              {});
    return got && damage(*got).empty() ? 0 : 1;
  };
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  ::close(pipe_ends[1]);
  char buffer[8];
  EXPECT_EQ(::read(pipe_ends[0], buffer, sizeof buffer), 1);
  ::close(pipe_ends[0]);
}

TEST(FileLock, HoldsOthersOffUntilItsHolderIsGone) {
  const TestFolder folder;
  const fs::path file = folder.path() / "lock";
  bool held = false;
  {
    const auto mine = FileLock::take(file);
    ASSERT_TRUE(mine.has_value());
    EXPECT_FALSE(FileLock::try_take(file, held).has_value());
    EXPECT_TRUE(held);
  }
  EXPECT_TRUE(FileLock::try_take(file, held).has_value());
  EXPECT_FALSE(held);
}

/// A file system that is full, as far as a process can have one without root: no file may grow over 1000 bytes.
void allow_only_small_files() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, 1000};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(FullDisk, IsToldAsNoSpaceAndLeavesNoEntry) {
  const TestFolder folder;
  EXPECT_EQ(in_child([&] {
              allow_only_small_files();
              Store store(folder.path());
              const auto got =
                  store.get("k", [](const fs::path& into) { return write_file(into / "big", Bytes(5000)); }, {});
              const bool told = !got && got.error().code == Errc::no_space &&
                                got.error().hint.find("free space") != std::string::npos;
              return told && !store.has("k") ? 0 : 1;
            }),
            0);
}

TEST(CheckSpace, TellsWhatIsFreeAndWhatIsNeeded) {
  const TestFolder folder;
  EXPECT_TRUE(check_space("fetch", folder.path(), 1).has_value());
  const auto status = check_space("fetch", folder.path(), std::uint64_t{1} << 60);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Errc::no_space);
  EXPECT_THAT(status.error().str(), testing::AllOf(HasSubstr(folder.path().string()), HasSubstr("MiB are needed")));
}

TEST(CacheFolder, AFullOneIsNamedWithWhatToDo) {
  const TestFolder folder;
  EXPECT_EQ(in_child([&] {
              allow_only_small_files();
              const auto got = cache_folder_from(folder.path().c_str(), nullptr);
              if (got || got.error().code != Errc::no_space) return 1;
              const std::string text = got.error().str();
              if (text.find((folder.path() / "kexlab").string()) == std::string::npos) return 2;
              return text.find("XDG_CACHE_HOME") == std::string::npos ? 3 : 0;
            }),
            0);
}

TEST(CacheFolder, FollowsTheVariables) {
  const TestFolder folder;
  const std::string xdg = (folder.path() / "xdg").string();
  const std::string home = (folder.path() / "home").string();
  EXPECT_EQ(cache_folder_from(xdg.c_str(), home.c_str()).value(), folder.path() / "xdg/kexlab");
  EXPECT_EQ(cache_folder_from(nullptr, home.c_str()).value(), folder.path() / "home/.cache/kexlab");
  EXPECT_EQ(cache_folder_from("", home.c_str()).value(), folder.path() / "home/.cache/kexlab");
  EXPECT_EQ(cache_folder_from("relative", home.c_str()).value(), folder.path() / "home/.cache/kexlab");
  for (const auto& left : fs::directory_iterator(folder.path() / "xdg/kexlab")) ADD_FAILURE() << left.path();
}

TEST(CacheFolder, WithoutVariablesIsAnErrorThatNamesThem) {
  const auto got = cache_folder_from(nullptr, nullptr);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Errc::not_found);
  EXPECT_THAT(got.error().str(), HasSubstr("XDG_CACHE_HOME"));
}

TEST(CacheFolder, OneThatCannotBeWrittenIsNamed) {
  const TestFolder folder;
  fs::create_directories(folder.path() / "kexlab");
  fs::permissions(folder.path() / "kexlab", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(in_child([&] {
              // Root may write anywhere, so the attempt is made as nobody (65534 in Debian's base-passwd).
              fs::permissions(folder.path(), fs::perms::all);
              if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) return 9;
              const auto got = cache_folder_from(folder.path().c_str(), nullptr);
              if (got || got.error().code != Errc::permission) return 1;
              return got.error().str().find((folder.path() / "kexlab").string()) == std::string::npos ? 2 : 0;
            }),
            0);
}

TEST(CacheFolder, AFileInItsPlaceIsTold) {
  const TestFolder folder;
  folder.file("kexlab", "no folder");
  const auto got = cache_folder_from(folder.path().c_str(), nullptr);
  ASSERT_FALSE(got.has_value());
  EXPECT_THAT(got.error().str(), HasSubstr((folder.path() / "kexlab").string()));
}

}  // namespace
}  // namespace kexlab::images
