// SPDX-License-Identifier: Apache-2.0
// Running a tool to its end, by Boost.Process v2.
#include "harness/images/process.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
// Boost 1.81's process v2 gets these only by way of Boost.Filesystem, which is not used here.
#include <boost/optional.hpp>
#include <boost/type_traits/decay.hpp>
#include <boost/type_traits/is_constructible.hpp>
#include <boost/type_traits/remove_pointer.hpp>
//
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/start_dir.hpp>
#include <boost/process/v2/stdio.hpp>
#include <fstream>
#include <optional>

namespace kexlab::images {
namespace asio = boost::asio;
namespace bp = boost::process::v2;
namespace {

constexpr std::size_t kept_lines = 20;
constexpr std::size_t kept_output = std::size_t{16} << 20;
constexpr std::size_t longest_line = std::size_t{64} << 10;

/// Sets up the child between fork and exec: a group of its own, so that a deadline reaches what it started too, and
/// death with the thread that waits for it.
struct Child {
  const std::vector<std::string>* environment = nullptr;
  int nice = 0;
  std::vector<const char*> pointers;

  template <class Launcher>
  boost::system::error_code on_setup(Launcher& launcher, const bp::filesystem::path&, const char* const*) {
    for (const auto& each : *environment) pointers.push_back(each.c_str());
    pointers.push_back(nullptr);
    launcher.env = pointers.data();
    return {};
  }
  template <class Launcher>
  boost::system::error_code on_exec_setup(Launcher&, const bp::filesystem::path&, const char* const*) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (nice != 0) static_cast<void>(!::nice(nice));
    return {};
  }
};

/// Reads one pipe to its end and hands out lines.
class LineReader {
 public:
  LineReader(asio::io_context& context, std::function<void(std::string_view)> on_block,
             std::function<void(std::string)> on_line, std::function<void()> on_end)
      : pipe(context), on_block_(std::move(on_block)), on_line_(std::move(on_line)), on_end_(std::move(on_end)) {}

  void start() {
    pipe.async_read_some(asio::buffer(block_), [this](const boost::system::error_code& broken, std::size_t size) {
      take({block_.data(), size});
      if (!broken) return start();
      if (!line_.empty()) on_line_(std::move(line_));
      on_end_();
    });
  }
  asio::readable_pipe pipe;

 private:
  void take(std::string_view bytes) {
    on_block_(bytes);
    for (const char c : bytes) {
      const bool ends = c == '\n' || c == '\r';
      if (!ends) line_ += c;
      if ((ends && !line_.empty()) || line_.size() == longest_line) on_line_(std::exchange(line_, {}));
    }
  }
  std::array<char, 16384> block_{};
  std::string line_;
  std::function<void(std::string_view)> on_block_;
  std::function<void(std::string)> on_line_;
  std::function<void()> on_end_;
};

std::vector<std::string> whole_environment(const Command& command) {
  auto variables = command.environment;
  // Messages are parsed and quoted: keep them in one language.
  variables.emplace("LC_ALL", "C");
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!variables.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
  }
  for (const auto& [name, value] : variables) all.push_back(name + "=" + value);
  return all;
}

std::stop_token& stop_of_commands() {
  static std::stop_token token;
  return token;
}

class Runner {
 public:
  explicit Runner(const Command& command) : command_(command) {
    if (!command.log.empty()) log_.emplace(command.log, std::ios::binary | std::ios::app);
  }

