// SPDX-License-Identifier: Apache-2.0
// A guest in QEMU.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "harness/vm/qemu/machine.h"
#include "harness/vm/vm.h"

namespace kexlab::vm {

/// A snapshot is QEMU's migration stream in a file, and restoring one is a new QEMU that reads it. So a snapshot can be
/// restored whatever became of the machine, a hung or crashed QEMU included; nothing from before can come through,
/// since the sockets are new; and saving for this process and for later ones is the same thing.
class QemuGuest final : public Guest {
 public:
  static Result<std::unique_ptr<Guest>> boot(const GuestSpec& spec, const std::filesystem::path& program,
                                             const std::string& version);
  Status send(std::string_view bytes) override { return machine_->send(bytes); }
  Result<Happening> next(Clock::time_point deadline, std::stop_token stop) override;
  [[nodiscard]] bool can_snapshot() const override { return no_snapshot() == nullptr; }
  Status save(std::string_view tag) override;
  Status restore(std::string_view tag) override;
  Status save_to_file(const std::filesystem::path& path) override;
  Status raise_nmi() override;
  Result<Diagnosis> diagnose() override;
  [[nodiscard]] int pid() const override { return machine_->gone() ? 0 : machine_->pid(); }
  [[nodiscard]] std::uint64_t peak_memory_kib() const override;

 private:
  QemuGuest(GuestSpec spec, std::filesystem::path program) : spec_(std::move(spec)), program_(std::move(program)) {}
  Status save_into(int fd, const std::string& what);
  /// Why this machine cannot be saved, or nullptr where it can.
  [[nodiscard]] const Limitation* no_snapshot() const;
  Status may_save(const std::string& what) const;
  void note_peak();
  /// The same now and then while it runs: a guest that has switched itself off tells no more.
  void note_peak_at_times();

  GuestSpec spec_;
  std::filesystem::path program_;
  std::string fingerprint_;
  std::map<std::string, Descriptor, std::less<>> snapshots_;
  std::uint64_t earlier_peak_kib_ = 0;  ///< as noted, of processes that were replaced too
  Clock::time_point next_noting_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace kexlab::vm
