// SPDX-License-Identifier: Apache-2.0
// Real QEMU with payloads that need no kernel (payload_x86_64.S, payload_arm64.S tell what each letter does).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "harness/vm/qemu/machine.h"
#include "harness/vm/qemu/probe.h"
#include "harness/vm/vm.h"

namespace kexlab::vm {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Stream = Output::Stream;

std::string why(const Error& error) { return error.str(); }

class OnTarget : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const Target* row = find_target(GetParam());
    ASSERT_NE(row, nullptr);
    target_ = *row;
    auto folder = ScratchFolder::make();
    ASSERT_TRUE(folder) << why(folder.error());
    folder_ = std::make_unique<ScratchFolder>(std::move(*folder));
    backend_ = make_qemu_backend();
  }

  GuestSpec spec(const std::string& name = "guest") {
    GuestSpec out;
    out.target = &target_;
    out.kernel = std::string(KEXLAB_VM_PAYLOADS) + "/payload_" + target_.name;
    out.memory_mib = 64;
    out.workdir = folder_->path() / name;
    return out;
  }

  std::unique_ptr<Guest> boot(const GuestSpec& what) {
    auto guest = backend_->boot(what);
    if (!guest) {
      ADD_FAILURE() << why(guest.error());
      return nullptr;
    }
    return std::move(*guest);
  }

  /// A guest whose payload waits for letters.
  std::unique_ptr<Guest> boot_ready() {
    auto guest = boot(spec());
    if (guest) expect_output(*guest, Stream::console, "hello\n");
    return guest;
  }

  /// Waits until the stream has said `text`; gives all that it said.
  static std::string expect_output(Guest& guest, Stream stream, const std::string& text) {
    std::string heard;
    const auto deadline = Clock::now() + 20s;
    while (heard.find(text) == std::string::npos) {
      auto happening = guest.next(deadline);
      if (!happening || !std::holds_alternative<Output>(*happening)) {
        ADD_FAILURE() << "instead of \"" << text << "\" the guest said \"" << heard.substr(0, 200) << "\" and then "
                      << (happening ? std::to_string(happening->index()) : why(happening.error()));
        return heard;
      }
      const auto& output = std::get<Output>(*happening);
      EXPECT_LE(output.bytes.size(), 65536U);
      if (output.stream == stream) heard += output.bytes;
    }
    return heard;
  }

  static std::string ask(Guest& guest) {
    EXPECT_TRUE(guest.send("?"));
    return expect_output(guest, Stream::channel, "\n");
  }

  /// Waits for the end; what comes before it is in `heard`.
  static std::optional<Ended> expect_end(Guest& guest, std::string* heard = nullptr) {
    const auto deadline = Clock::now() + 20s;
    while (true) {
      auto happening = guest.next(deadline);
      if (!happening) {
        ADD_FAILURE() << why(happening.error());
        return std::nullopt;
      }
      if (const auto* end = std::get_if<Ended>(&*happening)) return *end;
      if (std::holds_alternative<DeadlinePassed>(*happening)) {
        ADD_FAILURE() << "the guest does not end";
        return std::nullopt;
      }
      if (heard != nullptr) *heard += std::get<Output>(*happening).bytes;
    }
  }

  Target target_;
  std::unique_ptr<ScratchFolder> folder_;
  std::unique_ptr<Backend> backend_;
};

INSTANTIATE_TEST_SUITE_P(Targets, OnTarget, testing::Values("x86_64", "arm64"),
                         [](const auto& row) { return row.param; });

TEST_P(OnTarget, console_and_channel_reach_us_and_nothing_early_is_lost) {
  auto guest = boot(spec());
  ASSERT_TRUE(guest);
  EXPECT_THAT(expect_output(*guest, Stream::console, "hello\n"), HasSubstr("hello\n"));
  EXPECT_EQ(ask(*guest), "N1\n");
  EXPECT_EQ(ask(*guest), "N2\n");
  EXPECT_GT(guest->peak_memory_kib(), 10'000U);
}

TEST_P(OnTarget, power_off_and_reset_are_told_apart_and_told_again) {
  const std::pair<const char*, Ended::Why> rows[] = {{"q", Ended::Why::powered_off}, {"r", Ended::Why::reset}};
  for (const auto& [letter, expected] : rows) {
    auto guest = boot_ready();
    ASSERT_TRUE(guest);
    ASSERT_TRUE(guest->send(letter));
    auto end = expect_end(*guest);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->why, expected) << letter << ": " << end->detail;
    EXPECT_FALSE(end->gone);
    EXPECT_TRUE(expect_end(*guest));
    auto look = guest->diagnose();
    ASSERT_TRUE(look) << why(look.error());
    EXPECT_EQ(look->status, "shutdown");
    auto sent = guest->send("?");
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, Errc::guest_died);
  }
}

