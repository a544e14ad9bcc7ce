// SPDX-License-Identifier: Apache-2.0
// Ready guests: booted once, saved, and put back for each case.
#include "harness/engine/lab.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/images/digest.h"
#include "harness/images/file.h"

namespace kexlab::engine {
namespace {

namespace fs = std::filesystem;

// Seconds, before scaling. A Debian kernel needs 2 to 5 s to its first process under TCG on a 2-core host.
constexpr double boot_deadline = 90;
constexpr double facts_deadline = 60;
constexpr double ping_deadline = 5;

std::string to_json(const Hello& hello, const Facts& facts) {
  nlohmann::json json{{"facts", nlohmann::json::parse(save_facts(facts))},
                      {"release", hello.release},
                      {"version", hello.version},
                      {"machine", hello.machine},
                      {"cmdline", hello.cmdline},
                      {"nonce", hello.nonce},
                      {"boot_id", hello.boot_id},
                      {"channel", hello.channel},
                      {"generation", hello.generation},
                      {"page_size", hello.page_size}};
  return json.dump();
}

/// What is known of the guest in a snapshot.
struct Known {
  Hello hello;
  Facts facts;
};

Result<Known> from_json(const std::string& text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("facts"))
    return fail(Errc::corrupt, "read what was kept of a guest", "it is no JSON object with facts");
  auto facts = load_facts(json["facts"].dump());
  if (!facts) return tl::unexpected(facts.error());
  Hello hello;
  hello.release = json.value("release", "");
  hello.version = json.value("version", "");
  hello.machine = json.value("machine", "");
  hello.cmdline = json.value("cmdline", "");
  hello.nonce = json.value("nonce", "");
  hello.boot_id = json.value("boot_id", "");
  hello.channel = json.value("channel", "");
  hello.generation = json.value("generation", std::uint64_t{0});
  hello.page_size = json.value("page_size", std::uint64_t{0});
  return Known{std::move(hello), std::move(*facts)};
}

// Two workers may make the same file at once; each writes its own and the last rename wins with the same bytes.
Status write_atomically(const fs::path& file, ByteView bytes) {
  const fs::path temporary = fmt::format("{}.{}.{}", file.string(), getpid(), gettid());
  auto status = images::write_file(temporary, bytes);
  std::error_code error;
  if (status) fs::rename(temporary, file, error);
  if (status && error) status = fail(Errc::io, "rename " + temporary.string(), error.message());
  if (!status) fs::remove(temporary, error);
  return status;
}

// Kept guests are a convenience; they may not eat the disk. Oldest first, each with what is known of it.
constexpr std::uintmax_t most_kept = std::uintmax_t{4} << 30;

void forget_oldest(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::uintmax_t total = 0;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".state") continue;
    files.emplace_back(entry.last_write_time(ignored), entry.path());
    total += entry.file_size(ignored);
  }
  std::sort(files.begin(), files.end());
  for (const auto& [time, file] : files) {
    if (total <= most_kept) break;
    total -= std::min(total, fs::file_size(file, ignored));
    fs::remove(file, ignored);
    fs::remove(fs::path(file).replace_extension(".json"), ignored);
  }
}

fs::path hello_file(const fs::path& snapshot) { return fs::path(snapshot).replace_extension(".json"); }

}  // namespace

Status prepare(Bench& bench) {
  auto payload = Payload::make(*bench.target, bench.self, bench.next, bench.crash ? &*bench.crash : nullptr);
  if (!payload) return tl::unexpected(payload.error());
  bench.payload = std::move(*payload);
  auto file = images::guest_binary(*bench.target, "witness.bin");
  if (!file) return {};  // a target without a witness: cases that need one are skipped, with that reason
  auto bytes = images::read_file(*file);
  if (!bytes) return tl::unexpected(bytes.error());
  bench.witness = std::move(*bytes);
  return {};
}

std::string Shape::str() const {
  return fmt::format("{} {} {} MiB {} cpu{}{}{}{}{}{}", bench->target->name, bench->self.name, memory_mib, cpus,
                     cargo.next ? " next " + bench->next.name : "", cargo.crash ? " crash " + bench->crash->name : "",
                     count_instructions ? " icount" : "", level.empty() ? "" : " " + level,
                     firmware.empty() ? "" : " " + firmware, cmdline.empty() ? "" : " " + cmdline);
}

