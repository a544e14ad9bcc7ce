// SPDX-License-Identifier: Apache-2.0
// A scripted backend: the engine's tests play the guest's side with it. No threads, no waiting, no clock.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "harness/vm/vm.h"

namespace kexlab::vm {

/// What a script can make happen. The harness sees it in this order, one happening for each call of Guest::next.
class FakeWire {
 public:
  void console(std::string bytes);
  void channel(std::string bytes);
  /// The guest ends; it receives nothing any more.
  void end(Ended::Why why, std::string detail = {}, bool gone = false);
  std::vector<Happening> happenings;
};

/// A guest's behaviour. It is a value: a snapshot is a copy, so state that a snapshot shall hold belongs into the
/// functions by value (mutable lambdas), and a captured reference is the outside world that no snapshot touches.
///
///   FakeScript counter{.booted = [](FakeWire& wire) { wire.channel("ready"); },
///                      .received = [n = 0](FakeWire& wire, std::string_view) mutable {
///                      wire.channel(std::to_string(++n)); }};
///
/// When nothing is left to happen, next() returns DeadlinePassed at once: a silent guest costs a test no time.
struct FakeScript {
  std::function<void(FakeWire&)> booted;                      ///< empty: a silent boot
  std::function<void(FakeWire&, std::string_view)> received;  ///< for each send(); empty: deaf
  std::function<void(FakeWire&)> restored;                    ///< after a restore; empty: nothing happens
  std::function<void(FakeWire&)> nmi;                         ///< empty: the machine has none
  bool snapshots = true;
  Diagnosis diagnosis{"running", "PC=0000000000001000", 0x1000};
  std::uint64_t peak_memory_kib = 0;
};

/// Boots what `factory` makes of the spec; an error that it returns is boot's error. May be used by several threads.
class FakeBackend final : public Backend {
 public:
  using Factory = std::function<Result<FakeScript>(const GuestSpec&)>;
  explicit FakeBackend(Factory factory);
  [[nodiscard]] std::string_view name() const override { return "fake"; }
  Result<std::unique_ptr<Guest>> boot(const GuestSpec& spec) override;
  Result<std::string> version(const Target&) override { return std::string("fake 1"); }
  /// All specs that were booted so far, in order.
  std::vector<GuestSpec> boots() const;
  /// Guests that exist right now.
  int alive() const;

  struct World;  ///< shared with the guests

 private:
  Factory factory_;
  std::shared_ptr<World> world_;
};

}  // namespace kexlab::vm
