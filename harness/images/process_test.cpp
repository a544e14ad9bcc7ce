// SPDX-License-Identifier: Apache-2.0
// Running tools: output, exit codes, deadlines that reach grandchildren, and what is not there.
#include "harness/images/process.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <unistd.h>

#include "harness/images/file.h"
#include "harness/images/test_folder.h"

namespace kexlab::images {
namespace {

using testing::HasSubstr;

Command shell(std::string script) {
  return {{"sh", "-c", std::move(script)}, {}, {}, std::chrono::seconds{30}, 0, {}, {}};
}

TEST(Run, GivesOutputExitCodeAndTheLastLinesOfBothStreams) {
  const auto done = run(shell("echo out; echo err >&2; printf unfinished; exit 3"));
  ASSERT_TRUE(done.has_value()) << done.error().str();
  EXPECT_EQ(done->exit_code, 3);
  EXPECT_EQ(done->out, "out\nunfinished");
  EXPECT_THAT(done->last, testing::UnorderedElementsAre("out", "err", "unfinished"));
}

TEST(Run, KeepsOnlyTheLastTwentyLinesButLogsAll) {
  const TestFolder folder;
  Command command = shell("seq 1 1000; echo error >&2");
  command.log = folder.path() / "log";
  int lines = 0;
  command.on_line = [&](std::string_view) { ++lines; };
  const auto done = run(command);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->last.size(), 20U);
  EXPECT_EQ(lines, 1001);
  const std::string log = read_text(command.log).value();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1001);
}

TEST(Run, ASignalIsAnExitCodeToo) { EXPECT_EQ(run(shell("kill -9 $$"))->exit_code, 128 + 9); }

TEST(Run, WorksInTheFolderAndEnvironmentGiven) {
  const TestFolder folder;
  Command command = shell("pwd; echo $KEXLAB_TEST $LC_ALL $HOME");
  command.folder = folder.path();
  command.environment = {{"KEXLAB_TEST", "value"}, {"HOME", "/elsewhere"}};
  EXPECT_EQ(run(command)->out, folder.path().string() + "\nvalue C /elsewhere\n");
}

TEST(Run, ADeadlineKillsGrandchildrenToo) {
  // A pipe that the grandchild inherits ends when the last process that holds it is dead.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  Command command = shell("sh -c 'echo up >&" + std::to_string(ends[1]) + "; echo waiting; sleep 1000' & wait");
  command.deadline = std::chrono::seconds{5};
  const auto done = run(command);
  ::close(ends[1]);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::timeout);
  EXPECT_THAT(done.error().str(), HasSubstr("waiting"));
  std::string heard;
  for (;;) {
    pollfd ready{ends[0], POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 30'000), 1) << "a grandchild lives on";
    char bytes[16];
    const ssize_t got = ::read(ends[0], bytes, sizeof bytes);
    if (got <= 0) break;
    heard.append(bytes, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(heard, "up\n");
  ::close(ends[0]);
}

TEST(Run, AStopKillsWhatRuns) {
  std::stop_source source;
  stop_commands_with(source.get_token());
  Command command = shell("echo started; sleep 30");
  command.on_line = [&](std::string_view) { source.request_stop(); };
  const auto done = run(command);
  stop_commands_with({});
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::cancelled);
}

TEST(Run, AProgramThatIsMissingIsNamed) {
  const auto done = run({{"no-such-program"}, {}, {}, std::chrono::seconds{5}, 0, {}, {}});
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::not_found);
  EXPECT_THAT(done.error().str(), HasSubstr("no-such-program"));
}

TEST(Demand, AFailureCarriesTheLastWords) {
  const auto done = demand(shell("echo E: the disk is on fire >&2; exit 100"), "update the lists", "call someone");
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, Errc::io);
  EXPECT_THAT(done.error().str(), testing::AllOf(HasSubstr("update the lists"), HasSubstr("ended with 100"),
                                                 HasSubstr("E: the disk is on fire"), HasSubstr("call someone")));
}

TEST(FindProgram, LooksInTheFoldersOfPathInOrder) {
  const TestFolder folder;
  const auto first = folder.file("a/tool", "not executable");
  const auto second = folder.file("b/tool", "#!/bin/sh\n");
  std::filesystem::permissions(second, std::filesystem::perms::owner_all);
  const Variable path("PATH",
                      (folder.path() / "a").string().append(":").append((folder.path() / "b").string()).c_str());
  EXPECT_EQ(find_program("tool"), second);
  EXPECT_EQ(find_program("other"), "");
}

}  // namespace
}  // namespace kexlab::images
