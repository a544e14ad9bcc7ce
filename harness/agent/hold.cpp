// SPDX-License-Identifier: Apache-2.0
// The kexec lock is held through the copy from user space (kernel/kexec.c, do_kexec_load), so a page fault that is not
// answered there holds it as long as one likes. userfaultfd gives such a fault; the child takes it, the agent answers.
#include "harness/agent/hold.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "harness/agent/agent.h"
#include "kexlab/call.h"

namespace kexlab::agent {
namespace {

// From the request until the fault, and from the release until the call's end: generous under emulation.
constexpr int deadline_ms = 20'000;
constexpr std::size_t stack_size = 256 << 10;

using wire::Message;

struct Child {
  const MaterialisedCall* call;
  int reports;
};

// A userfaultfd over all guarded areas of this process, or -1 with errno. Not UFFD_USER_MODE_ONLY: it is the kernel's
// own access that is to fault.
int guard(const MaterialisedCall& call) {
  const int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  if (fd < 0) return -1;
  uffdio_api api{.api = UFFD_API, .features = 0, .ioctls = 0};
  if (ioctl(fd, UFFDIO_API, &api) != 0) return -1;
  for (const auto& area : call.guarded()) {
    uffdio_register want{};
    want.range = {reinterpret_cast<std::uintptr_t>(area.address), area.size};
    want.mode = UFFDIO_REGISTER_MODE_MISSING;
    if (ioctl(fd, UFFDIO_REGISTER, &want) != 0) return -1;
  }
  return fd;
}

// Each report is one write of less than PIPE_BUF bytes.
int child_main(void* argument) {
  const Child& child = *static_cast<const Child*>(argument);
  Message ready{.op = "guarded"};
  const int fd = guard(*child.call);
  if (fd < 0) ready.set("why", "guard memory by userfaultfd: " + error_text(errno));
  if (fd >= 0) ready.set("fd", fd);
  (void)write_all(child.reports, wire::encode_message(ready));
  if (fd < 0) _exit(0);
  const CallResult result = child.call->load();
  Message called{.op = "called"};
  called.set("value", result.value).set("errno", result.error).set("ns", result.nanoseconds);
  (void)write_all(child.reports, wire::encode_message(called));
  _exit(0);
}

void take_result(const Message& report, Message& answer) {
  for (const char* name : {"value", "errno", "ns"}) answer.set(name, report.number(name).value_or(0));
}

bool is_fault(int guard) {
  uffd_msg message{};
  return read(guard, &message, sizeof message) == sizeof message && message.event == UFFD_EVENT_PAGEFAULT;
}

}  // namespace

void Hold::start(const Message& request, Message& answer) {
  if (child_ >= 0) return refuse(answer, "a call is held already");
  if (request.text("what").value_or("lock") != "lock") return refuse(answer, "only what=lock can be held");
  const auto plan = decode_plan(request.bytes("plan").value_or(ByteView()));
  if (!plan) return refuse(answer, plan.error().str());
  auto call = MaterialisedCall::make(*plan);
  if (!call) return refuse(answer, call.error().str());
  if (call->guarded().empty()) return refuse(answer, "no buffer of the plan is guarded");
  call_.emplace(std::move(*call));
  if (!start_child(answer) || !wait_for_fault(now_ms() + deadline_ms, answer)) end();
}

// The child has its own memory but shares the descriptors: so its userfaultfd is the agent's too, without a socket to
// send it over, which a small kernel may not have.
bool Hold::start_child(Message& answer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    refuse(answer, "pipe: " + error_text(errno));
    return false;
  }
  reports_ = Fd(ends[0]);
  write_end_ = Fd(ends[1]);
  Bytes stack(stack_size);
  Child child{&*call_, write_end_.get()};
  // The middle: good for stacks that grow either way.
  child_ = clone(child_main, stack.data() + stack_size / 2, CLONE_FILES | SIGCHLD, &child);
  if (child_ < 0) refuse(answer, "clone: " + error_text(errno));
  return child_ >= 0;
}

bool Hold::wait_for_fault(std::int64_t deadline, Message& answer) {
  const auto ready = next_report(deadline, false);
  if (!ready || !ready->number("fd")) {
    refuse(answer, ready ? ready->text("why").value_or("") : "the child did not report");
    return false;
  }
  guard_ = Fd(static_cast<int>(*ready->number("fd")));
  const auto called = next_report(deadline, true);
  if (!called && is_fault(guard_.get())) {
    answer.set("held", 1);
    return true;
  }
  if (!called) {
    refuse(answer, "the call neither returned nor touched the guarded memory in time");
  } else {
    take_result(*called, answer);
    answer.set("held", 0);
  }
  return false;
}

void Hold::release(Message& answer) {
  if (child_ < 0) return refuse(answer, "no call is held");
  if (const int error = fill_guarded(); error != 0) {
    refuse(answer, "fill the guarded memory: " + error_text(error));
  } else if (const auto called = next_report(now_ms() + deadline_ms, false)) {
    take_result(*called, answer);
  } else {
    refuse(answer, "the released call did not return in time");
  }
  end();
}

// Page by page: a copy of more may stop half-way. 0 or errno.
int Hold::fill_guarded() const {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  Bytes contents(page);
  for (const auto& area : call_->guarded()) {
    for (std::size_t at = 0; at < area.size; at += page) {
      std::fill(contents.begin(), contents.end(), std::byte{0});
      const auto part = ByteView(area.contents).subspan(std::min(at, area.contents.size()));
      std::copy_n(part.begin(), std::min(part.size(), page), contents.begin());
      uffdio_copy copy{};
      copy.dst = reinterpret_cast<std::uintptr_t>(area.address) + at;
      copy.src = reinterpret_cast<std::uintptr_t>(contents.data());
      copy.len = page;
      if (ioctl(guard_.get(), UFFDIO_COPY, &copy) != 0 && errno != EEXIST) return errno;
    }
  }
  return 0;
}

// The child's next report; nothing at the deadline, or, with `or_fault`, as soon as a fault waits to be read.
std::optional<Message> Hold::next_report(std::int64_t deadline, bool or_fault) {
  while (waiting_.empty()) {
    const std::int64_t left = deadline - now_ms();
    if (left <= 0) return std::nullopt;
    pollfd watched[2] = {{reports_.get(), POLLIN, 0}, {or_fault ? guard_.get() : -1, POLLIN, 0}};
    if (poll(watched, 2, static_cast<int>(left)) < 0 && errno != EINTR) return std::nullopt;
    if ((watched[0].revents & POLLIN) == 0) {
      if ((watched[1].revents & POLLIN) != 0) return std::nullopt;
      continue;
    }
    std::array<std::byte, 4096> buffer;
    const long got = read_some(reports_.get(), buffer);
    if (got <= 0) return std::nullopt;
    std::vector<wire::Frame> frames;
    decoder_.feed(as_text(ByteView(buffer).first(static_cast<std::size_t>(got))), frames, nullptr);
    for (const auto& frame : frames) {
      if (auto report = assembler_.take(frame)) waiting_.push_back(std::move(*report));
    }
  }
  Message report = std::move(waiting_.front());
  waiting_.pop_front();
  return report;
}

void Hold::reaped(pid_t child) {
  if (child == child_) child_ = 0;  // still to be released, but no process any more
}

// Kills the child where it still runs: a fault that nobody answers can be interrupted by SIGKILL only.
void Hold::end() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  child_ = -1;
  guard_.reset();
  reports_.reset();
  write_end_.reset();
  waiting_.clear();
  call_.reset();
}

}  // namespace kexlab::agent
