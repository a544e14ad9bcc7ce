// SPDX-License-Identifier: Apache-2.0
// The interface's verbs on a QEMU process.
#include "harness/vm/qemu/guest.h"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "harness/vm/qemu/arguments.h"
#include "harness/vm/qemu/registers.h"
#include "harness/vm/qemu/saved.h"

namespace kexlab::vm {
using namespace std::chrono_literals;
using nlohmann::json;
namespace {

constexpr auto between_notings = 200ms;
constexpr std::size_t most_registers = std::size_t{64} << 10;

/// VmHWM of a process in KiB, 0 where it cannot be read.
std::uint64_t peak_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("VmHWM:")) continue;
    const auto digits = std::find_if(line.begin(), line.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::uint64_t kib = 0;
    std::from_chars(line.data() + (digits - line.begin()), line.data() + line.size(), kib);
    return kib;
  }
  return 0;
}

Status make_workdir(const std::filesystem::path& path) {
  if (path.empty()) return {};
  std::error_code broken;
  std::filesystem::create_directories(path, broken);
  if (broken) return fail(Errc::io, "make the guest's folder " + path.string(), broken.message());
  return {};
}

}  // namespace

Result<std::unique_ptr<Guest>> QemuGuest::boot(const GuestSpec& spec, const std::filesystem::path& program,
                                               const std::string& version) {
  auto text = fingerprint(spec, version);
  if (!text) return tl::unexpected(text.error());
  if (auto made = make_workdir(spec.workdir); !made) return tl::unexpected(made.error());
  Descriptor saved;
  if (!spec.restore_from.empty()) {
    auto opened = open_saved(spec.restore_from, *text);
    if (!opened) return tl::unexpected(opened.error());
    saved = std::move(*opened);
  }
  auto machine = Machine::start(spec, program, saved.get());
  if (!machine) return tl::unexpected(machine.error());
  std::unique_ptr<QemuGuest> guest(new QemuGuest(spec, program));
  guest->fingerprint_ = std::move(*text);
  guest->machine_ = std::move(*machine);
  return guest;
}

Result<Happening> QemuGuest::next(Clock::time_point deadline, std::stop_token stop) {
  const std::stop_callback wake(stop, [this] { machine_->wake(); });
  while (true) {
    if (stop.stop_requested()) return fail(Errc::cancelled, "wait for the guest", "the wait was cancelled");
    if (Clock::now() >= deadline) return DeadlinePassed{};
    if (auto output = machine_->take_output()) {
      note_peak_at_times();
      return std::move(*output);
    }
    if (auto end = machine_->take_end()) return std::move(*end);
    // The end may have shown up together with output that has to come first.
    if (!machine_->stopped()) machine_->wait(deadline);
  }
}

const Limitation* QemuGuest::no_snapshot() const {
  const Limitation* limit = spec_.target->limit("snapshot");
  return limit == nullptr && spec_.level != nullptr ? spec_.level->limit("snapshot") : limit;
}

Status QemuGuest::may_save(const std::string& what) const {
  if (const auto* limit = no_snapshot()) return fail(Errc::unsupported, what, limit->cause);
  if (machine_->stopped()) return fail(Errc::guest_died, what, "the guest has ended", "save it while it runs");
  return {};
}

Status QemuGuest::save_into(int fd, const std::string& what) {
  if (auto stopped = machine_->command("stop", json::object(), 5s); !stopped) return tl::unexpected(stopped.error());
  if (machine_->stopped()) return fail(Errc::guest_died, what, "the guest has ended meanwhile");
  auto saved = machine_->migrate_to(fd);
  auto going = machine_->command("cont", json::object(), 5s);
  if (!saved) return saved;
  if (!going) return tl::unexpected(going.error());
  return {};
}

Status QemuGuest::save(std::string_view tag) {
  const std::string what = "save the machine as " + std::string(tag);
  if (auto status = may_save(what); !status) return status;
  if (spec_.workdir.empty()) return fail(Errc::invalid_argument, what, "the guest has no folder of its own");
  auto file = SavedWriter::create(spec_.workdir, fingerprint_);
  if (!file) return tl::unexpected(file.error());
  if (auto status = save_into(file->fd(), what); !status) return status;
  snapshots_.insert_or_assign(std::string(tag), file->anonymous());
  return {};
}

Status QemuGuest::save_to_file(const std::filesystem::path& path) {
  const std::string what = "save the machine to " + path.string();
  if (auto status = may_save(what); !status) return status;
  auto file = SavedWriter::create(path.has_parent_path() ? path.parent_path() : ".", fingerprint_);
  if (!file) return tl::unexpected(file.error());
  if (auto status = save_into(file->fd(), what); !status) return status;
  return file->publish(path);
}

Status QemuGuest::restore(std::string_view tag) {
  const auto found = snapshots_.find(tag);
  const std::string name = "the snapshot " + std::string(tag);
  if (found == snapshots_.end()) return fail(Errc::not_found, "restore " + name, "no such snapshot was saved");
  const int fd = found->second.get();
  if (auto status = seek_stream(fd, fingerprint_, name); !status) return status;
  note_peak();
  machine_->kill();  // frees its memory before the next one takes as much
  auto machine = Machine::start(spec_, program_, fd);
  if (!machine) return tl::unexpected(machine.error());
  machine_ = std::move(*machine);
  return {};
}

Status QemuGuest::raise_nmi() {
  auto done = machine_->command("inject-nmi", json::object(), 2s);
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<Diagnosis> QemuGuest::diagnose() {
  auto status = machine_->command("query-status", json::object(), 900ms);
  if (!status) return tl::unexpected(status.error());
  auto registers = machine_->command("human-monitor-command", {{"command-line", "info registers"}}, 900ms);
  if (!registers) return tl::unexpected(registers.error());
  Diagnosis out;
  out.status = text_of(*status, "status", "unknown");
  if (registers->is_string()) out.registers = registers->get<std::string>().substr(0, most_registers);
  out.program_counter = parse_program_counter(out.registers);
  return out;
}

void QemuGuest::note_peak() { earlier_peak_kib_ = peak_memory_kib(); }

void QemuGuest::note_peak_at_times() {
  if (Clock::now() < next_noting_) return;
  note_peak();
  next_noting_ = Clock::now() + between_notings;
}

std::uint64_t QemuGuest::peak_memory_kib() const {
  return std::max(earlier_peak_kib_, machine_->gone() ? 0 : peak_of(machine_->pid()));
}

}  // namespace kexlab::vm
