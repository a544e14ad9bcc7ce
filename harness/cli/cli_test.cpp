// SPDX-License-Identifier: Apache-2.0
// The program as a user runs it, without a guest: what it says about mistakes, and with which exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/images/process.h"
#include "kexlab/bytes.h"

namespace kexlab::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

struct Ran {
  int code = -1;
  std::string text;  ///< both streams
};

class Cli : public testing::Test {
 protected:
  Cli() {
    std::string name = (fs::temp_directory_path() / "kexlab-cli-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~Cli() override { fs::remove_all(folder_); }

  Ran run(std::vector<std::string> words, const std::string& cache = {}) {
    Ran ran;
    words.insert(words.begin(), KEXLAB_PROGRAM);
    images::Command command{.argv = std::move(words), .folder = folder_};
    command.environment["XDG_CACHE_HOME"] = cache.empty() ? (folder_ / "cache").string() : cache;
    command.on_line = [&](std::string_view line) { ran.text += std::string(line) + "\n"; };
    auto finished = images::run(command);
    EXPECT_TRUE(finished) << finished.error().str();
    if (finished) ran.code = finished->exit_code;
    return ran;
  }
  std::string file(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }

  fs::path folder_;
};

/// A bzImage's boot sector and setup, as Documentation/x86/boot.rst (6.1) lays them out; the kernel behind it is zeros.
std::string bzimage() {
  Bytes bytes(0x10000, std::byte{0});
  auto put = [&](std::size_t at, auto value) { write_int(bytes, at, value, std::endian::little); };
  put(0x1f1, std::uint8_t{3});
  put(0x1f4, std::uint32_t{0xf00});
  put(0x1fe, std::uint16_t{0xaa55});
  put(0x200, std::uint16_t{0x6aeb});
  put(0x202, std::uint32_t{0x53726448});  // "HdrS"
  put(0x206, std::uint16_t{0x020f});
  put(0x211, std::uint8_t{1});
  put(0x236, std::uint16_t{1});  // XLF_KERNEL_64
  put(0x260, std::uint32_t{0x200000});
  return std::string(as_text(bytes));
}

/// An arm64 Image: its header (Documentation/arm64/booting.rst, 6.1) and nothing else.
std::string arm64_image() {
  Bytes bytes(4096, std::byte{0});
  write_int<std::uint64_t>(bytes, 16, 0x200000, std::endian::little);
  write_int<std::uint64_t>(bytes, 24, 0xa, std::endian::little);
  write_int<std::uint32_t>(bytes, 56, 0x644d5241, std::endian::little);
  return std::string(as_text(bytes));
}

// Exit codes: 0 all good, 1 the kernel failed something, 2 usage, 3 the harness or the host failed.

struct Call {
  const char* name;
  std::vector<std::string> words;
  int code;
  std::vector<const char*> says;
};
void PrintTo(const Call& call, std::ostream* out) { *out << call.name; }

class Calls : public Cli, public testing::WithParamInterface<Call> {};

TEST_P(Calls, end_with_their_code_and_say_why) {
  const auto ran = run(GetParam().words);
  EXPECT_EQ(ran.code, GetParam().code) << ran.text;
  for (const char* text : GetParam().says) EXPECT_THAT(ran.text, HasSubstr(text));
  EXPECT_THAT(ran.text, Not(HasSubstr("internal error")));
}

const Call calls[] = {
    {"help", {"--help"}, 0, {"Exit codes: 0 all passed", "run", "doctor"}},
    {"version", {"--version"}, 0, {"."}},
    {"help_of_run", {"run", "--help"}, 0, {"--kernel", "--resume", "--shard"}},
    {"help_of_list", {"list", "--help"}, 0, {"--schema"}},
    {"help_of_bench", {"bench", "--help"}, 0, {"--repetitions"}},
    {"help_of_images", {"images", "--help"}, 0, {"--get"}},
    {"help_of_plan", {"plan", "--help"}, 0, {"--machine"}},
    {"help_of_doctor", {"doctor", "--help"}, 0, {"--target"}},
    {"list", {"list"}, 0, {"reboot/self", " cases"}},
    {"list_of_a_tag", {"list", "tag:smoke"}, 0, {"reboot/self"}},
    {"targets", {"list", "--targets"}, 0, {"x86_64", "arm64", "virt"}},
    {"schema", {"list", "--schema"}, 0, {"http://json-schema.org/draft-07/schema#"}},
    {"loads_explained",
     {"plan", "--explain", KEXLAB_SOURCE_DIR "/scenarios/contract/order.yaml", "--machine",
      KEXLAB_SOURCE_DIR "/loader/arch/testdata/x86_64-6.1-crash.json"},
     1,
     {"contract/alignment-before-overlap at", "refused: EADDRNOTAVAIL", "rule     alignment", "because  segment 1",
      "would be accepted"}},
    {"loads_explained_on_no_machine",
     {"plan", "--explain", KEXLAB_SOURCE_DIR "/scenarios/contract/order.yaml"},
     2,
     {"--machine"}},
    {"help_of_images_build", {"images", "build", "--help"}, 0, {"emulator"}},
    {"a_target_to_build_that_is_none", {"images", "build", "x86_46"}, 2, {"x86_46", "x86_64"}},
    {"nothing_to_build", {"images", "build"}, 2, {"targets"}},
    {"kernels", {"images"}, 0, {"debian-6.1", "default"}},
    {"no_command", {}, 2, {"subcommand"}},
    {"an_unknown_command", {"rum"}, 2, {}},
    {"an_unknown_option", {"run", "--kernal", "x"}, 2, {"--kernal"}},
    {"an_unknown_format", {"run", "--format", "xml"}, 2, {"ktap"}},
    {"a_number_that_is_none", {"run", "--jobs", "many"}, 2, {"--jobs"}},
    {"a_scenario_that_is_none", {"run", "reboot/sefl"}, 2, {"reboot/sefl", "reboot/self"}},
    {"a_tag_that_is_none", {"list", "tag:nothing"}, 2, {"tag:nothing"}},
    {"a_target_that_is_none", {"run", "reboot/self", "--target", "x86_46"}, 2, {"x86_46", "x86_64"}},
    {"doctor_of_no_target", {"doctor", "--target", "z80"}, 2, {"z80"}},
    {"a_catalogue_kernel_that_is_none",
     {"run", "reboot/self", "--kernel", "debian-5"},
     2,
     {"debian-5", "kexlab images"}},
    {"a_shard_beyond_the_count", {"run", "--shard", "5/4"}, 2, {"--shard 5/4", "1 <= INDEX <= COUNT"}},
    {"a_shard_of_none", {"run", "--shard", "0/4"}, 2, {"--shard 0/4"}},
    {"a_shard_with_more_behind_it", {"run", "--shard", "1/4x"}, 2, {"--shard 1/4x"}},
    {"a_kernel_file_that_is_missing",
     {"run", "reboot/self", "--kernel", "no/such/bzImage"},
     2,
     {"no/such/bzImage", "there is no such file"}},
    {"a_file_to_tell_about_that_is_missing", {"images", "--file", "no/such/bzImage"}, 2, {"no/such/bzImage"}},
    {"a_run_to_resume_that_is_missing", {"run", "--resume", "no/such/run"}, 2, {"no/such/run"}},
    {"results_where_none_can_be",
     {"run", "reboot/self", "--results", "/proc/no/results"},
     3,
     {"/proc/no/results", "--results"}},
};

INSTANTIATE_TEST_SUITE_P(words, Calls, testing::ValuesIn(calls), [](const auto& row) { return row.param.name; });

const char* const profile = KEXLAB_SOURCE_DIR "/loader/arch/testdata/x86_64-6.1-crash.json";

TEST_F(Cli, loads_that_cannot_be_explained_without_a_guest_are_named) {
  const auto path = file("mine.yml", R"(name: mine/written
about: x
load: {segments: [{at: ram + 16 MiB, size: 1 page}]}
---
name: mine/kernel
about: x
steps:
  - load: {kernel: self}
---
name: mine/random
about: x
steps:
  - load: {random: 1, witness: true}
  - random: {calls: 16, seed: 1}
---
name: mine/file
about: x
steps:
  - file_load: {kernel: self}
)");
  const auto ran = run({"plan", "--explain", path, "--machine", profile});
  EXPECT_EQ(ran.code, 0) << ran.text;
  EXPECT_THAT(ran.text, AllOf(HasSubstr("mine/written at " + path + ":3\n"), HasSubstr("would be accepted")));
  for (const char* place : {"mine/kernel at ", "mine/random at ", "mine/file at "})
    EXPECT_THAT(ran.text, HasSubstr(place));
  EXPECT_THAT(ran.text, AllOf(HasSubstr("cannot be explained without a guest: it loads the kernel 'self'"),
                              HasSubstr("laid at random"), HasSubstr("its calls are made for"),
                              HasSubstr("reads the guest's files")));
}

TEST_F(Cli, where_nothing_can_be_explained_that_is_an_error) {
  const auto kernels =
      run({"plan", "--explain", file("k.yaml", "name: k/one\nabout: x\nsteps:\n  - load: {kernel: self}\n"),
           "--machine", profile});
  EXPECT_EQ(kernels.code, 2) << kernels.text;
  EXPECT_THAT(kernels.text, AllOf(HasSubstr("k/one at "), HasSubstr("without a guest: it loads the kernel 'self'")));
  const auto none =
      run({"plan", "--explain", file("n.yaml", "name: n/one\nabout: x\nsteps:\n  - state: {loaded: false}\n"),
           "--machine", profile});
  EXPECT_EQ(none.code, 2) << none.text;
  EXPECT_THAT(none.text, HasSubstr("it has no load"));
}

TEST_F(Cli, a_mistake_in_a_scenario_is_told_with_its_place) {
  const auto path = file("mine.yaml", "name: mine/one\nabout: x\nsteps:\n  - state: {loded: true}\n");
  const auto ran = run({"run", path});
  EXPECT_EQ(ran.code, 2) << ran.text;
  EXPECT_THAT(ran.text, AllOf(HasSubstr(path + ":4:"), HasSubstr("loded"), HasSubstr("loaded")));
}

struct Broken {
  const char* name;
  std::string bytes;
  const char* says;
};

TEST_F(Cli, images_that_are_none_are_a_usage_error_with_a_reason) {
  const Broken rows[] = {{"empty", "", "empty"},
                         {"text", "this is a letter and no kernel\n", ""},
                         {"script", "#!/bin/sh\nexit 0\n", "script"},
                         {"truncated", bzimage().substr(0, 1000), ""},
                         {"noise", std::string(4096, '\xa5'), ""},
                         {"half_a_gzip", std::string("\x1f\x8b\x08\0\0\0\0\0\0\0garbage", 17), ""}};
  for (const auto& row : rows) {
    const auto path = file(row.name, row.bytes);
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"images", "--file", path}, {"run", "reboot/self", "--kernel", path}}) {
      const auto ran = run(words);
      EXPECT_EQ(ran.code, 2) << row.name << ": " << ran.text;
      EXPECT_THAT(ran.text, AllOf(HasSubstr(path), HasSubstr(row.says))) << row.name;
    }
  }
}

