// SPDX-License-Identifier: Apache-2.0
// Operations around a switch that comes back (KEXEC_JUMP): jump, and marked, which looks at what `marker` laid down.
#include <fcntl.h>
#include <linux/reboot.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/agent/agent.h"
#include "harness/agent/call_operations.h"
#include "harness/agent/jump/held_call.h"
#include "harness/agent/os.h"

namespace kexlab::agent {
namespace {

using wire::Message;

constexpr long beat_ns = 1'000'000;
// A frozen task and a stopped timer never come back; a slow machine brings them in far less.
constexpr int patience_ms = 10'000;
constexpr const char* online_cpus = "/sys/devices/system/cpu/online";

void empty(int fd) {
  std::array<std::byte, 4096> sink;
  while (read_some(fd, sink) > 0) {
  }
}

bool readable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return poll(&wait, 1, patience_ms) == 1 && (wait.revents & POLLIN) != 0;
}

int last_cpu() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) last = cpu;
  }
  return last;
}

/// A task on the last CPU that writes that CPU's number into a pipe every millisecond.
class Pulse {
 public:
  Pulse() : cpu_(last_cpu()) {
    std::array<int, 2> ends{-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
    read_end_ = Fd(ends[0]);
    const Fd write_end(ends[1]);
    child_ = fork();
    if (child_ == 0) beat(write_end.get());
  }
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;
  ~Pulse() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }

  /// Empty where the task still runs, on its own CPU; else what is wrong.
  [[nodiscard]] std::string trouble() const {
    if (child_ <= 0) return "a second task could not be made\n";
    empty(read_end_.get());
    std::byte on{};
    if (!readable(read_end_.get()) || read_some(read_end_.get(), {&on, 1}) != 1)
      return "a task on CPU " + std::to_string(cpu_) + " stands still\n";
    const int now = std::to_integer<int>(on);
    if (now == (cpu_ & 0xff)) return {};
    return "a task of CPU " + std::to_string(cpu_) + " now runs on CPU " + std::to_string(now) + "\n";
  }

 private:
  [[noreturn]] void beat(int fd) const {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)run_on_cpu(static_cast<unsigned>(cpu_));
    for (;;) {
      const timespec pause{0, beat_ns};
      nanosleep(&pause, nullptr);
      const auto cpu = static_cast<std::uint8_t>(sched_getcpu());
      if (write(fd, &cpu, 1) != 1 && errno != EAGAIN) _exit(1);  // full: nobody looks at the moment
    }
  }

  int cpu_;
  Fd read_end_;
  pid_t child_ = -1;
};

/// A timer that ticks every millisecond.
class Ticker {
 public:
  Ticker() : fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    const itimerspec every{{0, beat_ns}, {0, beat_ns}};
    timerfd_settime(fd_.get(), 0, &every, nullptr);
  }
  [[nodiscard]] std::string trouble() const {
    empty(fd_.get());
    return readable(fd_.get()) ? std::string() : std::string("a timer stopped\n");
  }

 private:
  Fd fd_;
};

std::string online() { return std::string(trimmed(read_small_file(online_cpus, 256).value_or(std::string()))); }

void jump(Agent& agent, const Message&, Message& answer) {
  const Pulse pulse;
  const Ticker ticker;
  if (const auto trouble = pulse.trouble() + ticker.trouble(); !trouble.empty()) return refuse(answer, trouble);
  const std::string cpus = online();
  say_leaving(agent);
  HeldCall call = reboot_with_registers_held(LINUX_REBOOT_CMD_KEXEC, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2);
  std::string changed = std::move(call.changed);
  if (const auto now = online(); now != cpus) changed += "CPUs " + now + " are online, were " + cpus + "\n";
  changed += pulse.trouble() + ticker.trouble();
  answer.set("value", call.result.value).set("errno", call.result.error).set("ns", call.result.nanoseconds);
  answer.set("held", call.held).set("cpus", cpus).set("changed", changed);
}

void marked(Agent& agent, const Message&, Message& answer) {
  std::uint64_t pages = 0, changed = 0;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (const Marked& area : agent.marked) {
    Bytes wanted(area.bytes.size());
    fill_pattern(area.seed, 0, wanted);
    for (std::size_t at = 0; at < wanted.size(); at += page, ++pages) {
      const bool same = std::equal(wanted.begin() + static_cast<std::ptrdiff_t>(at),
                                   wanted.begin() + static_cast<std::ptrdiff_t>(at + page), area.bytes.data() + at);
      if (!same) ++changed;
    }
  }
  answer.set("pages", pages).set("changed", changed);
}

constexpr Operation operations[] = {{"jump", true, jump}, {"marked", true, marked}};

}  // namespace

std::span<const Operation> jump_operations() { return operations; }

}  // namespace kexlab::agent