Shape shape_of(const Bench& bench, const scenario::Case& what) {
  const Target& target = *bench.target;
  Shape shape{.bench = &bench,
              .memory_mib = guest_memory_mib(target, what.guest),
              .cpus = what.guest.cpus,
              .cargo = cargo_of(what)};
  shape.cargo.self = true;  // so that cases with and without a kernel of their own share one guest
  shape.cargo.crash = bench.crash && shape.cargo.crash;
  shape.cmdline = what.guest.cmdline;
  shape.level = what.guest.level;
  shape.firmware = what.guest.firmware;
  if (const auto mib = reservation_mib(target, what.guest); mib != 0)
    shape.cmdline += fmt::format("{}crashkernel={}M", shape.cmdline.empty() ? "" : " ", mib);
  return shape;
}

ReadyGuest::ReadyGuest(vm::Backend& backend, Bus& bus, const Shape& shape, const LabOptions& options,
                       std::stop_token stop)
    : backend_(backend), bus_(bus), shape_(shape), options_(options), stop_(std::move(stop)) {
  const Bench& bench = *shape_.bench;
  stage_ = Stage{.target = bench.target,
                 .self = &bench.self,
                 .next = &bench.next,
                 .crash = bench.crash ? &*bench.crash : &bench.self,
                 .payload = &*bench.payload,
                 .witness = bench.witness,
                 .cargo = shape_.cargo,
                 .hello = {},
                 .facts = {},
                 .coverage = options.coverage,
                 .seed = options.seed};
}

vm::Clock::time_point ReadyGuest::within(double seconds) const {
  return vm::Clock::now() + std::chrono::milliseconds(static_cast<long>(seconds * options_.deadline_scale * 1000));
}

void ReadyGuest::discard() {
  session_.reset();
  guest_.reset();
  clean_ = saved_ = false;
}

Status ReadyGuest::make_ready() {
  restored_s_.reset();
  if (guest_ && clean_ && options_.snapshots) return {};
  if (guest_ && saved_ && options_.snapshots) {
    auto restored = restore();
    if (restored || restored.error().code == Errc::cancelled) return restored;
    bus_.notice(Notice::Level::warning, "a snapshot could not be restored, booting anew: " + restored.error().str());
  }
  discard();
  return start();
}

Result<vm::GuestSpec> ReadyGuest::spec() {
  const Target& target = *shape_.bench->target;
  auto initramfs = shape_.bench->payload->first_initramfs(shape_.cargo);
  if (!initramfs) return tl::unexpected(initramfs.error());
  const std::string digest = images::sha256(*initramfs);
  const fs::path file = options_.workdir / ("initramfs-" + digest.substr(0, 16) + ".cpio");
  if (std::error_code ignored; !fs::exists(file, ignored)) {
    if (auto status = write_atomically(file, *initramfs); !status) return tl::unexpected(status.error());
  }
  vm::GuestSpec spec{.target = &target, .kernel = shape_.bench->self.file, .initrd = file};
  spec.cmdline = "console=" + target.console;
  for (const auto& word : target.cmdline) spec.cmdline += " " + word.value;
  spec.cmdline += " kexlab.channel=" + target.channel.device;
  if (!shape_.cmdline.empty()) spec.cmdline += " " + shape_.cmdline;
  spec.memory_mib = static_cast<unsigned>(shape_.memory_mib);
  spec.cpus = shape_.cpus;
  spec.accelerator = shape_.bench->accelerator.accelerator;
  if (!shape_.level.empty()) {
    spec.level = target.find_level(shape_.level);
    spec.accelerator = vm::Accelerator::tcg;  // KVM keeps that level to itself
  }
  if (!shape_.firmware.empty()) spec.firmware = target.find_firmware(shape_.firmware);
  spec.count_instructions = shape_.count_instructions;
  static std::atomic<unsigned> number{0};
  spec.workdir = options_.workdir / fmt::format("guest-{}", ++number);
  return spec;
}

// Equal keys, equal guests: everything that shapes the state of a booted machine goes in.
fs::path ReadyGuest::snapshot_file(const vm::GuestSpec& spec) const {
  std::string key = fmt::format("5|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}", shape_.bench->vm_version, shape_.bench->target->name,
                                shape_.bench->target->machine, shape_.bench->target->cpu, shape_.bench->self.sha256,
                                spec.initrd.filename().string(), spec.cmdline, spec.memory_mib, spec.cpus,
                                vm::to_string(spec.accelerator));
  if (spec.level != nullptr) key += "|" + spec.level->machine + "|" + spec.level->cpu;
  if (spec.firmware != nullptr) key += "|" + spec.firmware->qemu;
  for (const auto& word : shape_.bench->target->qemu_args) key += "|" + word.value;
  for (const auto& word : shape_.bench->target->channel.qemu) key += "|" + word;
  return options_.cache / "snapshots" / (images::sha256(as_bytes(key)).substr(0, 32) + ".state");
}

