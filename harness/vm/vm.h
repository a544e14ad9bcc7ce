// SPDX-License-Identifier: Apache-2.0
// What the engine asks of a virtual machine: boot, send, next, snapshot (optional), diagnose; destruction kills.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
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
  std::string cmdline;  ///< whole command line, console included
  unsigned memory_mib = 512;
  unsigned cpus = 1;
  const Level* level = nullptr;  ///< of the target, to start the kernel at; nullptr: the usual one
  const Firmware* firmware = nullptr;  ///< of the target, to start the kernel by; nullptr: the usual one
  Accelerator accelerator = Accelerator::tcg;
  bool count_instructions = false;  ///< -icount shift=0,sleep=off with a fixed seed and clock
  std::filesystem::path workdir;    ///< for this guest alone, made by the backend; snapshots lie here, without names
  /// A file that Guest::save_to_file made of an equal spec: the machine goes on from there instead of booting. Several
  /// guests can start from one file at a time. Empty: boot.
  std::filesystem::path restore_from;
};

/// Bytes that the guest wrote.
struct Output {
  enum class Stream { console, channel } stream;
  std::string bytes;
};
/// The guest stopped by itself; the machine is still there to be looked at unless `gone`. Snapshots can be restored in
/// either case.
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

  /// Queues bytes for the channel; they travel while `next` waits. Errors: guest_died; no_space when more than 16 MiB
  /// wait.
  virtual Status send(std::string_view bytes) = 0;
  /// Waits for the next thing that happens. Returns DeadlinePassed once `deadline` has passed, whatever is pending
  /// (nothing of it is lost), or error `cancelled` when `stop` is set. Output comes in pieces of at most 64 KiB,
  /// console and channel in turn where both have some. Ended comes after the last output, and again whenever it is
  /// asked for.
  virtual Result<Happening> next(Clock::time_point deadline, std::stop_token stop = {}) = 0;
  [[nodiscard]] virtual bool can_snapshot() const = 0;
  /// Saves the whole machine under `tag` and lets it run on. Bytes that were sent but not yet read by the guest's UART
  /// are not part of it. Errors: unsupported, guest_died (it has ended), io (disk full), timeout.
  virtual Status save(std::string_view tag) = 0;
  /// Puts the whole machine back, whatever it is doing or how it ended, drops pending output and input, and lets it
  /// run. Nothing that was written before is delivered afterwards. The process may be another one after it. Errors:
  /// not_found (no such tag), unsupported, guest_died, timeout.
  virtual Status restore(std::string_view tag) = 0;
  /// Saves the whole machine into a file for GuestSpec::restore_from, and lets it run on. The file appears whole or not
  /// at all. Errors: as for save.
  virtual Status save_to_file(const std::filesystem::path& path);
  /// Raises a non-maskable interrupt, or what the machine has in its place. Errors: unsupported (the machine has none),
  /// guest_died, timeout.
  virtual Status raise_nmi() = 0;
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

/// Finds the emulator of a target. Errors: not_found, and whatever kept it from being had.
using FindEmulator = std::function<Result<std::filesystem::path>(const Target& target)>;
/// QEMU as a child process, looked for on PATH where nothing else is given. Lies in qemu/.
std::unique_ptr<Backend> make_qemu_backend(FindEmulator find = {});

/// A new empty folder under $TMPDIR or /tmp, removed with all it holds on destruction.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make();
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit ScratchFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// Which accelerator really runs guests of this target: KVM only after a probe guest answered within seconds.
/// `why` says in one line why it is TCG where KVM might have been expected.
struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::tcg;
  std::string why;
};
/// Asked once for each target in a process; later answers are the same.
AcceleratorChoice choose_accelerator(const Target& target);

}  // namespace kexlab::vm
