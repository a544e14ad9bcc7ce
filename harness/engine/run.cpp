// SPDX-License-Identifier: Apache-2.0
// The scheduler: workers that keep a guest for as long as there are cases of its shape.
#include "harness/engine/run.h"

#include <fmt/format.h>
#include <sys/sysinfo.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "kexlab/arch.h"

namespace kexlab::engine {
namespace {

// QEMU's own memory beside the guest's: code cache of the translator and buffers, as seen with QEMU 7.2 under TCG.
constexpr std::uint64_t overhead_mib = 160;

std::uint64_t free_memory_mib() {
  struct sysinfo info {};
  if (sysinfo(&info) != 0) return 1024;
  return (static_cast<std::uint64_t>(info.freeram) + info.bufferram) * info.mem_unit >> 20;
}

void count(Tally& tally, Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      ++tally.passed;
      break;
    case Outcome::failed:
      ++tally.failed;
      break;
    case Outcome::error:
      ++tally.error;
      break;
    case Outcome::timeout:
      ++tally.timeout;
      break;
    case Outcome::skipped:
      ++tally.skipped;
      break;
  }
}

CaseResult blank(const Job& job, Outcome outcome, std::string reason) {
  CaseResult result;
  result.id = job.what->id;
  result.scenario = job.what->scenario;
  result.about = job.what->about;
  result.target = job.bench->target->name;
  result.kernel = job.bench->self.name;
  result.parameters = job.what->parameters;
  result.outcome = outcome;
  result.reason = std::move(reason);
  return result;
}

/// Why callers of an ABI cannot be had; empty where they can, and for features that are no ABI.
std::string why_no_abi(const std::string& name, const Bench& bench) {
  const auto known = abi_names();
  if (std::find(known.begin(), known.end(), name) == known.end()) return {};
  const Abi* abi = bench.target->find_abi(name);
  if (abi == nullptr) return fmt::format("kernels for {} have no ABI '{}'", bench.target->name, name);
  if (!bench.self.config_known || bench.self.has(abi->config)) return {};
  return fmt::format("kernel {} is built without CONFIG_{}, which the ABI '{}' needs, says its own configuration",
                     bench.self.name, abi->config, name);
}

/// The case loads something while the second kernel runs.
bool loads_in_next(const scenario::Case& what) {
  std::string loaded;
  bool in_next = false;
  for (const auto& step : what.steps) {
    if (std::holds_alternative<scenario::SwitchStep>(step.action)) in_next = loaded == "next";
    const auto* load = std::get_if<scenario::LoadStep>(&step.action);
    const auto* file_load = std::get_if<scenario::FileLoadStep>(&step.action);
    if (load == nullptr && file_load == nullptr) continue;
    if (in_next) return true;
    loaded = load != nullptr ? load->kernel : file_load->kernel.from;
  }
  return false;
}

}  // namespace

std::string Job::key() const { return what->id + "@" + bench->target->name + "/" + bench->self.name; }
std::string key_of(const CaseResult& result) { return result.id + "@" + result.target + "/" + result.kernel; }

std::vector<Job> make_jobs(const std::vector<scenario::Case>& cases, const std::vector<Bench>& benches) {
  std::vector<Job> jobs;
  for (const auto& bench : benches) {
    for (const auto& what : cases) {
      const bool applies = what.targets.empty() || std::find(what.targets.begin(), what.targets.end(),
                                                             bench.target->name) != what.targets.end();
      if (applies) jobs.push_back({&what, &bench});
    }
  }
  return jobs;
}

/// Of a call's numbers.
unsigned word_bits(const Target& target) {
  const Arch* arch = find_arch(target.name);
  return arch == nullptr ? 64 : arch->bits;
}

