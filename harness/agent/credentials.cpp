// SPDX-License-Identifier: Apache-2.0
// Taking on credentials. The order matters: each step still needs rights that a later one gives up.
#include "harness/agent/credentials.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/agent/agent.h"
#include "harness/agent/os.h"
#include "harness/wire/capabilities.h"

namespace kexlab::agent {
namespace {

static_assert(std::size(wire::capability_names) == CAP_CHECKPOINT_RESTORE + 1);

using wire::Message;

// What failed, or nothing.
using Trouble = std::optional<std::string>;

Trouble trouble(std::string_view what) {
  std::string text = "cannot ";
  text += what;
  text += ": ";
  return text + error_text(errno);
}

Trouble drop_from_bounding_set(const Credentials& credentials) {
  for (const unsigned capability : credentials.drop) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return trouble("drop from the bounding set");
  }
  return std::nullopt;
}

// libc has no wrapper for capget and capset, and libcap is not needed for two calls.
Trouble drop_from_own_sets(const Credentials& credentials) {
  if (credentials.drop.empty()) return std::nullopt;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return trouble("read capabilities");
  for (const unsigned capability : credentials.drop) {
    auto& set = sets[CAP_TO_INDEX(capability)];
    const std::uint32_t kept = ~CAP_TO_MASK(capability);
    set.effective &= kept;
    set.permitted &= kept;
    set.inheritable &= kept;
  }
  if (syscall(SYS_capset, &header, sets.data()) != 0) return trouble("drop capabilities");
  return std::nullopt;
}

Trouble enter_user_namespace() {
  const std::string uid_map = "0 " + std::to_string(geteuid()) + " 1";
  const std::string gid_map = "0 " + std::to_string(getegid()) + " 1";
  if (unshare(CLONE_NEWUSER) != 0) return trouble("make a user namespace");
  // Without this an unprivileged process may not write gid_map. Source: user_namespaces(7).
  (void)write_small_file("/proc/self/setgroups", "deny");
  for (const auto& [path, text] :
       {std::pair("/proc/self/uid_map", uid_map), std::pair("/proc/self/gid_map", gid_map)}) {
    if ((errno = write_small_file(path, text)) != 0) return trouble("map root into the user namespace");
  }
  return std::nullopt;
}

Trouble take_on(const Credentials& credentials) {
  if (auto bad = drop_from_bounding_set(credentials)) return bad;
  if (credentials.uid) {
    if (setgroups(0, nullptr) != 0) return trouble("drop groups");
    if (setuid(*credentials.uid) != 0) return trouble("become uid " + std::to_string(*credentials.uid));
    // A process that changed its uid is not dumpable, and /proc/self/uid_map then belongs to root.
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return trouble("stay dumpable");
  }
  if (auto bad = drop_from_own_sets(credentials)) return bad;
  return credentials.user_namespace ? enter_user_namespace() : std::nullopt;
}

[[noreturn]] void report_and_exit(int fd, const Message& report) {
  (void)write_all(fd, wire::encode_message(report));
  _exit(0);
}

[[noreturn]] void run_child(const Credentials& credentials, const std::function<void(Message&)>& call, Message report,
                            int fd) {
  if (auto bad = take_on(credentials)) {
    refuse(report, *bad);
  } else {
    call(report);
  }
  report_and_exit(fd, report);
}

// A new pid namespace holds only children born after it: hence one more fork.
[[noreturn]] void run_child_in_pid_namespace(const Credentials& credentials, const std::function<void(Message&)>& call,
                                             Message report, int fd) {
  if (unshare(CLONE_NEWPID) != 0) {
    refuse(report, *trouble("make a pid namespace"));
    report_and_exit(fd, report);
  }
  const pid_t inner = fork();
  if (inner == 0) run_child(credentials, call, std::move(report), fd);
  if (inner < 0) {
    refuse(report, *trouble("fork"));
    report_and_exit(fd, report);
  }
  while (waitpid(inner, nullptr, 0) < 0 && errno == EINTR) {
  }
  _exit(0);
}

}  // namespace

std::optional<unsigned> capability_number(std::string_view name) {
  for (unsigned i = 0; i < std::size(wire::capability_names); ++i) {
    if (wire::capability_names[i] == name) return i;
  }
  return std::nullopt;
}

std::optional<Credentials> credentials_of(const Message& request, Message& answer) {
  const auto no = [&](std::string_view why) {
    refuse(answer, why);
    return std::optional<Credentials>();
  };
  Credentials credentials;
  if (const auto uid = request.number("uid")) {
    if (*uid >= 0xffffffff) return no("uid must be below 4294967295");
    credentials.uid = static_cast<std::uint32_t>(*uid);
  }
  std::string_view names = request.text("drop").value_or("");
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    const auto number = capability_number(name);
    if (!number) return no("drop names a capability that does not exist");
    credentials.drop.push_back(*number);
    names.remove_prefix(name.size() < names.size() ? name.size() + 1 : name.size());
  }
  credentials.user_namespace = request.number("userns").value_or(0) != 0;
  credentials.pid_namespace = request.number("pidns").value_or(0) != 0;
  return credentials;
}

std::optional<Message> read_report(int fd) {
  wire::Decoder decoder;
  wire::Assembler assembler;
  std::optional<Message> report;
  std::array<std::byte, 4096> buffer;
  for (;;) {
    const long got = read_some(fd, buffer);
    if (got <= 0) return report;
    std::vector<wire::Frame> frames;
    decoder.feed(as_text(ByteView(buffer).first(static_cast<std::size_t>(got))), frames, nullptr);
    for (const auto& frame : frames) {
      auto message = assembler.take(frame);
      if (message && !report) report = std::move(message);
    }
  }
}

void call_as(const Credentials& credentials, const std::function<void(Message&)>& call, Message& answer) {
  if (!credentials.any()) return call(answer);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return refuse(answer, *trouble("make a pipe"));
  Fd from_child(ends[0]);
  Fd to_parent(ends[1]);
  const pid_t child = fork();
  if (child < 0) return refuse(answer, *trouble("fork"));
  if (child == 0) {
    const auto run = credentials.pid_namespace ? run_child_in_pid_namespace : run_child;
    run(credentials, call, answer, to_parent.get());
  }
  to_parent.reset();
  auto report = read_report(from_child.get());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!report) return refuse(answer, "the child ended without a report, wait status " + std::to_string(status));
  answer.fields = std::move(report->fields);
}

}  // namespace kexlab::agent
