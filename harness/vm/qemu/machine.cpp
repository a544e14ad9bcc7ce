// SPDX-License-Identifier: Apache-2.0
// Starting, driving and ending one QEMU process.
#include "harness/vm/qemu/machine.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include "harness/vm/qemu/arguments.h"

namespace kexlab::vm {
namespace asio = boost::asio;
using namespace std::chrono_literals;
using nlohmann::json;
namespace {

constexpr auto start_limit = 15s;  // a QEMU on a loaded host; 0.05 to 0.2 s on an idle one
constexpr auto command_limit = 5s;
constexpr auto migration_limit = 60s;  // 0.05 to 0.2 s for 100 MiB of memory in use
constexpr auto polite_limit = 300ms;

std::optional<Ended> end_from_event(const std::string& name, const json& data) {
  if (name == "GUEST_PANICKED") return Ended{Ended::Why::panicked, false, "the guest told QEMU that it panicked"};
  if (name != "SHUTDOWN") return std::nullopt;
  // Reasons: ShutdownCause in QEMU's qapi/run-state.json.
  const std::string reason = text_of(data, "reason");
  if (reason == "guest-shutdown") return Ended{Ended::Why::powered_off, false, reason};
  if (reason == "guest-reset" || reason == "subsystem-reset") return Ended{Ended::Why::reset, false, reason};
  if (reason == "guest-panic") return Ended{Ended::Why::panicked, false, reason};
  return Ended{Ended::Why::vm_died, false, "QEMU was told to end: " + reason};
}

}  // namespace

Ended::Why end_of_process(int wait_status) {
  return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 ? Ended::Why::powered_off : Ended::Why::vm_died;
}

LastWords::LastWords(asio::io_context& context, Descriptor pipe) : pipe_(context), block_(4096) {
  boost::system::error_code broken;
  pipe_.assign(pipe.get(), broken);
  ended_ = static_cast<bool>(broken);
  if (!ended_) pipe.release();
  read();
}

void LastWords::read() {
  if (ended_) return;
  pipe_.async_read_some(asio::buffer(block_), [this](const boost::system::error_code& broken, std::size_t size) {
    text_.append(block_.data(), size);
    if (text_.size() > most) text_.erase(0, text_.size() - most);
    ended_ = static_cast<bool>(broken);
    read();
  });
}

std::string LastWords::line() const {
  std::string out;
  for (const char byte : text_) {
    if (byte == '\n') {
      out += "; ";
    } else if (static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f) {
      out += byte;
    }
  }
  while (out.ends_with("; ")) out.resize(out.size() - 2);
  return out;
}

Result<std::unique_ptr<Machine>> Machine::start(const GuestSpec& spec, const std::filesystem::path& program,
                                                int saved) {
  std::unique_ptr<Machine> machine(new Machine);
  if (auto status = machine->launch(spec, program, saved); !status) return tl::unexpected(status.error());
  if (auto status = machine->come_up(saved); !status) return tl::unexpected(status.error());
  return machine;
}

Status Machine::launch(const GuestSpec& spec, const std::filesystem::path& program, int saved) {
  auto console = make_socket_pair(), channel = make_socket_pair(), control = make_socket_pair(), words = make_pipe();
  for (const auto* pair : {&console, &channel, &control, &words}) {
    if (!*pair) return tl::unexpected(pair->error());
  }
  const Wiring wiring{console->theirs.get(), channel->theirs.get(), control->theirs.get(), saved >= 0};
  auto arguments = qemu_arguments(spec, wiring);
  if (!arguments) return tl::unexpected(arguments.error());
  Launch launch{program, *arguments, words->theirs.get(), {wiring.console, wiring.channel, wiring.control}};
  if (saved >= 0) launch.inherited.push_back(saved);
  auto child = Child::start(context_, launch, [] {});
  if (!child) return tl::unexpected(child.error());
  child_ = std::move(*child);
  last_words_ = std::make_unique<LastWords>(context_, std::move(words->ours));
  console_ = std::make_unique<Stream>(context_, std::move(console->ours));
  channel_ = std::make_unique<Stream>(context_, std::move(channel->ours));
  qmp_ = std::make_unique<Qmp>(context_, std::move(control->ours),
                               [this](const std::string& name, const json& data) { on_event(name, data); });
  return {};  // their ends close here, so that QEMU's end is the end of each stream
}

Status Machine::come_up(int saved) {
  if (auto status = qmp_->handshake(Clock::now() + start_limit); !status) return explained(status.error());
  const json events = {{"capabilities", json::array({{{"capability", "events"}, {"state", true}}})}};
  if (auto done = command("migrate-set-capabilities", events, command_limit); !done)
    return tl::unexpected(done.error());
  if (saved < 0) return {};
  const std::string what = "restore a saved machine";
  auto begun = command("migrate-incoming", {{"uri", "fd:" + std::to_string(saved)}}, command_limit);
  if (!begun) return tl::unexpected(begun.error());
  if (auto status = wait_migrated(what); !status) {
    // QEMU ends by itself when it cannot make sense of the stream, with more to say than QMP had.
    auto error = explained({Errc::guest_died, what, status.error().broke, {}}).value();
    if (status.error().code != Errc::timeout) error.code = Errc::corrupt;
    return tl::unexpected(std::move(error));
  }
  if (auto going = command("cont", json::object(), command_limit); !going) return tl::unexpected(going.error());
  return {};
}

Machine::~Machine() {
  if (!child_ || gone()) return;
  if (qmp_ && !qmp_->closed()) {
    static_cast<void>(qmp_->execute("quit", json::object(), Clock::now() + polite_limit));
    if (wait_exit(polite_limit)) return;
  }
  child_->signal(SIGTERM);
  if (!wait_exit(polite_limit)) kill();
}

void Machine::kill() {
  child_->signal(SIGKILL);
  while (!gone()) context_.run_one();
}

bool Machine::wait_exit(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  if (console_) console_->never_hold_back(true);
  if (channel_) channel_->never_hold_back(true);
  while (!gone() && Clock::now() < deadline) context_.run_one_until(deadline);
  return gone();
}

void Machine::on_event(const std::string& name, const json& data) {
  if (name == "MIGRATION") {
    migration_ = text_of(data, "status");
  } else if (auto end = end_from_event(name, data); end && !end_) {
    end_ = std::move(end);
  }
}

Status Machine::send(std::string_view bytes) {
  if (stopped()) return fail(Errc::guest_died, "send bytes to the guest", "the guest has ended");
  return channel_->send(bytes);
}

std::optional<Output> Machine::take_output() {
  using Which = Output::Stream;
  const Which first = last_taken_ == Which::console ? Which::channel : Which::console;
  for (const Which which : {first, last_taken_}) {
    if (!stream(which).pending()) continue;
    last_taken_ = which;
    return Output{which, stream(which).take()};
  }
  if (const auto dropped = console_->dropped(); dropped > told_dropped_) {
    const std::string note =
        "\n[" + std::to_string(dropped - told_dropped_) + " bytes of console output were not kept]\n";
    told_dropped_ = dropped;
    return Output{Which::console, note};
  }
  return std::nullopt;
}

std::optional<Ended> Machine::take_end() {
  if (!stopped()) return std::nullopt;
  if (gone()) {
    collect_last_words();
  } else if (!settled_) {
    // Once QEMU answers, what the guest wrote before its end is in the sockets.
    static_cast<void>(command("query-status", json::object(), 1s));
  }
  context_.poll();
  settled_ = !console_->pending() && !channel_->pending();
  if (!settled_) return std::nullopt;
  if (!gone()) return end_;
  std::string detail = "QEMU " + describe_wait_status(*child_->status());
  if (const auto words = last_words_->line(); !words.empty()) detail += ": " + words;
  return Ended{end_ ? end_->why : end_of_process(*child_->status()), true, detail};
}

/// QEMU is gone: its ends of the streams are closed, and what they still hold ends soon.
void Machine::collect_last_words() {
  const auto deadline = Clock::now() + 1s;
  const auto waiting = [this] {
    return !last_words_->ended() || (!console_->ended() && !console_->pending()) ||
           (!channel_->ended() && !channel_->pending());
  };
  while (waiting() && Clock::now() < deadline) context_.run_one_until(deadline);
}

void Machine::wait(Clock::time_point deadline) { context_.run_one_until(deadline); }

void Machine::wake() {
  asio::post(context_, [] {});
}

Result<json> Machine::command(std::string_view name, const json& arguments, std::chrono::milliseconds limit,
                              int passed) {
  console_->never_hold_back(true);
  channel_->never_hold_back(true);
  auto answer = qmp_->execute(name, arguments, Clock::now() + limit, passed);
  console_->never_hold_back(false);
  channel_->never_hold_back(false);
  if (!answer && answer.error().code == Errc::guest_died) return explained(answer.error());
  return answer;
}

Status Machine::wait_migrated(const std::string& what) {
  const auto deadline = Clock::now() + migration_limit;
  while (migration_ != "completed" && migration_ != "failed" && migration_ != "cancelled") {
    if (qmp_->closed() || gone()) {
      return explained({Errc::guest_died, what, "QEMU ended while it worked on it", {}});
    }
    if (Clock::now() >= deadline) return fail(Errc::timeout, what, "QEMU did not finish in 60 s");
    context_.run_one_until(deadline);
  }
  if (migration_ == "completed") return {};
  auto answer = command("query-migrate", json::object(), command_limit);
  return fail(Errc::io, what, answer ? text_of(*answer, "error-desc", "migration " + migration_) : "migration failed");
}

Status Machine::migrate_to(int fd) {
  migration_.clear();
  // Without this QEMU 7.2 keeps to 128 MiB/s (migration/migration.c, MAX_THROTTLE).
  const json unthrottled = {{"max-bandwidth", std::uint64_t{1} << 40}};
  const std::pair<const char*, json> steps[] = {
      {"migrate-set-parameters", unthrottled}, {"getfd", {{"fdname", "saved"}}}, {"migrate", {{"uri", "fd:saved"}}}};
  for (const auto& [name, arguments] : steps) {
    auto done = command(name, arguments, command_limit, std::string_view(name) == "getfd" ? fd : -1);
    if (!done) return tl::unexpected(done.error());
  }
  auto status = wait_migrated("save the machine");
  if (!status) static_cast<void>(command("migrate_cancel", json::object(), command_limit));
  if (!status) return status;
  return wait_finalized();
}

// "completed" is told before the run state leaves finish-migrate, and until then `cont` is refused
// (migration/migration.c, migration_iteration_finish; softmmu/runstate.c, vm_prepare_start).
Status Machine::wait_finalized() {
  const auto deadline = Clock::now() + command_limit;
  while (Clock::now() < deadline) {
    auto now = command("query-status", json::object(), command_limit);
    if (!now) return tl::unexpected(now.error());
    if (text_of(*now, "status", "") != "finish-migrate") return {};
    context_.run_one_until(std::min(deadline, Clock::now() + 5ms));
  }
  return fail(Errc::timeout, "save the machine", "QEMU did not leave the state finish-migrate");
}

/// Adds how QEMU ended to an error that its silence caused.
tl::unexpected<Error> Machine::explained(Error error) {
  if (error.code == Errc::guest_died && wait_exit(2s)) {
    collect_last_words();
    error.broke = "QEMU " + describe_wait_status(*child_->status());
    if (const auto words = last_words_->line(); !words.empty()) error.broke += ": " + words;
  }
  return tl::unexpected(std::move(error));
}

}  // namespace kexlab::vm