/// Why the guest cannot have the memory that a case asks for; empty where it can. A row that cannot `more_memory` has
/// all that its machine or its kernel can use, one that cannot `usual_memory` less than others.
std::string why_no_memory(const scenario::Case& what, const Target& target) {
  const Limitation* limit = target.limit("usual_memory");
  if (limit == nullptr) limit = target.limit("more_memory");
  if (limit == nullptr || what.guest.memory_mib.value_or(0) <= target.memory_mib) return {};
  return fmt::format("{} MiB of memory: {} ({})", *what.guest.memory_mib, limit->cause, limit->source);
}

/// The kernel is one of those that a limitation is about; one whose configuration is unknown may be.
bool is_about(const Limitation& limit, const images::Kernel& kernel) {
  return limit.config.empty() || !kernel.config_known || kernel.has(limit.config);
}

std::string why_skip(const scenario::Case& what, const Bench& bench) {
  const images::Kernel& kernel = bench.self;
  std::vector<std::string> needs{"KEXEC"};
  if (what.guest.cpus > 1) needs.emplace_back("SMP");
  if (!what.guest.firmware.empty()) needs.emplace_back("EFI_STUB");
  needs.insert(needs.end(), what.needs.begin(), what.needs.end());
  for (const auto& need : needs) {
    if (kernel.config_known && !kernel.has(need))
      return fmt::format("kernel {} is built without CONFIG_{}, says its own configuration", kernel.name, need);
    if (!model::can_be_built_with(bench.target->name, need))
      return fmt::format("no kernel of {} can be built with CONFIG_{}", bench.target->name, need);
  }
  for (const auto& feature : what.features) {
    if (const Limitation* limit = bench.target->limit(feature); limit != nullptr && is_about(*limit, kernel))
      return fmt::format("{}: {} ({})", feature, limit->cause, limit->source);
    if (auto why = why_no_abi(feature, bench); !why.empty()) return why;
    if (feature == "64_bits" && word_bits(*bench.target) < 64)
      return "a program of " + bench.target->name + " cannot say numbers of more than 32 bits";
    if (feature == "witness" && bench.witness.empty()) return "there is no witness for " + bench.target->name;
  }
  if (auto why = why_no_memory(what, *bench.target); !why.empty()) return why;
  if (bench.next.config_known && !bench.next.has("KEXEC") && loads_in_next(what)) {
    return fmt::format(
        "the second kernel {} is built without CONFIG_KEXEC, says its own configuration, and this case loads there",
        bench.next.name);
  }
  if (!what.guest.level.empty() && bench.target->find_level(what.guest.level) == nullptr)
    return "the machine of " + bench.target->name + " starts no kernel at the level `" + what.guest.level + "`";
  if (!what.guest.firmware.empty() && bench.target->find_firmware(what.guest.firmware) == nullptr)
    return "the machine of " + bench.target->name + " has no other firmware `" + what.guest.firmware + "`";
  const auto version = version_of(kernel.release);
  if (what.since && version < version_of(*what.since))
    return fmt::format("only since Linux {}, this is {}", *what.since, kernel.release);
  if (what.until && version >= version_of(*what.until))
    return fmt::format("only until Linux {}, this is {}", *what.until, kernel.release);
  return {};
}

/// What the workers share. Everything below `mutex` is guarded by it.
struct Runner::Queue {
  std::mutex mutex;
  std::condition_variable memory_freed;
  std::map<std::string, std::vector<const Job*>> by_shape;  ///< waiting cases, last first
  std::map<const void*, std::uint64_t> memory;              ///< MiB in use, by worker
  std::map<const void*, std::uint64_t> peak;                ///< KiB, by worker
  std::uint64_t budget_mib = 0;
  std::map<const Bench*, bool> comes_up;  ///< kernels that were asked for in the usual guest
  bool enough = false;                    ///< as many cases have failed as the run was to see
  RunFinished summary;

