// SPDX-License-Identifier: Apache-2.0
// What the engine asks of a virtual machine: boot, send, next, snapshot (optional), diagnose; destruction kills.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "harness/targets/target.h"
#include "kexlab/bytes.h"
#include "kexlab/error.h"

namespace kexlab::vm {

using Clock = std::chrono::steady_clock;

enum class Accelerator { tcg, kvm };
const char* to_string(Accelerator accelerator);

/// What to boot. Everything that influences the guest is here, so that equal specs give equal guests.
struct GuestSpec {
  const Target* target = nullptr;  ///< not null
  std::filesystem::path kernel;
  std::filesystem::path initrd;
  std::string cmdline;             ///< whole command line, console included
  unsigned memory_mib = 512;
  unsigned cpus = 1;
  Accelerator accelerator = Accelerator::tcg;
  bool count_instructions = false; ///< -icount shift=0,sleep=off with a fixed seed and clock: runs repeat exactly
  std::filesystem::path workdir;   ///< for this guest alone: sockets, snapshot disk, QEMU's log; made by the backend
};

/// Bytes that the guest wrote.
struct Output {
  enum class Stream { console, channel } stream;
  std::string bytes;
};
/// The guest stopped by itself; the machine is still there (snapshots can be restored) unless `gone`.
struct Ended {
  enum class Why { powered_off, reset, panicked, vm_died } why;
  bool gone = false;
  std::string detail;  ///< e.g. QEMU's exit status and last words
};
struct DeadlinePassed {};
using Happening = std::variant<Output, Ended, DeadlinePassed>;

/// Where the guest is, for a verdict on one that went silent.
struct Diagnosis {
  std::string status;     ///< QMP's run state: "running", "shutdown", "paused", …
  std::string registers;  ///< as QEMU prints them, bounded to 64 KiB
  std::optional<std::uint64_t> program_counter;
};

/// A running virtual machine. Not thread-safe: one worker owns it. Destruction ends it and waits for its end.
class Guest {
 public:
  Guest() = default;
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  virtual ~Guest() = default;

  /// Queues bytes for the channel. Error: guest_died.
  virtual Status send(std::string_view bytes) = 0;
  /// Waits for the next thing that happens. Returns DeadlinePassed at `deadline`, or error `cancelled` when `stop` is set.
  virtual Result<Happening> next(Clock::time_point deadline, std::stop_token stop = {}) = 0;
  [[nodiscard]] virtual bool can_snapshot() const = 0;
  /// Saves the whole machine under `tag`. Error: unsupported, io (disk full), timeout.
  virtual Status save(std::string_view tag) = 0;
  /// Puts the whole machine back, whatever it is doing or how it ended, drops pending output, and lets it run.
  virtual Status restore(std::string_view tag) = 0;
  /// Looks at the machine. Never waits longer than 2 s.
  virtual Result<Diagnosis> diagnose() = 0;
  /// Host process id, 0 where there is none. For tests and messages.
  [[nodiscard]] virtual int pid() const = 0;
  /// Largest resident memory of the machine's process so far, KiB; 0 where unknown.
  [[nodiscard]] virtual std::uint64_t peak_memory_kib() const { return 0; }
};

class Backend {
 public:
  virtual ~Backend() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Starts a machine; returns once it runs, not once it has booted. Errors: not_found (QEMU, with its package), io.
  virtual Result<std::unique_ptr<Guest>> boot(const GuestSpec& spec) = 0;
  /// What the backend itself is, e.g. "QEMU 7.2.22"; part of snapshot cache keys and of reports.
  virtual Result<std::string> version(const Target& target) = 0;
};

/// QEMU as a child process. Lies in qemu/.
std::unique_ptr<Backend> make_qemu_backend();

/// Which accelerator really runs guests of this target: KVM only after a probe guest answered within seconds.
/// `why` says in one line why it is TCG where KVM might have been expected.
struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::tcg;
  std::string why;
};
AcceleratorChoice choose_accelerator(const Target& target);

}  // namespace kexlab::vm