TEST_P(OnTarget, restore_goes_back_from_any_state) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  EXPECT_EQ(ask(*guest), "N1\n");
  auto saved = guest->save("one");
  ASSERT_TRUE(saved) << why(saved.error());
  EXPECT_EQ(ask(*guest), "N2\n") << "after a save the machine runs on";

  const std::pair<const char*, std::function<void()>> states[] = {
      {"running", [] {}},
      {"powered off",
       [&] {
         ASSERT_TRUE(guest->send("q"));
         expect_end(*guest);
       }},
      {"reset",
       [&] {
         ASSERT_TRUE(guest->send("r"));
         expect_end(*guest);
       }},
      {"idle for good", [&] { ASSERT_TRUE(guest->send("i")); }},
      {"QEMU killed",
       [&] {
         ::kill(guest->pid(), SIGKILL);
         EXPECT_TRUE(expect_end(*guest)->gone);
       }},
      {"QEMU hung", [&] { ::kill(guest->pid(), SIGSTOP); }},
  };
  for (const auto& [name, enter] : states) {
    SCOPED_TRACE(name);
    enter();
    auto restored = guest->restore("one");
    ASSERT_TRUE(restored) << why(restored.error());
    EXPECT_EQ(ask(*guest), "N2\n");
  }
}

TEST_P(OnTarget, nothing_from_before_a_restore_comes_after_it) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->save("quiet"));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(guest->send("f"));
    expect_output(*guest, Stream::console, "xxxx");
    ASSERT_TRUE(guest->restore("quiet"));
    ASSERT_TRUE(guest->send("?"));
    auto first = guest->next(Clock::now() + 20s);
    ASSERT_TRUE(first);
    ASSERT_TRUE(std::holds_alternative<Output>(*first));
    EXPECT_EQ(std::get<Output>(*first).bytes.substr(0, 1), "N");
    EXPECT_EQ(std::get<Output>(*first).stream, Stream::channel);
  }
}

TEST_P(OnTarget, a_restored_guest_can_be_saved_again) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->save("a"));
  ASSERT_TRUE(guest->restore("a"));
  EXPECT_EQ(ask(*guest), "N1\n");
  ASSERT_TRUE(guest->save("b"));
  ASSERT_TRUE(guest->save("c"));
  for (const char* tag : {"b", "c", "a", "b"}) {
    ASSERT_TRUE(guest->restore(tag));
    EXPECT_EQ(ask(*guest), tag[0] == 'a' ? "N1\n" : "N2\n") << tag;
  }
}

TEST_P(OnTarget, a_file_starts_several_guests_at_a_time) {
  const auto file = folder_->path() / "saved";
  {
    auto guest = boot_ready();
    ASSERT_TRUE(guest);
    EXPECT_EQ(ask(*guest), "N1\n");
    auto saved = guest->save_to_file(file);
    ASSERT_TRUE(saved) << why(saved.error());
    EXPECT_EQ(ask(*guest), "N2\n");
  }
  auto from_file = spec("other");
  from_file.restore_from = file;
  auto first = boot(from_file), second = boot(from_file);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(ask(*first), "N2\n");
  EXPECT_EQ(ask(*first), "N3\n");
  EXPECT_EQ(ask(*second), "N2\n") << "the guests share nothing but the file";
}

TEST_P(OnTarget, a_saved_file_that_is_cut_short_is_an_error_with_QEMUs_words) {
  const auto file = folder_->path() / "saved";
  {
    auto guest = boot_ready();
    ASSERT_TRUE(guest && guest->save_to_file(file));
  }
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  auto from_file = spec();
  from_file.restore_from = file;
  auto guest = backend_->boot(from_file);
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, Errc::corrupt) << why(guest.error());
  EXPECT_THAT(guest.error().broke, HasSubstr("load of migration failed"));
}

