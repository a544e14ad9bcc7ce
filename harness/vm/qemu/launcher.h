// SPDX-License-Identifier: Apache-2.0
// Starts child processes that cannot outlive this one, and waits for their end.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kexlab/error.h"

namespace kexlab::vm {

/// Where a program lies: a name with a '/' as it is, any other along PATH. Empty: nowhere.
std::filesystem::path find_program(const std::string& name);

struct Launch {
  std::filesystem::path program;
  std::vector<std::string> arguments;  ///< without argv[0]
  int output = -1;                     ///< descriptor for the child's stdout and stderr
  std::vector<int> inherited;          ///< descriptors that keep their numbers in the child; all others are closed
};

/// A running child. It is killed by the kernel when this process ends, however it ends; it is in a process group of its
/// own, so that an interrupt from the terminal reaches the harness alone. Destruction kills and reaps.
class Child {
 public:
  /// `on_exit` runs inside `context` once the child is reaped. Error: io.
  static Result<std::unique_ptr<Child>> start(boost::asio::io_context& context, const Launch& launch,
                                              std::function<void()> on_exit);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// wait(2)'s status word once the child has been reaped.
  [[nodiscard]] std::optional<int> status() const;
  /// Sends a signal unless the child has been reaped.
  void signal(int number);

 private:
  struct Handle;
  explicit Child(pid_t pid);
  pid_t pid_;
  std::unique_ptr<Handle> handle_;
};

/// "exited with status 1", "was killed by signal 6 (Aborted)".
std::string describe_wait_status(int status);

}  // namespace kexlab::vm
