// SPDX-License-Identifier: Apache-2.0
// Guests ready for cases: what must be booted for which case, and how a booted guest is had again in a moment.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "harness/engine/bus.h"
#include "harness/engine/case_runner.h"
#include "harness/vm/vm.h"

namespace kexlab::engine {

/// All that belongs to one target and kernel in a run: its row, its kernels, and how its guests run.
struct Bench {
  const Target* target = nullptr;  ///< not null
  std::string asked;               ///< the word of --kernel that means `self`; empty: the default
  images::Kernel self, next;
  std::optional<images::Kernel> crash;  ///< loaded for a crash in place of `self`, see CatalogueRow::crash
  std::optional<Payload> payload;       ///< made by `prepare`
  Bytes witness;
  vm::AcceleratorChoice accelerator;
  std::string vm_version;
};

/// Reads the witness and makes the payload. Errors: not_found with what to build.
Status prepare(Bench& bench);

/// Everything that makes two guests different. Cases with equal shapes share a guest.
struct Shape {
  const Bench* bench = nullptr;
  std::uint64_t memory_mib = 0;
  unsigned cpus = 1;
  Cargo cargo;
  std::string cmdline;
  std::string level;
  std::string firmware;
  bool count_instructions = false;
  /// "x86_64 debian-6.1 512 MiB 1 cpu": for people and as a key within a run.
  [[nodiscard]] std::string str() const;
  bool operator==(const Shape&) const = default;
};
Shape shape_of(const Bench& bench, const scenario::Case& what);

struct LabOptions {
  bool snapshots = true;       ///< false: every case boots its guest anew
  bool keep_snapshots = true;  ///< keep "agent ready" in the cache for later runs
  std::uint64_t seed = 0;      ///< see Stage::seed
  double deadline_scale = 1;   ///< multiplies every deadline, for slow hosts
  std::filesystem::path workdir;
  std::filesystem::path cache;
  std::filesystem::path coverage;  ///< see Stage::coverage
};

/// A guest with its agent up and nothing loaded, which can be put back to that state.
class ReadyGuest {
 public:
  ReadyGuest(vm::Backend& backend, Bus& bus, const Shape& shape, const LabOptions& options, std::stop_token stop);

  /// Makes the guest ready: starts it, restores it, or leaves it alone where it is still clean.
  /// Errors: timeout and guest_died (the kernel did not boot), and the host's: io, not_found, no_space, cancelled.
  Status make_ready();
  /// Says that a case has changed the guest.
  void spoil() { clean_ = false; }
  /// There is a snapshot that a spoilt guest is put back to; without, it is booted anew.
  [[nodiscard]] bool can_be_restored() const { return saved_; }
  /// Throws the machine away; the next make_ready starts a new one.
  void discard();

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Stage& stage() const { return stage_; }
  Session& session() { return *session_; }
  [[nodiscard]] std::uint64_t peak_memory_kib() const { return guest_ ? guest_->peak_memory_kib() : 0; }
  /// How long it took to put the guest back from its snapshot, in seconds; nothing where it was booted or still clean.
  [[nodiscard]] std::optional<double> restored_s() const { return restored_s_; }
  /// What the guest's console said while it failed to become ready.
  [[nodiscard]] std::string console() const { return session_ ? session_->console().str() : std::string(); }

 private:
  Result<vm::GuestSpec> spec();
  Status start();
  Status boot_cold(vm::GuestSpec spec);
  Status start_from_file(vm::GuestSpec spec, const std::filesystem::path& file);
  Status restore();
  Status ping();
  void keep(const std::filesystem::path& file);
  [[nodiscard]] std::filesystem::path snapshot_file(const vm::GuestSpec& spec) const;
  [[nodiscard]] vm::Clock::time_point within(double seconds) const;

  vm::Backend& backend_;
  Bus& bus_;
  Shape shape_;
  const LabOptions& options_;
  std::stop_token stop_;
  std::unique_ptr<vm::Guest> guest_;
  std::optional<Session> session_;
  Stage stage_;
  bool clean_ = false;
  bool saved_ = false;
  std::optional<double> restored_s_;
};

}  // namespace kexlab::engine