TEST_P(OnTarget, a_saved_file_of_another_spec_is_refused) {
  const auto file = folder_->path() / "saved";
  {
    auto guest = boot_ready();
    ASSERT_TRUE(guest && guest->save_to_file(file));
  }
  auto other = spec();
  other.restore_from = file;
  other.memory_mib = 128;
  auto guest = backend_->boot(other);
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, Errc::invalid_argument);
  EXPECT_THAT(guest.error().broke, HasSubstr("128M"));
}

TEST_P(OnTarget, a_console_flood_starves_nothing_and_stays_bounded) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->send("f"));
  expect_output(*guest, Stream::console, std::string(100, 'x'));
  EXPECT_EQ(ask(*guest), "N1\n");
  auto look = guest->diagnose();
  EXPECT_TRUE(look) << why(look.error());
  auto saved = guest->save("flooding");
  EXPECT_TRUE(saved) << why(saved.error());
  EXPECT_EQ(ask(*guest), "N2\n");
  auto late = guest->next(Clock::now());
  ASSERT_TRUE(late);
  EXPECT_TRUE(std::holds_alternative<DeadlinePassed>(*late)) << "a flood must not hide a deadline";
}

TEST_P(OnTarget, diagnose_gives_the_program_counter) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->send("i"));
  const std::uint64_t load = GetParam() == "x86_64" ? 0x100000 : 0x40080000;
  auto look = guest->diagnose();
  ASSERT_TRUE(look) << why(look.error());
  EXPECT_EQ(look->status, "running");
  ASSERT_TRUE(look->program_counter) << look->registers;
  EXPECT_GE(*look->program_counter, load);
  EXPECT_LT(*look->program_counter, load + 0x1000);
}

TEST_P(OnTarget, diagnose_of_a_hung_QEMU_fails_within_two_seconds) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ::kill(guest->pid(), SIGSTOP);
  const auto begin = Clock::now();
  auto look = guest->diagnose();
  EXPECT_LT(Clock::now() - begin, 2s);
  ASSERT_FALSE(look);
  EXPECT_EQ(look.error().code, Errc::timeout);
}

// Wait statuses as Linux packs them: the exit status in the second byte, the signal in the first.
TEST(EndOfProcess, status_0_is_the_guests_own_power_switch) {
  EXPECT_EQ(end_of_process(0), Ended::Why::powered_off);
  EXPECT_EQ(end_of_process(1 << 8), Ended::Why::vm_died);
  EXPECT_EQ(end_of_process(SIGABRT), Ended::Why::vm_died);
}

TEST_P(OnTarget, a_killed_QEMU_is_an_end_with_its_signal) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ::kill(guest->pid(), SIGABRT);
  auto end = expect_end(*guest);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->why, Ended::Why::vm_died);
  EXPECT_TRUE(end->gone);
  EXPECT_THAT(end->detail, HasSubstr("signal 6"));
  EXPECT_EQ(guest->pid(), 0);
  EXPECT_EQ(guest->diagnose().error().code, Errc::guest_died);
}

TEST_P(OnTarget, destruction_leaves_no_process) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  const int pid = guest->pid();
  guest.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);

  auto hung = boot_ready();
  ASSERT_TRUE(hung);
  const int hung_pid = hung->pid();
  ::kill(hung_pid, SIGSTOP);
  hung.reset();
  EXPECT_EQ(::kill(hung_pid, 0), -1);
}

TEST_P(OnTarget, a_stop_request_ends_a_wait_at_once) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->send("i"));
  std::stop_source stop;
  std::jthread asker([&stop] { stop.request_stop(); });
  const auto begin = Clock::now();
  auto happening = guest->next(begin + 60s, stop.get_token());
  EXPECT_LT(Clock::now() - begin, 5s);
  ASSERT_FALSE(happening);
  EXPECT_EQ(happening.error().code, Errc::cancelled);
}

