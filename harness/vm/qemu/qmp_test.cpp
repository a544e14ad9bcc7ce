// SPDX-License-Identifier: Apache-2.0
// The QMP client against a peer that may say anything.
#include "harness/vm/qemu/qmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace kexlab::vm {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;

const std::string greeting = R"({"QMP": {"version": {}, "capabilities": []}})"
                             "\r\n";
const std::string accepted = R"({"return": {}, "id": 1})"
                             "\r\n";

/// The peer says its lines beforehand: the socket keeps them until the client asks.
class QmpTest : public testing::Test {
 protected:
  void SetUp() override {
    auto pair = make_socket_pair();
    ASSERT_TRUE(pair);
    peer_ = std::move(pair->theirs);
    qmp_ = std::make_unique<Qmp>(context_, std::move(pair->ours), [this](const std::string& name, const json& data) {
      events_.push_back(name + data.dump());
    });
  }
  void say(std::string_view text) {
    ASSERT_EQ(::send(peer_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  void shake_hands() {
    say(greeting);
    context_.poll();  // an answer that comes before its command is not taken
    say(accepted);
    auto done = qmp_->handshake(soon());
    ASSERT_TRUE(done) << done.error().str();
  }
  std::string heard() {
    char bytes[4096];
    const ssize_t size = ::recv(peer_.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    return {bytes, size > 0 ? static_cast<std::size_t>(size) : 0};
  }
  Result<json> ask(const char* command) { return qmp_->execute(command, json::object(), soon()); }
  static Qmp::Clock::time_point soon() { return Qmp::Clock::now() + 5s; }

  boost::asio::io_context context_;
  Descriptor peer_;
  std::vector<std::string> events_;
  std::unique_ptr<Qmp> qmp_;
};

TEST_F(QmpTest, a_command_gets_its_answer) {
  shake_hands();
  say(R"({"return": {"status": "running"}, "id": 2})"
      "\r\n");
  auto answer = ask("query-status");
  ASSERT_TRUE(answer) << answer.error().str();
  EXPECT_EQ((*answer)["status"], "running");
  EXPECT_THAT(heard(), HasSubstr(R"("execute":"query-status")"));
}

TEST_F(QmpTest, an_answer_in_pieces_is_one_answer) {
  shake_hands();
  std::thread talker([this] {
    for (const char byte : std::string(R"({"return": "whole", "id": 2})"
                                       "\n"))
      say({&byte, 1});
  });
  auto answer = ask("x");
  talker.join();
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, "whole");
}

TEST_F(QmpTest, events_arrive_between_answers) {
  shake_hands();
  say(R"({"event": "SHUTDOWN", "data": {"guest": true}})"
      "\n"
      R"({"event": "STOP"})"
      "\n"
      R"({"return": 1, "id": 2})"
      "\n");
  EXPECT_TRUE(ask("x"));
  EXPECT_THAT(events_, testing::ElementsAre(R"(SHUTDOWN{"guest":true})", "STOP{}"));
}

TEST_F(QmpTest, QEMUs_error_keeps_its_words) {
  shake_hands();
  say(R"({"error": {"class": "GenericError", "desc": "no such device"}, "id": 2})"
      "\n");
  auto answer = ask("x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::refused);
  EXPECT_EQ(answer.error().broke, "no such device");
}

TEST_F(QmpTest, a_late_answer_is_not_taken_for_the_next_one) {
  shake_hands();
  auto late = qmp_->execute("slow", json::object(), Qmp::Clock::now());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Errc::timeout);
  say(R"({"return": "late", "id": 2})"
      "\n"
      R"({"return": "right", "id": 3})"
      "\n");
  auto answer = ask("quick");
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, "right");
}

TEST_F(QmpTest, a_descriptor_travels_with_a_command) {
  shake_hands();
  auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  heard();  // of the handshake
  say(R"({"return": {}, "id": 2})"
      "\n");
  ASSERT_TRUE(qmp_->execute("getfd", {{"fdname", "f"}}, soon(), pipe->theirs.get()));
  char bytes[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  iovec piece{bytes, sizeof(bytes)};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ASSERT_GT(::recvmsg(peer_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), 0);
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  ASSERT_NE(rights, nullptr);
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
  const Descriptor received(fd);
  ASSERT_EQ(::write(fd, "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(pipe->ours.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

struct Bad {
  const char* name;
  std::string bytes;
  bool hang_up;
  Errc expected;
};

class QmpBad : public QmpTest, public testing::WithParamInterface<Bad> {};

TEST_P(QmpBad, input_ends_the_connection_with_its_cause) {
  shake_hands();
  std::thread talker([this] {
    std::string_view rest = GetParam().bytes;
    while (!rest.empty()) {
      const ssize_t sent = ::send(peer_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent < 0) break;  // the client has hung up: that is its right
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (GetParam().hang_up) ::shutdown(peer_.get(), SHUT_RDWR);
  });
  auto answer = ask("x");
  talker.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, GetParam().expected) << answer.error().str();
  EXPECT_TRUE(qmp_->closed());
  EXPECT_EQ(ask("y").error().code, GetParam().expected) << "the cause stays";
}

INSTANTIATE_TEST_SUITE_P(
    Rows, QmpBad,
    testing::Values(Bad{"garbage", "what is this\n", false, Errc::protocol},
                    Bad{"not_utf8", "\xff\xfe\n", false, Errc::protocol},
                    Bad{"array", "[1, 2]\n", false, Errc::protocol}, Bad{"empty_line", "\n", false, Errc::protocol},
                    Bad{"no_id", "{\"return\": 1}\n", false, Errc::protocol},
                    Bad{"id_of_another_kind", "{\"return\": 1, \"id\": {}}\n", false, Errc::protocol},
                    Bad{"error_of_another_kind", "{\"error\": 1, \"id\": 2}\n", false, Errc::protocol},
                    Bad{"too_long", std::string(Qmp::longest_message + 1, 'a'), false, Errc::protocol},
                    Bad{"too_deep", std::string(500'000, '[') + "\n", false, Errc::protocol},
                    Bad{"end", "", true, Errc::guest_died},
                    Bad{"end_in_a_message", "{\"return\"", true, Errc::guest_died}),
    [](const auto& row) { return row.param.name; });

TEST_F(QmpTest, no_greeting_is_a_timeout) {
  auto done = qmp_->handshake(Qmp::Clock::now() + 1ms);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::timeout);
}

TEST_F(QmpTest, messages_of_no_known_kind_are_passed_over) {
  shake_hands();
  say("{}\n{\"event\": 7}\n{\"greetings\": true}\n"
      R"({"return": "after", "id": 2})"
      "\n");
  auto answer = ask("x");
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, "after");
}

}  // namespace
}  // namespace kexlab::vm
