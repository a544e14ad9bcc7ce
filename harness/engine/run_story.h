// SPDX-License-Identifier: Apache-2.0
// The scheduler on scripted guests: what its tests share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>

#include "harness/engine/run.h"
#include "harness/engine/testing_guest.h"

namespace kexlab::engine {

using testing_guest::Agent;
using testing_guest::cases_of;
using testing_guest::Lab;
using vm::FakeWire;

/// Keeps what it hears.
class Recorder : public Sink {
 public:
  void on(const Event& event) override { events.push_back(event); }
  template <class Kind>
  [[nodiscard]] std::vector<Kind> all() const {
    std::vector<Kind> found;
    for (const auto& event : events) {
      if (const auto* one = std::get_if<Kind>(&event)) found.push_back(*one);
    }
    return found;
  }
  /// "id outcome" of each result, with the reason where it is an error.
  [[nodiscard]] std::vector<std::string> finished() const {
    std::vector<std::string> ids;
    for (const auto& one : all<CaseFinished>())
      ids.push_back(one.result.id + " " + to_string(one.result.outcome) +
                    (one.result.outcome == Outcome::error ? ": " + one.result.reason : ""));
    return ids;
  }
  std::vector<Event> events;
};

/// A place where guests of several workers meet.
class Meeting {
 public:
  /// True once `count` have come; false where they have not within `patience`.
  bool come(int count, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    return changed_.wait_for(lock, patience, [&] { return here_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
};

// Three cases of one shape, two of another.
inline constexpr const char* five = R"(name: a/self
about: A kernel starts itself.
steps:
  - load: {kernel: self}
  - switch: reboot
---
name: a/state
about: Nothing is loaded.
steps:
  - state: {loaded: false}
---
name: a/segments
about: Segments are loaded.
steps:
  - load: {segments: [{at: ram + 16 MiB, size: 1 page}]}
---
name: b/state
about: Nothing is loaded.
guest: {cpus: 2}
steps:
  - state: {loaded: false}
---
name: b/segments
about: Segments are loaded.
guest: {cpus: 2}
steps:
  - load: {segments: [{at: ram + 16 MiB, size: 1 page}]}
)";

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    bus_.attach(recorder_);
    options_.lab = {
        .snapshots = true, .keep_snapshots = false, .workdir = lab_.folder(), .cache = lab_.folder() / "cache"};
    options_.memory_mib = 1 << 20;
    benches_.push_back(std::move(lab_.bench));
    // The payload points at the kernels of its bench.
    EXPECT_TRUE(prepare(benches_.front()));
    lab_.bench.payload = benches_.front().payload;
  }

  Agent agent() {
    Agent agent = lab_.agent();
    agent.resolve_context = &*benches_.front().payload;
    return agent;
  }

  RunFinished run(const std::vector<scenario::Case>& cases, std::stop_token stop = {}) {
    return Runner(backend_, bus_, options_).run(make_jobs(cases, benches_), stop);
  }

  Lab lab_;
  std::vector<Bench> benches_;
  Recorder recorder_;
  Bus bus_;
  RunOptions options_;
  Agent::Instead instead_;
  int restored_ = 0;
  std::function<void(vm::FakeScript&)> change_;
  std::function<bool(const vm::GuestSpec&)> silent_;
  std::function<bool(const vm::GuestSpec&)> refused_;  ///< machines that end before they run
  vm::FakeBackend backend_{[this](const vm::GuestSpec& spec) -> Result<vm::FakeScript> {
    if (refused_ && refused_(spec)) return fail(Errc::guest_died, "start the machine", "it could not load its BIOS");
    Agent guest = agent();
    guest.instead = instead_;
    auto script = testing_guest::script_of(guest);
    script.restored = [this](FakeWire&) { ++restored_; };
    script.peak_memory_kib = 1000;
    if (change_) change_(script);
    if (silent_ && silent_(spec)) script.booted = nullptr;
    return script;
  }};
};

}  // namespace kexlab::engine