TEST_P(OnTarget, the_sandbox_is_on) {
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  std::ifstream status("/proc/" + std::to_string(guest->pid()) + "/status");
  const std::string text{std::istreambuf_iterator<char>(status), {}};
  EXPECT_THAT(text, HasSubstr("Seccomp:\t2\n"));
}

TEST_P(OnTarget, QEMU_inherits_only_what_it_was_given) {
  const std::ofstream ours(folder_->path() / "a-file-of-the-harness");
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(guest->pid()) + "/fd")) {
    std::error_code gone;
    const auto file = std::filesystem::read_symlink(entry.path(), gone).string();
    EXPECT_EQ(file.find("a-file-of-the-harness"), std::string::npos);
  }
}

TEST_P(OnTarget, an_argument_that_QEMU_refuses_is_an_error_with_its_words) {
  target_.qemu_args.push_back({"-device no-such-device", "to be refused"});
  auto guest = backend_->boot(spec());
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, Errc::guest_died);
  EXPECT_THAT(guest.error().broke, HasSubstr("no-such-device"));
  EXPECT_THAT(guest.error().broke, HasSubstr("exited with status 1"));
}

TEST_P(OnTarget, the_version_is_QEMUs) {
  auto version = backend_->version(target_);
  ASSERT_TRUE(version) << why(version.error());
  EXPECT_THAT(*version, testing::MatchesRegex("QEMU [0-9]+\\.[0-9.]+"));
}

TEST_P(OnTarget, the_probe_guest_answers_under_TCG) {
  auto answered = run_probe_guest(target_, Accelerator::tcg, 20s);
  EXPECT_TRUE(answered) << why(answered.error());
}

TEST_P(OnTarget, the_chosen_accelerator_runs_guests_and_stays_chosen) {
  const auto choice = choose_accelerator(target_);
  EXPECT_FALSE(choice.why.empty());
  RecordProperty("why", choice.why);
  auto answered = run_probe_guest(target_, choice.accelerator, 20s);
  EXPECT_TRUE(answered) << choice.why << ": " << why(answered.error());
  EXPECT_EQ(choose_accelerator(target_).why, choice.why);
}

TEST_P(OnTarget, a_counted_guest_runs_and_is_restored) {
  auto counted = spec();
  counted.count_instructions = true;
  auto guest = boot(counted);
  ASSERT_TRUE(guest);
  expect_output(*guest, Stream::console, "hello\n");
  EXPECT_EQ(ask(*guest), "N1\n");
  ASSERT_TRUE(guest->save("one"));
  EXPECT_EQ(ask(*guest), "N2\n");
  ASSERT_TRUE(guest->restore("one"));
  EXPECT_EQ(ask(*guest), "N2\n");
}

class OnX86 : public OnTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, OnX86, testing::Values("x86_64"), [](const auto& row) { return row.param; });

TEST_P(OnX86, a_panic_that_the_machine_tells_of) {
  target_.qemu_args.push_back({"-device pvpanic", "the payload panics through it"});
  auto guest = boot_ready();
  ASSERT_TRUE(guest);
  ASSERT_TRUE(guest->send("p"));
  auto end = expect_end(*guest);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->why, Ended::Why::panicked);
  EXPECT_FALSE(end->gone);
}

TEST_P(OnX86, two_guests_at_once) {
  auto one = boot(spec("one")), two = boot(spec("two"));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(ask(*one), "N1\n");
  EXPECT_EQ(ask(*two), "N1\n");
  EXPECT_EQ(ask(*one), "N2\n");
}

TEST_P(OnX86, a_missing_QEMU_names_its_package) {
  target_.qemu = "qemu-system-nowhere";
  target_.qemu_package = "qemu-system-misc";
  auto guest = backend_->boot(spec());
  ASSERT_FALSE(guest);
  EXPECT_EQ(guest.error().code, Errc::not_found);
  EXPECT_THAT(guest.error().hint, HasSubstr("qemu-system-misc"));
}

TEST_P(OnX86, a_guest_of_a_thread_that_ended_lives_on) {
  std::unique_ptr<Guest> guest;
  std::thread([&] { guest = boot_ready(); }).join();
  ASSERT_TRUE(guest);
  EXPECT_EQ(ask(*guest), "N1\n");
}

}  // namespace
}  // namespace kexlab::vm
