// SPDX-License-Identifier: Apache-2.0
// The agent as a program on this machine: every operation that is safe here, and every one that must be refused here.
#include "harness/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>

#include "harness/agent/jump/held_call.h"
#include "harness/agent/os.h"
#include "harness/agent/testing_client.h"
#include "kexlab/sha256.h"

namespace kexlab::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using wire::Message;

std::int64_t error_of(const Message& answer) { return static_cast<std::int64_t>(answer.number("errno").value_or(999)); }
std::string why(const Message& answer) { return std::string(answer.text("why").value_or("")); }

Message request(std::string_view op) { return Message{.op = std::string(op)}; }
Message request(std::string_view op, std::string_view path) { return request(op).set("path", path); }

class AgentOnThisHost : public ::testing::Test {
 protected:
  AgentOnThisHost() : folder_(make_folder()), client_(AGENT_PROGRAM, {"--writable=" + folder_.string()}) {
    const auto hello = client_.next();
    EXPECT_TRUE(hello && hello->op == "hello" && hello->sequence == 0);
    if (hello) hello_ = *hello;
  }
  ~AgentOnThisHost() override { std::filesystem::remove_all(folder_); }

  static std::filesystem::path make_folder() {
    std::string name = (std::filesystem::temp_directory_path() / "kexlab-agent-XXXXXX").string();
    return mkdtemp(name.data());
  }
  std::string file(std::string_view name, std::string_view contents) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << contents;
    return path.string();
  }
  void expect_alive() { EXPECT_EQ(client_.ask(request("echo").set("data", "still here")).text("data"), "still here"); }

  std::filesystem::path folder_;
  testing::Client client_;
  Message hello_;
};