  Result<Finished> go(const std::filesystem::path& program) {
    start(program);
    out_.start();
    err_.start();
    timer_.expires_after(command_.deadline);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
      timed_out_ = !cancelled;
      if (!cancelled) stop();
    });
    const std::stop_callback on_stop(stop_of_commands(), [this] {
      asio::post(context_, [this] {
        cancelled_ = true;
        stop();
      });
    });
    child_->async_wait([this](const boost::system::error_code&, int) { ended(); });
    context_.run();
    if (cancelled_) return fail(Errc::cancelled, "run " + command_.argv[0], "it was interrupted");
    if (timed_out_) {
      return fail(
          Errc::timeout, "run " + command_.argv[0],
          "not finished after " + std::to_string(command_.deadline.count()) + " s; last words:\n" + done_.last_words());
    }
    return std::move(done_);
  }

 private:
  void start(const std::filesystem::path& program) {
    const std::vector<std::string> arguments(command_.argv.begin() + 1, command_.argv.end());
    const auto folder = command_.folder.empty() ? std::filesystem::current_path() : command_.folder;
    const auto environment = whole_environment(command_);
    child_.emplace(
        context_, bp::filesystem::path(program.string()), arguments, bp::process_stdio{nullptr, out_.pipe, err_.pipe},
        bp::process_start_dir(bp::filesystem::path(folder.string())), Child{&environment, command_.nice, {}});
  }
  void stop() {
    ::kill(-static_cast<pid_t>(child_->id()), SIGKILL);
    close_pipes();
  }
  void ended() {
    // What async_wait hands over does not tell an exit code from a signal.
    const int status = child_->native_exit_code();
    done_.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    part_ended();
  }
  /// The timer runs until the child and both pipes are done: what the child left behind may still hold a pipe.
  void part_ended() {
    if (--running_ == 0) timer_.cancel();
  }
  void close_pipes() {
    boost::system::error_code ignored;
    out_.pipe.close(ignored);
    err_.pipe.close(ignored);
  }
  void log(std::string_view bytes) {
    if (log_) log_->write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  }
  void line(std::string text) {
    if (command_.on_line) command_.on_line(text);
    done_.last.push_back(std::move(text));
    if (done_.last.size() > kept_lines) done_.last.pop_front();
  }

  const Command& command_;
  Finished done_;
  bool timed_out_ = false, cancelled_ = false;
  int running_ = 3;
  std::optional<std::ofstream> log_;
  asio::io_context context_;
  asio::steady_timer timer_{context_};
  LineReader out_{context_,
                  [this](std::string_view bytes) {
                    log(bytes);
                    done_.out += bytes.substr(0, kept_output - std::min(kept_output, done_.out.size()));
                  },
                  [this](std::string text) { line(std::move(text)); }, [this] { part_ended(); }};
  LineReader err_{context_, [this](std::string_view bytes) { log(bytes); },
                  [this](std::string text) { line(std::move(text)); }, [this] { part_ended(); }};
  std::optional<bp::process> child_;
};

}  // namespace

std::string Finished::last_words() const {
  std::string text;
  for (const auto& each : last) text += (text.empty() ? "" : "\n") + each;
  return text;
}

std::filesystem::path find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return ::access(std::string(name).c_str(), X_OK) == 0 ? name : "";
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable != nullptr ? variable : "/usr/bin:/bin";
  while (!folders.empty()) {
    const auto end = std::min(folders.find(':'), folders.size());
    const auto candidate = std::filesystem::path(folders.substr(0, end)) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(candidate, ignored) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return {};
}

void stop_commands_with(std::stop_token stop) { stop_of_commands() = std::move(stop); }

Result<Finished> run(const Command& command) {
  const auto program = find_program(command.argv.at(0));
  if (program.empty()) {
    return fail(Errc::not_found, "run " + command.argv[0], "no such program on PATH",
                "install it; kexlab doctor names packages");
  }
  try {
    return Runner(command).go(program);
  } catch (const std::exception& broken) {
    return fail(Errc::io, "run " + command.argv[0], broken.what());
  }
}

Result<Finished> demand(const Command& command, const std::string& asked, const std::string& hint) {
  auto finished = run(command);
  if (!finished) {
    finished.error().asked = asked + " (" + finished.error().asked + ")";
    return finished;
  }
  if (finished->exit_code == 0) return finished;
  return fail(Errc::io, asked,
              command.argv[0] + " ended with " + std::to_string(finished->exit_code) + "; last words:\n" +
                  finished->last_words(),
              hint);
}

}  // namespace kexlab::images