Status ReadyGuest::start() {
  auto made = spec();
  if (!made) return tl::unexpected(made.error());
  const bool keep_files = options_.snapshots && options_.keep_snapshots && !shape_.count_instructions;
  const fs::path file = snapshot_file(*made);
  std::error_code ignored;
  if (keep_files && fs::exists(file, ignored) && fs::exists(hello_file(file), ignored)) {
    auto started = start_from_file(*made, file);
    if (started || started.error().code == Errc::cancelled) return started;
    bus_.notice(Notice::Level::warning, "a kept snapshot is of no use, booting anew: " + started.error().str());
    discard();
    fs::remove(file, ignored);
    fs::remove(hello_file(file), ignored);
  }
  if (auto status = boot_cold(*made); !status) return status;
  if (keep_files && guest_->can_snapshot()) keep(file);
  return {};
}

namespace {

// A machine that does not start has not come to the kernel, which then cannot be to blame for its end.
tl::unexpected<Error> did_not_start(Error error, const vm::GuestSpec& spec) {
  if (error.code == Errc::guest_died) error.code = Errc::io;
  if (error.hint.empty() && spec.firmware != nullptr)
    error.hint = "if it is the firmware that QEMU misses: apt-get install " + spec.firmware->package;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace

Status ReadyGuest::boot_cold(vm::GuestSpec spec) {
  const auto begun = vm::Clock::now();
  auto guest = backend_.boot(spec);
  if (!guest) return did_not_start(guest.error(), spec);
  guest_ = std::move(*guest);
  session_.emplace(*guest_, stop_);
  auto hello = session_->wait_hello(within(boot_deadline));
  if (!hello) return tl::unexpected(hello.error());
  stage_.hello = std::move(*hello);
  auto facts = read_facts(*session_, *shape_.bench->target, stage_.hello, within(facts_deadline));
  if (!facts) return tl::unexpected(facts.error());
  stage_.facts = std::move(*facts);
  if (!stage_.hello.module_errors.empty())
    bus_.notice(Notice::Level::warning, shape_.str() + ": " + printable(stage_.hello.module_errors));
  if (options_.snapshots && guest_->can_snapshot()) {
    if (auto status = guest_->save("ready"); !status) return status;
    saved_ = true;
  }
  clean_ = true;
  bus_.publish(GuestReady{shape_.bench->target->name, shape_.bench->self.name, shape_.str(),
                          std::chrono::duration<double>(vm::Clock::now() - begun).count(), false});
  return {};
}

Status ReadyGuest::start_from_file(vm::GuestSpec spec, const fs::path& file) {
  const auto begun = vm::Clock::now();
  auto text = images::read_file(hello_file(file));
  if (!text) return tl::unexpected(text.error());
  auto known = from_json(std::string(as_text(*text)));
  if (!known) return tl::unexpected(known.error());
  spec.restore_from = file;
  auto guest = backend_.boot(spec);
  if (!guest) return tl::unexpected(guest.error());
  guest_ = std::move(*guest);
  session_.emplace(*guest_, stop_);
  stage_.hello = std::move(known->hello);
  stage_.facts = std::move(known->facts);
  if (auto status = ping(); !status) return status;
  if (auto status = guest_->save("ready"); !status) return status;
  saved_ = clean_ = true;
  restored_s_ = std::chrono::duration<double>(vm::Clock::now() - begun).count();
  bus_.publish(GuestReady{shape_.bench->target->name, shape_.bench->self.name, shape_.str(), *restored_s_, true});
  return {};
}

Status ReadyGuest::restore() {
  const auto begun = vm::Clock::now();
  if (auto status = guest_->restore("ready"); !status) return status;
  session_->reset();
  if (auto status = ping(); !status) return status;
  clean_ = true;
  restored_s_ = std::chrono::duration<double>(vm::Clock::now() - begun).count();
  return {};
}

Status ReadyGuest::ping() {
  wire::Message echo{.op = "echo"};
  echo.set("data", "ready?");
  auto answer = session_->call(std::move(echo), within(ping_deadline));
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

// Keeping a snapshot for later runs is a convenience: a full cache is told, and is no reason to fail.
void ReadyGuest::keep(const fs::path& file) {
  std::error_code ignored;
  fs::create_directories(file.parent_path(), ignored);
  auto kept = guest_->save_to_file(file);
  if (kept) kept = write_atomically(hello_file(file), as_bytes(to_json(stage_.hello, stage_.facts)));
  forget_oldest(file.parent_path());
  if (kept) return;
  fs::remove(file, ignored);
  bus_.notice(Notice::Level::warning, "the booted guest could not be kept for later runs: " + kept.error().str());
}

}  // namespace kexlab::engine