TEST_F(Cli, an_image_of_another_target_is_refused) {
  const auto path = file("Image", arm64_image());
  const auto ran = run({"run", "reboot/self", "--target", "x86_64", "--kernel", path});
  EXPECT_EQ(ran.code, 2) << ran.text;
  EXPECT_THAT(ran.text, AllOf(HasSubstr("arm64"), HasSubstr("x86_64")));
}

TEST_F(Cli, tells_what_a_file_is) {
  EXPECT_THAT(run({"images", "--file", file("Image", arm64_image())}).text, HasSubstr("arm64"));
  const auto ran = run({"images", "--file", file("bzImage", bzimage())});
  EXPECT_EQ(ran.code, 0) << ran.text;
  EXPECT_THAT(ran.text, AllOf(HasSubstr("x86_64"), HasSubstr("bzImage")));
}

TEST_F(Cli, a_cache_that_cannot_be_written_is_the_hosts_fault) {
  for (const auto& place : {file("plain-file", "x"), std::string("/proc")}) {
    const auto ran = run({"run", "reboot/self"}, place);
    EXPECT_EQ(ran.code, 3) << place << ": " << ran.text;
    EXPECT_THAT(ran.text, HasSubstr(place));
  }
}

TEST_F(Cli, a_kernel_without_kexec_is_skipped_and_the_run_says_that_nothing_was_tested) {
  if (images::find_program("qemu-system-aarch64").empty()) GTEST_SKIP() << "qemu-system-aarch64 is not installed";
  const auto kernel = file("Image", arm64_image());
  file("Image.config", "CONFIG_ARM64=y\n# CONFIG_KEXEC is not set\n");
  const auto ran = run({"run", "reboot/self", "layout/tail", "--kernel", kernel, "--results", "out"});
  EXPECT_EQ(ran.code, 0) << ran.text;
  EXPECT_THAT(ran.text, AllOf(HasSubstr("skipped"), HasSubstr("without CONFIG_KEXEC"),
                              HasSubstr("nothing was tested: all 7 cases were skipped")));
  EXPECT_TRUE(fs::exists(folder_ / "out/results.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "out/junit.xml"));
  // All cases have results, so there is nothing left to do.
  const auto again = run({"run", "reboot/self", "layout/tail", "--kernel", kernel, "--resume", "out"});
  EXPECT_EQ(again.code, 0) << again.text;
  const auto ktap = run({"run", "reboot/self", "--kernel", kernel, "--format", "ktap"});
  EXPECT_THAT(ktap.text, AllOf(HasSubstr("KTAP version 1\n1..1\n"), HasSubstr("ok 1 - reboot/self@arm64/Image # SKIP"),
                               HasSubstr("# nothing was tested")));
}

}  // namespace
}  // namespace kexlab::cli
