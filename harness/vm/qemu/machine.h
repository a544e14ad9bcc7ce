// SPDX-License-Identifier: Apache-2.0
// One QEMU process with its control socket and its streams.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/vm/qemu/descriptor.h"
#include "harness/vm/qemu/launcher.h"
#include "harness/vm/qemu/qmp.h"
#include "harness/vm/qemu/stream.h"
#include "harness/vm/vm.h"

namespace kexlab::vm {

/// The last bytes that QEMU wrote to stdout and stderr, at most `most`.
class LastWords {
 public:
  static constexpr std::size_t most = std::size_t{16} << 10;
  LastWords(boost::asio::io_context& context, Descriptor pipe);
  /// In one line, for an error; empty when nothing was said.
  [[nodiscard]] std::string line() const;
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void read();
  boost::asio::readable_pipe pipe_;
  std::vector<char> block_;
  std::string text_;
  bool ended_ = false;
};

/// What became of the guest of a QEMU that ended without a word about it. QEMU tells before it ends because it was
/// asked to, and ends with another status because it could not go on; status 0 alone is the guest's own power switch on
/// machines whose device just leaves: riscv's virt up to QEMU 8.1 (hw/misc/sifive_test.c calls exit(0)).
Ended::Why end_of_process(int wait_status);

/// Everything happens inside wait(), command() and end(), in the caller's thread.
class Machine {
 public:
  /// Starts QEMU and waits until it talks. With `saved` (a descriptor that stands at the start of a saved machine) it
  /// goes on from there. Errors: io (QEMU ended at once, with its last words), timeout, protocol.
  static Result<std::unique_ptr<Machine>> start(const GuestSpec& spec, const std::filesystem::path& program, int saved);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  [[nodiscard]] pid_t pid() const { return child_->pid(); }
  /// No QEMU process any more.
  [[nodiscard]] bool gone() const { return child_->status().has_value(); }
  /// The machine stopped by itself or is gone; output may still be pending.
  [[nodiscard]] bool stopped() const { return end_.has_value() || gone(); }
  Status send(std::string_view bytes);
  /// The next piece of output, streams in turn.
  std::optional<Output> take_output();
  /// How the machine ended, once all its output has been taken.
  std::optional<Ended> take_end();
  /// Runs until something happened, or the deadline.
  void wait(Clock::time_point deadline);
  /// Ends a wait(). The one function that other threads may call.
  void wake();
  /// A QMP command with a time limit. Errors: as Qmp::execute; guest_died with QEMU's last words when it is gone.
  Result<nlohmann::json> command(std::string_view name, const nlohmann::json& arguments,
                                 std::chrono::milliseconds limit, int passed = -1);
  /// Writes the stopped machine into a descriptor.
  Status migrate_to(int fd);
  /// SIGKILL, and reaps.
  void kill();

 private:
  Machine() = default;
  Status launch(const GuestSpec& spec, const std::filesystem::path& program, int saved);
  Status come_up(int saved);
  Status wait_migrated(const std::string& what);
  Status wait_finalized();
  void on_event(const std::string& name, const nlohmann::json& data);
  bool wait_exit(std::chrono::milliseconds limit);
  void collect_last_words();
  tl::unexpected<Error> explained(Error error);
  Stream& stream(Output::Stream which) { return which == Output::Stream::console ? *console_ : *channel_; }

  boost::asio::io_context context_;
  /// A context without work stops for good; here work comes again once output is taken.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::unique_ptr<Child> child_;
  std::unique_ptr<LastWords> last_words_;
  std::unique_ptr<Stream> console_, channel_;
  std::unique_ptr<Qmp> qmp_;
  std::optional<Ended> end_;
  std::string migration_;  ///< last status that QEMU told of
  bool settled_ = false;   ///< QEMU has answered after the end, so all output is in the sockets
  Output::Stream last_taken_ = Output::Stream::console;
  std::uint64_t told_dropped_ = 0;
};

}  // namespace kexlab::vm