  /// The next case, of the given shape where there still is one, else of the shape with most left.
  const Job* take(const std::string& wanted) {
    const std::lock_guard lock(mutex);
    if (enough) return nullptr;
    auto best = by_shape.find(wanted);
    if (best == by_shape.end() || best->second.empty()) {
      best = std::max_element(by_shape.begin(), by_shape.end(),
                              [](auto& a, auto& b) { return a.second.size() < b.second.size(); });
      if (best == by_shape.end() || best->second.empty()) return nullptr;
    }
    const Job* job = best->second.back();
    best->second.pop_back();
    return job;
  }

  /// Waits until `mib` more fit into the budget; a guest larger than the budget runs alone.
  void reserve(const void* worker, std::uint64_t mib) {
    std::unique_lock lock(mutex);
    memory.erase(worker);
    memory_freed.notify_all();
    memory_freed.wait(lock, [&] {
      std::uint64_t used = 0;
      for (const auto& [other, size] : memory) used += size;
      return used == 0 || used + mib <= budget_mib;
    });
    memory[worker] = mib;
  }
  void release(const void* worker) {
    const std::lock_guard lock(mutex);
    memory.erase(worker);
    memory_freed.notify_all();
  }
  void saw_memory(const void* worker, std::uint64_t kib) {
    const std::lock_guard lock(mutex);
    peak[worker] = std::max(peak[worker], kib);
    std::uint64_t sum = 0;
    for (const auto& [other, size] : peak) sum += size;
    summary.peak_memory_kib = std::max(summary.peak_memory_kib, sum);
  }
};

std::filesystem::path attachment_file(const std::filesystem::path& folder, const CaseResult& result,
                                      const Attachment& attachment) {
  return folder / (file_name(key_of(result)) + "." + attachment.name);
}

void Runner::finish(Queue& queue, const Bench& bench, CaseResult result) {
  // What was found on the way to a verdict shows the same with less, where it was kept.
  const std::string what = result.attachments.empty() || options_.attachments.empty()
                               ? result.id
                               : attachment_file(options_.attachments, result, result.attachments.front()).string();
  result.reproduce = fmt::format("{} '{}' --target {}{}", options_.command, what, result.target,
                                 bench.asked.empty() ? "" : " --kernel " + bench.asked);
  {
    const std::lock_guard lock(queue.mutex);
    count(queue.summary.by_target[result.target], result.outcome);
    count(queue.summary.total, result.outcome);
    queue.enough =
        options_.stop_after != 0 && queue.summary.total.failed + queue.summary.total.timeout >= options_.stop_after;
  }
  bus_.publish(CaseFinished{std::move(result)});
}

// A kernel that says nothing may be none that this machine can start, which is not its fault. Where it comes up in the
// target's usual guest, it is what the case asked of it that it does not bear. Asked once for each kernel.
bool Runner::comes_up_usually(Queue& queue, const Bench& bench, const Shape& silent, std::unique_ptr<ReadyGuest>& guest,
                              std::stop_token stop) {
  const Shape usual = shape_of(bench, scenario::Case{});
  if (silent == usual) return false;
  {
    const std::lock_guard lock(queue.mutex);
    if (const auto known = queue.comes_up.find(&bench); known != queue.comes_up.end()) return known->second;
  }
  guest.reset();
  queue.reserve(&guest, usual.memory_mib + overhead_mib);
  guest = std::make_unique<ReadyGuest>(backend_, bus_, usual, options_.lab, std::move(stop));
  const bool up = guest->make_ready().has_value();
  if (!up) guest->discard();
  const std::lock_guard lock(queue.mutex);
  return queue.comes_up[&bench] = up;
}

