// SPDX-License-Identifier: Apache-2.0
// Child processes by Boost.Process v2, forked from one thread that lives as long as the process.
//
// PR_SET_PDEATHSIG is tied to the thread that forked, not to its process: a child started by a worker that ends would
// be killed with the worker. So all children are forked by one thread that nobody ends (prctl(2), PR_SET_PDEATHSIG).
#include "harness/vm/qemu/launcher.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <cstring>
// Boost 1.81's Process v2 uses the first four and, with std::filesystem, does not include them: their order matters.
// clang-format off
#include <boost/optional.hpp>
#include <boost/type_traits/is_constructible.hpp>
#include <boost/type_traits/is_convertible.hpp>
#include <boost/type_traits/remove_pointer.hpp>
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/process.hpp>
// clang-format on

namespace kexlab::vm {
namespace asio = boost::asio;
namespace bp = boost::process::v2;
namespace {

/// What happens between fork and exec: system calls only, since other threads may hold any lock.
struct DieWithParent {
  const Launch& launch;
  pid_t parent = ::getpid();

  template <class Launcher>
  boost::system::error_code on_setup(Launcher& launcher, const bp::filesystem::path&, const char* const*) {
    launcher.fd_whitelist.insert(launcher.fd_whitelist.end(), launch.inherited.begin(), launch.inherited.end());
    return {};
  }
  template <class Launcher>
  boost::system::error_code on_exec_setup(Launcher&, const bp::filesystem::path&, const char* const*) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(EXIT_FAILURE);  // the parent died before the line above: no signal will come
    ::setpgid(0, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    // Boost 1.81 closes only what lies above the highest descriptor it was told to keep.
    ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    for (const int fd : launch.inherited) ::fcntl(fd, F_SETFD, 0);
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDIN_FILENO);
    ::dup2(launch.output >= 0 ? launch.output : null, STDOUT_FILENO);
    ::dup2(launch.output >= 0 ? launch.output : null, STDERR_FILENO);
    return {};
  }
  // The launcher would call exit(3) next, and with it this process's exit handlers inside the child.
  template <class Launcher>
  void on_exec_error(Launcher&, const bp::filesystem::path&, const char* const*, const boost::system::error_code&) {
    ::_exit(EXIT_FAILURE);
  }
};

Result<pid_t> fork_and_exec(const Launch& launch) {
  try {
    // A context of its own: the fork touches every reactor of the context it is given.
    asio::io_context context;
    boost::system::error_code broken;
    auto process = bp::default_process_launcher()(context.get_executor(), broken, launch.program, launch.arguments,
                                                  DieWithParent{launch});
    if (broken) return fail(Errc::io, "start " + launch.program.string(), broken.message());
    return process.detach().id();
  } catch (const std::exception& problem) {
    return fail(Errc::io, "start " + launch.program.string(), problem.what());
  }
}

Result<pid_t> fork_in_lasting_thread(const Launch& launch) {
  // Never destroyed: were the thread to end before the process does, its children would be killed.
  static auto* const lasting = new asio::thread_pool(1);
  return asio::post(*lasting, asio::use_future([&launch] { return fork_and_exec(launch); })).get();
}

}  // namespace

struct Child::Handle {
  bp::basic_process_handle<asio::io_context::executor_type> process;
  std::optional<int> status;
  std::function<void()> on_exit;
};

Child::Child(pid_t pid) : pid_(pid) {}

std::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : std::string();
  return bp::environment::find_executable(name);
}

Result<std::unique_ptr<Child>> Child::start(asio::io_context& context, const Launch& launch,
                                            std::function<void()> on_exit) {
  auto pid = fork_in_lasting_thread(launch);
  if (!pid) return tl::unexpected(pid.error());
  std::unique_ptr<Child> child(new Child(*pid));
  try {
    child->handle_.reset(new Handle{{context.get_executor(), *pid}, {}, std::move(on_exit)});
  } catch (const std::exception& problem) {  // pidfd_open(2) failed
    ::kill(*pid, SIGKILL);
    ::waitpid(*pid, nullptr, 0);
    return fail(Errc::io, "watch " + launch.program.string(), problem.what());
  }
  Handle* handle = child->handle_.get();
  handle->process.async_wait([handle](const boost::system::error_code& broken, int status) {
    if (broken) return;  // cancelled: the child object is going away
    handle->status = status;
    handle->on_exit();
  });
  return child;
}

Child::~Child() {
  if (!handle_ || handle_->status) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  boost::system::error_code ignored;
  handle_->process.wait(status, ignored);
}

std::optional<int> Child::status() const { return handle_->status; }

void Child::signal(int number) {
  if (!handle_->status) ::kill(pid_, number);
}

std::string describe_wait_status(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return "was killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
  }
  return "exited with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace kexlab::vm
