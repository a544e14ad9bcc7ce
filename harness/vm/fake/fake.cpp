// SPDX-License-Identifier: Apache-2.0
// The scripted backend.
#include "harness/vm/fake/fake.h"

#include <deque>
#include <fstream>
#include <optional>

namespace kexlab::vm {

void FakeWire::console(std::string bytes) {
  happenings.emplace_back(Output{Output::Stream::console, std::move(bytes)});
}

void FakeWire::channel(std::string bytes) {
  happenings.emplace_back(Output{Output::Stream::channel, std::move(bytes)});
}

void FakeWire::end(Ended::Why why, std::string detail, bool gone) {
  happenings.emplace_back(Ended{why, gone, std::move(detail)});
}

struct FakeBackend::World {
  std::mutex mutex;
  std::vector<GuestSpec> boots;
  std::map<std::string, FakeScript> files;  ///< what save_to_file wrote, by path
  int alive = 0;
};

namespace {

class FakeGuest final : public Guest {
 public:
  FakeGuest(FakeScript script, std::shared_ptr<FakeBackend::World> world)
      : script_(std::move(script)), world_(std::move(world)) {
    const std::lock_guard lock(world_->mutex);
    ++world_->alive;
  }
  ~FakeGuest() override {
    const std::lock_guard lock(world_->mutex);
    --world_->alive;
  }

  Status send(std::string_view bytes) override {
    if (end_) return fail(Errc::guest_died, "send bytes to the guest", "the guest has ended");
    if (script_.received) run([&](FakeWire& wire) { script_.received(wire, bytes); });
    return {};
  }

  Result<Happening> next(Clock::time_point, std::stop_token stop) override {
    if (stop.stop_requested()) return fail(Errc::cancelled, "wait for the guest", "the wait was cancelled");
    if (!pending_.empty()) {
      Happening first = std::move(pending_.front());
      pending_.pop_front();
      return first;
    }
    if (end_) return Happening(*end_);
    return Happening(DeadlinePassed{});
  }

  [[nodiscard]] bool can_snapshot() const override { return script_.snapshots; }

  Status save(std::string_view tag) override {
    if (auto status = may_save(); !status) return status;
    snapshots_.insert_or_assign(std::string(tag), script_);
    return {};
  }

  Status restore(std::string_view tag) override {
    const auto found = snapshots_.find(std::string(tag));
    if (found == snapshots_.end()) {
      return fail(Errc::not_found, "restore the snapshot " + std::string(tag), "no such snapshot was saved");
    }
    go_on_from(found->second);
    return {};
  }

  Status save_to_file(const std::filesystem::path& path) override {
    if (auto status = may_save(); !status) return status;
    if (!(std::ofstream(path) << "a fake machine\n"))
      return fail(Errc::io, "write " + path.string(), "it does not open");
    const std::lock_guard lock(world_->mutex);
    world_->files.insert_or_assign(path.string(), script_);
    return {};
  }

  Status raise_nmi() override {
    if (script_.nmi) run(script_.nmi);
    return script_.nmi ? Status{} : fail(Errc::unsupported, "raise an NMI", "the script has none");
  }
  Result<Diagnosis> diagnose() override { return script_.diagnosis; }
  [[nodiscard]] int pid() const override { return 0; }
  [[nodiscard]] std::uint64_t peak_memory_kib() const override { return script_.peak_memory_kib; }

  void start() {
    if (script_.booted) run(script_.booted);
  }
  void go_on_from(const FakeScript& saved) {
    script_ = saved;
    pending_.clear();
    end_.reset();
    if (script_.restored) run(script_.restored);
  }

 private:
  template <class Step>
  void run(const Step& step) {
    FakeWire wire;
    step(wire);
    for (auto& happening : wire.happenings) {
      if (end_) break;  // what a dead guest says is not heard
      if (const auto* end = std::get_if<Ended>(&happening)) {
        end_ = *end;
      } else {
        pending_.push_back(std::move(happening));
      }
    }
  }

  Status may_save() const {
    if (!script_.snapshots) return fail(Errc::unsupported, "save the machine", "the script allows no snapshots");
    if (end_) return fail(Errc::guest_died, "save the machine", "the guest has ended");
    return {};
  }

  FakeScript script_;
  std::shared_ptr<FakeBackend::World> world_;
  std::deque<Happening> pending_;
  std::optional<Ended> end_;
  std::map<std::string, FakeScript> snapshots_;
};

}  // namespace

FakeBackend::FakeBackend(Factory factory) : factory_(std::move(factory)), world_(std::make_shared<World>()) {}

Result<std::unique_ptr<Guest>> FakeBackend::boot(const GuestSpec& spec) {
  std::optional<FakeScript> saved;
  Result<FakeScript> script = [&] {
    const std::lock_guard lock(world_->mutex);
    world_->boots.push_back(spec);
    const auto found = world_->files.find(spec.restore_from.string());
    if (found != world_->files.end()) saved = found->second;
    return factory_(spec);
  }();
  if (!script) return tl::unexpected(script.error());
  if (!spec.restore_from.empty() && !saved) {
    return fail(Errc::not_found, "restore a machine from " + spec.restore_from.string(),
                "no fake guest was saved there");
  }
  auto guest = std::make_unique<FakeGuest>(std::move(*script), world_);
  if (saved) {
    guest->go_on_from(*saved);
  } else {
    guest->start();
  }
  return guest;
}

std::vector<GuestSpec> FakeBackend::boots() const {
  const std::lock_guard lock(world_->mutex);
  return world_->boots;
}

int FakeBackend::alive() const {
  const std::lock_guard lock(world_->mutex);
  return world_->alive;
}

}  // namespace kexlab::vm