void Runner::run_one(Queue& queue, const Job& job, std::unique_ptr<ReadyGuest>& guest, std::stop_token stop) {
  const Shape shape = shape_of(*job.bench, *job.what);
  bus_.publish(CaseStarted{job.what->id, job.bench->target->name, job.bench->self.name});
  if (!guest || !(guest->shape() == shape)) {
    guest.reset();
    queue.reserve(&guest, shape.memory_mib + overhead_mib);
    guest = std::make_unique<ReadyGuest>(backend_, bus_, shape, options_.lab, stop);
  }
  if (auto ready = guest->make_ready(); !ready) {
    if (ready.error().code == Errc::cancelled) return;
    auto result = blank(job, Outcome::error, "the kernel under test did not come up: " + ready.error().str());
    result.console_tail = guest->console();
    guest->discard();
    const bool silent = ready.error().code == Errc::timeout || ready.error().code == Errc::guest_died;
    if (silent && result.console_tail.find("Linux version") != std::string::npos) {
      result.outcome = Outcome::failed;
    } else if (silent && comes_up_usually(queue, *job.bench, shape, guest, stop)) {
      result.outcome = Outcome::failed;
      result.reason += "; it said nothing, and comes up in the usual guest of " + job.bench->target->name;
    }
    return finish(queue, *job.bench, std::move(result));
  }
  scenario::Case scaled = *job.what;
  scaled.deadline = std::chrono::seconds(
      static_cast<long>(static_cast<double>(scaled.deadline.count()) * options_.lab.deadline_scale + 0.5));
  CaseRunner runner(guest->stage(), scaled, guest->session(), [&] {
    guest->spoil();
    return guest->make_ready();
  });
  CaseResult result = runner.run();
  if (const auto restored = guest->restored_s()) result.figures["restore_s"] = *restored;
  queue.saw_memory(&guest, guest->peak_memory_kib());
  const bool lost = guest->session().ended() && guest->session().ended()->gone;
  if (result.outcome == Outcome::passed && options_.lab.snapshots && !guest->can_be_restored())
    runner.unload_what_is_left();
  if (runner.dirty() || result.outcome != Outcome::passed) guest->spoil();
  if (lost) guest->discard();
  // What a case came to whose wait was cut short says nothing; it is run again when the run goes on.
  if (stop.stop_requested() && result.outcome != Outcome::passed) return;
  finish(queue, *job.bench, std::move(result));
}

void Runner::work(Queue& queue, std::stop_token stop) {
  std::unique_ptr<ReadyGuest> guest;
  while (!stop.stop_requested()) {
    const Job* job = queue.take(guest ? guest->shape().str() : std::string());
    if (job == nullptr) break;
    run_one(queue, *job, guest, stop);
  }
  guest.reset();
  queue.release(&guest);
}

RunFinished Runner::run(const std::vector<Job>& jobs, std::stop_token stop) {
  const auto begun = vm::Clock::now();
  Queue queue;
  queue.budget_mib = options_.memory_mib != 0 ? options_.memory_mib : free_memory_mib() * 3 / 4;
  std::set<std::string> done;
  for (const auto& result : options_.earlier) {
    done.insert(key_of(result));
    count(queue.summary.by_target[result.target], result.outcome);
    count(queue.summary.total, result.outcome);
  }
  std::size_t waiting = 0;
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    if (done.contains(job->key())) continue;
    if (auto why = why_skip(*job->what, *job->bench); !why.empty()) {
      finish(queue, *job->bench, blank(*job, Outcome::skipped, std::move(why)));
      continue;
    }
    queue.by_shape[shape_of(*job->bench, *job->what).str()].push_back(&*job);
    ++waiting;
  }
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < std::min<std::size_t>(options_.jobs, waiting); ++i)
      workers.emplace_back([&] { work(queue, stop); });
  }
  queue.summary.seconds = std::chrono::duration<double>(vm::Clock::now() - begun).count();
  queue.summary.interrupted = stop.stop_requested();
  std::size_t left = 0;
  for (const auto& [shape, cases] : queue.by_shape) left += cases.size();
  if (queue.enough && left > 0) {
    bus_.notice(Notice::Level::warning,
                fmt::format("the run ended after {} failed cases; {} cases were not run", options_.stop_after, left));
  }
  return queue.summary;
}

}  // namespace kexlab::engine