TEST_F(AgentOnThisHost, SaysHelloFirstAndOnRequest) {
  const Message again = client_.ask(request("hello"));
  for (const Message* hello : {&std::as_const(hello_), &again}) {
    EXPECT_EQ(error_of(*hello), 0);
    EXPECT_EQ(hello->number("page_size"), static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
    EXPECT_EQ(hello->number("generation"), 0u);
    EXPECT_EQ(hello->text("channel"), "stdio");
    EXPECT_EQ(hello->text("module_errors"), "");
    EXPECT_EQ(hello->text("boot_id").value_or("").size(), 36u);
    EXPECT_NE(hello->text("release").value_or(""), "");
  }
  EXPECT_GE(again.number("uptime_ns").value_or(0), hello_.number("uptime_ns").value_or(~0ull));
}

TEST_F(AgentOnThisHost, EchoesAnySize) {
  for (const std::size_t size : {0u, 1u, 1500u, 100'000u, 1u << 19, (1u << 20) - 100}) {
    const std::string data(size, '\xa5');
    EXPECT_EQ(client_.ask(request("echo").set("data", data)).text("data"), data) << size;
  }
}

TEST_F(AgentOnThisHost, AnswersABatchAsItWouldAnswerEach) {
  const std::vector<Message> requests{request("echo").set("data", "one"), request("no such operation"), request("load"),
                                      request("echo").set("data", "two")};
  const Bytes list = wire::encode_list(requests);
  const Message answer = client_.ask(request("batch").set("requests", ByteView(list)));
  EXPECT_EQ(error_of(answer), 0);
  const auto answers = wire::decode_list(answer.bytes("answers").value_or(ByteView()));
  ASSERT_TRUE(answers && answers->size() == 4);
  EXPECT_EQ(answers->at(0).text("data"), "one");
  EXPECT_EQ(why(answers->at(1)), "unknown operation");
  EXPECT_EQ(why(answers->at(2)), "refused outside a guest");
  EXPECT_EQ(answers->at(3).text("data"), "two");
}

TEST_F(AgentOnThisHost, RefusesABatchThatIsNone) {
  EXPECT_EQ(why(client_.ask(request("batch").set("requests", "not a list"))), "field requests is damaged");
  const Bytes nested = wire::encode_list({request("batch")});
  EXPECT_EQ(why(client_.ask(request("batch").set("requests", ByteView(nested)))), "a batch inside a batch");
}

TEST_F(AgentOnThisHost, ReadsPartsOfAFile) {
  const auto path = file("f", "0123456789");
  struct Row {
    std::uint64_t offset, max;
    std::string_view data;
    bool end;
  };
  for (const auto& row :
       {Row{0, 100, "0123456789", true}, Row{0, 10, "0123456789", false}, Row{3, 4, "3456", false},
        Row{8, 4, "89", true}, Row{10, 4, "", true}, Row{1'000'000, 4, "", true}, Row{0, 0, "", false}}) {
    const auto answer = client_.ask(request("read", path).set("offset", row.offset).set("max", row.max));
    EXPECT_EQ(error_of(answer), 0);
    EXPECT_EQ(answer.text("data"), row.data);
    EXPECT_EQ(answer.number("size"), 10u);
    EXPECT_EQ(answer.number("eof"), row.end ? 1u : 0u) << row.offset << "+" << row.max;
  }
}

TEST_F(AgentOnThisHost, ReadsFilesThatSayTheyAreEmpty) {
  const auto answer = client_.ask(request("read", "/proc/self/status"));
  EXPECT_EQ(answer.number("size"), 0u);
  EXPECT_EQ(answer.number("eof"), 1u);
  EXPECT_THAT(std::string(answer.text("data").value_or("")), StartsWith("Name:"));
}

TEST_F(AgentOnThisHost, MapsPartsOfAFile) {
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::string text(2 * page + 10, 'x');
  text[page] = 'y';
  const auto path = file("f", text);
  struct Row {
    std::uint64_t offset, max;
    int error;
  };
  for (const auto& row : {Row{0, 10, 0}, Row{0, 2 * page + 10, 0}, Row{page, page + 1, 0}, Row{1, 10, EINVAL},
                          Row{0, 0, EINVAL}, Row{4 * page, page, EFAULT}, Row{page, 4 * page, EFAULT}}) {
    const auto answer = client_.ask(request("map", path).set("offset", row.offset).set("max", row.max));
    EXPECT_EQ(error_of(answer), row.error) << row.offset << "+" << row.max;
    if (row.error == 0) {
      EXPECT_EQ(answer.text("data"), std::string_view(text).substr(row.offset, row.max));
    }
  }
  EXPECT_EQ(error_of(client_.ask(request("map", "/no/such/file"))), ENOENT);
}

TEST_F(AgentOnThisHost, ReadsNoMoreThanTheLimitAtOnce) {
  const auto path = file("large", std::string((512 << 10) + 1, 'x'));
  const auto answer = client_.ask(request("read", path).set("max", std::uint64_t{1} << 40));
  EXPECT_EQ(answer.text("data").value_or("").size(), 512u << 10);
  EXPECT_EQ(answer.number("eof"), 0u);
}

TEST_F(AgentOnThisHost, DoesNotWaitForAFifoWithoutWriter) {
  const auto path = (folder_ / "fifo").string();
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(client_.ask(request("read", path)).text("data"), "");
}

TEST_F(AgentOnThisHost, WritesCreatesAndAppends) {
  const auto path = (folder_ / "new").string();
  const auto write = [&](std::string_view data, bool append, bool create) {
    return client_.ask(request("write", path).set("data", data).set("append", append).set("create", create));
  };
  const auto contents = [&] { return std::string(client_.ask(request("read", path)).text("data").value_or("?")); };
  EXPECT_EQ(error_of(write("a", false, false)), ENOENT);
  EXPECT_EQ(write("one", false, true).number("written"), 3u);
  EXPECT_EQ(contents(), "one");
  EXPECT_EQ(error_of(write("two", true, false)), 0);
  EXPECT_EQ(contents(), "onetwo");
  EXPECT_EQ(error_of(write("three", false, false)), 0);
  EXPECT_EQ(contents(), "three");
  EXPECT_EQ(write("", false, false).number("written"), 0u);
  EXPECT_EQ(contents(), "");
}

TEST_F(AgentOnThisHost, WritesNowhereElse) {
  const auto outside = make_folder();
  std::ofstream(outside / "victim") << "safe";
  std::filesystem::create_symlink(outside / "victim", folder_ / "link");
  std::filesystem::create_directory_symlink(outside, folder_ / "folder");
  const std::string inside = folder_.string();
  for (const auto& path : {(outside / "victim").string(), inside + "/../" + outside.filename().string() + "/victim",
                           inside + "/folder/victim", inside + "x", std::string("/proc/sysrq-trigger")}) {
    const auto answer = client_.ask(request("write", path).set("data", "c").set("create", 1));
    EXPECT_EQ(error_of(answer), -1) << path;
    EXPECT_EQ(why(answer), "refused outside a guest");
  }
  EXPECT_EQ(error_of(client_.ask(request("write", inside + "/link").set("data", "c"))), ELOOP);
  std::string kept;
  std::ifstream(outside / "victim") >> kept;
  EXPECT_EQ(kept, "safe");
  std::filesystem::remove_all(outside);
}

TEST_F(AgentOnThisHost, DigestsWholeFilesAndParts) {
  std::string contents(300'000, '\0');
  for (std::size_t i = 0; i < contents.size(); ++i) contents[i] = static_cast<char>(i * 13);
  const auto path = file("f", contents);
  struct Row {
    std::optional<std::uint64_t> offset, size;
    std::string_view part;
  };
  const std::string_view all = contents;
  for (const auto& row : {Row{{}, {}, all}, Row{5, {}, all.substr(5)}, Row{5, 70'000, all.substr(5, 70'000)},
                          Row{0, 0, ""}, Row{299'999, 10, all.substr(299'999)}, Row{400'000, {}, ""}}) {
    auto ask = request("digest", path);
    if (row.offset) ask.set("offset", *row.offset);
    if (row.size) ask.set("size", *row.size);
    const auto answer = client_.ask(ask);
    EXPECT_EQ(answer.number("size"), row.part.size());
    EXPECT_EQ(to_bytes(answer.bytes("sha256").value_or(ByteView())), to_bytes(sha256(as_bytes(row.part))));
  }
}

TEST_F(AgentOnThisHost, ListsAFolderInOrder) {
  file("tree/b", "");
  file("tree/a", "");
  file("tree/folder/inner", "");
  std::filesystem::create_symlink("folder", folder_ / "tree" / "link");
  const auto answer = client_.ask(request("list", (folder_ / "tree").string()));
  EXPECT_EQ(answer.text("names"), "a\nb\nfolder/\nlink");
}

TEST_F(AgentOnThisHost, ManifestsRegularFilesSortedByPath) {
  file("tree/b", "abc");
  file("tree/a/z", "");
  file("tree/a.txt", "abc");
  std::filesystem::create_symlink("b", folder_ / "tree" / "link");
  // The digest of "abc" is the first example of FIPS 180-4.
  EXPECT_EQ(client_.ask(request("manifest", (folder_ / "tree").string())).text("data"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 a.txt\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 a/z\n"
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad 3 b\n");
}

// "/" is the folder that guests ask for; here /proc and /sys, other file systems, must be passed over.
TEST_F(AgentOnThisHost, ListsTheRoot) {
  const auto answer = client_.ask(request("list", "/"));
  EXPECT_THAT(std::string(answer.text("names").value_or("")), HasSubstr("proc/"));
}

TEST_F(AgentOnThisHost, FloodsItsConsoleAndNotTheChannel) {
  EXPECT_EQ(error_of(client_.ask(request("flood").set("bytes", 100'001))), 0);
  EXPECT_EQ(client_.console().size(), 100'001u);
  expect_alive();
}

TEST_F(AgentOnThisHost, TellsTheState) { EXPECT_EQ(error_of(client_.ask(request("state"))), 0); }

// Wrong magic numbers: the kernel refuses before it looks at anything else, with or without the right to reboot.
TEST(HeldCall, GivesTheCallsResultAndFindsEveryRegisterAsItWas) {
  const HeldCall call = reboot_with_registers_held(0, 0, 0);
  EXPECT_EQ(call.result.value, -1);
  EXPECT_THAT(call.result.error, ::testing::AnyOf(EINVAL, EPERM));
  EXPECT_EQ(call.changed, "");
}

TEST(Cpu, IsTheOneThatWasAskedFor) {
  std::thread([] {
    const auto here = static_cast<unsigned>(sched_getcpu());
    EXPECT_EQ(run_on_cpu(here), 0);
    EXPECT_EQ(sched_getcpu(), static_cast<int>(here));
    EXPECT_EQ(run_on_cpu(CPU_SETSIZE - 1), EINVAL) << "no machine here has so many";
    EXPECT_EQ(run_on_cpu(CPU_SETSIZE), EINVAL);
  }).join();
}

// The rule that makes all the other tests safe to run, in two halves. First: these operations are marked.
TEST(Agent, MarksWhatChangesTheMachine) {
  const std::vector<std::string_view> dangerous = {"load", "unload",  "file_load", "reboot", "poweroff", "crash",
                                                   "hold", "release", "marker",    "jump",   "marked"};
  std::vector<std::string_view> marked;
  for (const auto table :
       {file_operations(), call_operations(), file_load_operations(), system_operations(), jump_operations()}) {
    for (const auto& operation : table) {
      if (operation.guest_only) marked.push_back(operation.name);
    }
  }
  EXPECT_THAT(marked, ::testing::UnorderedElementsAreArray(dangerous));
}

// Second: what is marked is refused. Asked for with what would do no harm if it were not.
TEST_F(AgentOnThisHost, RefusesWhatIsMarked) {
  for (const char* op : {"load", "file_load", "reboot", "hold", "release", "marker", "marked"}) {
    const auto answer = client_.ask(request(op));
    EXPECT_EQ(error_of(answer), -1) << op;
    EXPECT_EQ(why(answer), "refused outside a guest") << op;
  }
}

struct BadRequest {
  const char* name;
  Message message;
  std::int64_t error;
  const char* why;
};

class BadRequests : public AgentOnThisHost, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequests, AreAnsweredAndSurvived) {
  const auto answer = client_.ask(GetParam().message);
  EXPECT_EQ(error_of(answer), GetParam().error);
  EXPECT_THAT(why(answer), HasSubstr(GetParam().why));
  expect_alive();
}

INSTANTIATE_TEST_SUITE_P(
    Agent, BadRequests,
    ::testing::Values(
        BadRequest{"unknown", request("frobnicate"), -1, "unknown operation"},
        BadRequest{"read_without_path", request("read"), -1, "field path is missing"},
        BadRequest{"read_empty_path", request("read", ""), -1, "field path is empty"},
        BadRequest{"read_number_as_path", request("read").set("path", 7), -1, "field path is missing"},
        BadRequest{"read_nul_in_path", request("read", std::string_view("/etc\0/x", 7)), -1, "NUL"},
        BadRequest{"read_missing_file", request("read", "/no/such/file"), ENOENT, "open /no/such/file: No such file"},
        BadRequest{"read_folder", request("read", "/"), EISDIR, "Is a directory"},
        BadRequest{"read_huge_offset", request("read", "/proc/version").set("offset", ~std::uint64_t{0}), EINVAL,
                   "Invalid"},
        BadRequest{"read_end_overflows",
                   request("read", "/proc/version").set("offset", (std::uint64_t{1} << 63) - 1).set("max", 2), EINVAL,
                   "Invalid"},
        BadRequest{"write_without_data", request("write", "/x"), -1, "field data is missing"},
        BadRequest{"digest_missing_file", request("digest", "/no/such/file"), ENOENT, "No such file"},
        BadRequest{"digest_folder", request("digest", "/"), EISDIR, "Is a directory"},
        BadRequest{"digest_huge_offset", request("digest", "/proc/version").set("offset", ~std::uint64_t{0}), EINVAL,
                   "Invalid"},
        BadRequest{"list_file", request("list", "/proc/version"), ENOTDIR, "Not a directory"},
        BadRequest{"list_without_path", request("list"), -1, "field path is missing"},
        BadRequest{"manifest_missing", request("manifest", "/no/such"), ENOENT, "No such file"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(AgentOnThisHost, IsNotConfusedByNoise) {
  Message ping = request("echo").set("data", "x");
  ping.sequence = 77;
  const std::string frame = wire::encode_message(ping);
  std::string noise(70'000, '\0');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i * 31 >> 3);
  client_.send(noise + frame.substr(0, frame.size() / 2) + "[    1.0] printk\n" + frame + "@K");
  const auto answer = client_.next();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->sequence, 77u);
  expect_alive();
}

TEST_F(AgentOnThisHost, DropsWhatIsTooLong) {
  Bytes payload(8 + 1500);
  write_int<std::uint32_t>(payload, 0, 99, std::endian::little);
  for (std::uint32_t part = 0; part < 2000; ++part) {  // 2.9 MiB
    write_int<std::uint32_t>(payload, 4, part, std::endian::little);
    client_.send(wire::encode_frame(part == 1999 ? 'M' : 'm', payload));
  }
  expect_alive();
}

TEST_F(AgentOnThisHost, AnswersEachOfManyRequestsInOrder) {
  std::string all;
  for (std::uint32_t i = 1; i <= 200; ++i) {
    Message ping = request("echo").set("data", "x");
    ping.sequence = i;
    all += wire::encode_message(ping);
  }
  client_.send(all);
  for (std::uint32_t i = 1; i <= 200; ++i) {
    const auto answer = client_.next();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->sequence, i);
  }
}

TEST_F(AgentOnThisHost, EndsWithItsChannel) {
  const int status = client_.finish();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(Agent, ServesNobodyUnlessAskedTo) {
  testing::Client client(AGENT_PROGRAM, {"--no-such-option"});
  EXPECT_EQ(client.next(), std::nullopt);
  const int status = client.finish();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << status;
  EXPECT_THAT(client.console(), HasSubstr("agent --stdio"));
}

}  // namespace
}  // namespace kexlab::agent
