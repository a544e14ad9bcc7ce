// SPDX-License-Identifier: Apache-2.0
// The step that looks at memory: is it what the guest was given, has any been lost, has any come back.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/dump.h"

namespace kexlab::engine {
namespace {

constexpr std::uint64_t kib_per_mib = 1024;
constexpr std::uint64_t meminfo_size = 16 << 10, zoneinfo_size = 256 << 10;

// A PC's firmware keeps the hole below 1 MiB and its tables for itself: some 0.6 MiB with QEMU 7.2.
constexpr std::uint64_t kept_by_firmware_kib = kib_per_mib;

// What two kernels that were started in different ways may keep unequally: setup data, device trees.
constexpr std::uint64_t kept_unequally_kib = 2 * kib_per_mib;

// What a kernel takes of its memory before MemTotal counts the rest: its image, its tables, 64 of 4096 bytes for struct
// page. Debian's kernels take 35 MiB of 512; an eighth and the initrd are more than enough.
std::uint64_t least_total_kib(std::uint64_t given_kib) {
  const std::uint64_t taken = given_kib / 8 + 48 * kib_per_mib;
  return given_kib > taken ? given_kib - taken : 0;
}

std::string mib(std::uint64_t kib) { return fmt::format("{:.1f} MiB", static_cast<double>(kib) / kib_per_mib); }

// Where a PC's kernels start their other CPUs, and what they then keep from everybody else; crash kernels get it too.
// Source: arch/x86/kernel/crash.c (crash_setup_memmap_entries), arch/x86/realmode/init.c (reserve_real_mode).
constexpr std::uint64_t low_memory_bytes = 1 << 20;

// What a loader lays at the ends of a reservation and keeps from the crash kernel: the headers of the dump, tables.
constexpr std::uint64_t kept_of_reservation_bytes = 2 << 20;

std::string text_of(const RangeSet& set) {
  std::string out;
  for (const auto& range : set.ranges()) out += (out.empty() ? "" : ", ") + range.str();
  return out;
}

std::uint64_t total_kib(const std::vector<Range>& ranges) {
  std::uint64_t sum = 0;
  for (const auto& range : ranges) sum += range.size() / 1024;
  return sum;
}

std::string outside(std::string_view what, std::uint64_t kib, std::uint64_t least, std::uint64_t most) {
  if (kib >= least && kib <= most) return {};
  return fmt::format("{} is {}, expected {} to {}; ", what, mib(kib), mib(least), mib(most));
}

}  // namespace

Result<CaseRunner::Meminfo> CaseRunner::read_meminfo() {
  auto known = facts();
  if (!known) return tl::unexpected(known.error());
  auto meminfo = read_guest_file(session_, "/proc/meminfo", meminfo_size, soon());
  if (!meminfo) return tl::unexpected(meminfo.error());
  auto zoneinfo = read_guest_file(session_, "/proc/zoneinfo", zoneinfo_size, soon());
  if (!zoneinfo) return tl::unexpected(zoneinfo.error());
  const auto total = model::meminfo_kib(as_text(*meminfo), "MemTotal"),
             free = model::meminfo_kib(as_text(*meminfo), "MemFree"),
             waiting = model::pages_in_cpu_lists(as_text(*zoneinfo));
  if (!total || !free) {
    return fail(Errc::corrupt, "read /proc/meminfo in the guest", "there is no MemTotal or no MemFree line");
  }
  if (!waiting) return fail(Errc::corrupt, "read /proc/zoneinfo in the guest", "it has no counts of the CPUs' lists");
  return Meminfo{*total, *free + *waiting * (facts_->machine.page_size / 1024)};
}

// The model takes the reservation and the size of memory from the kernel itself. Here they are held against what the
// machine was given, so that a kernel that is wrong about them does not make both sides wrong.
Verdict CaseRunner::memory_fits(StepRecord& record) {
  auto found = facts();
  if (!found) return from_error(found.error());
  auto meminfo = read_meminfo();
  if (!meminfo) return from_error(meminfo.error());
  const std::uint64_t given = guest_memory_mib(*stage_.target, case_.guest) * kib_per_mib;
  const std::uint64_t reserved = reservation_mib(*stage_.target, case_.guest) * kib_per_mib;
  const auto& map = facts_->machine.memory;
  const auto ram = map.ram().total() / 1024, reservation = total_kib(map.named("Crash kernel"));
  record.observed =
      fmt::format("System RAM {}, MemTotal {}, Crash kernel {}", mib(ram), mib(meminfo->total), mib(reservation));
  std::string wrong = outside("System RAM of /proc/iomem", ram, given - kept_by_firmware_kib, given);
  wrong += outside("MemTotal", meminfo->total, least_total_kib(given - reserved), given - reserved);
  wrong += outside("Crash kernel of /proc/iomem", reservation, reserved, reserved);
  for (const auto& range : map.named("Crash kernel")) {
    if (!map.ram().contains(range)) wrong += "Crash kernel " + range.str() + " is not in System RAM; ";
  }
  if (wrong.empty()) return {};
  wrong.resize(wrong.size() - 2);
  return {Outcome::failed, "the kernel's memory is not what the guest was given: " + wrong, {}};
}

// A loader may leave setup data behind that splits a range in two; together they must still cover the same memory.
Verdict CaseRunner::memory_same(StepRecord& record) {
  auto found = facts();
  if (!found) return from_error(found.error());
  const RangeSet ram = facts_->machine.memory.ram();
  record.observed = text_of(ram);
  record.expected = text_of(noted_ram_);
  if (ram != noted_ram_)
    return {Outcome::failed,
            fmt::format("System RAM is {}, and was {} when it was noted", record.observed, record.expected),
            {}};
  auto now = read_meminfo();
  if (!now) return from_error(now.error());
  const std::uint64_t before = noted_memory_ ? noted_memory_->total : now->total;
  if (std::max(before, now->total) - std::min(before, now->total) <= kept_unequally_kib) return {};
  return {Outcome::failed,
          fmt::format("MemTotal is {}, and was {} when it was noted: what is reserved is not the same", mib(now->total),
                      mib(before)),
          {}};
}

// Memory beside the reservation would be written over, and with it what a dump is to show; what is missing of the
// reservation is missing to the crash kernel. With crashkernel=,high there are two of them.
Verdict CaseRunner::memory_reserved(StepRecord& record) {
  auto found = facts();
  if (!found) return from_error(found.error());
  const RangeSet ram = facts_->machine.memory.ram();
  const auto reservations = crashed_machine_.memory.named("Crash kernel");
  record.observed = text_of(ram);
  record.expected = text_of(RangeSet(reservations));
  RangeSet beside = ram;
  beside.remove({0, low_memory_bytes});
  for (const auto& reservation : reservations) beside.remove(reservation);
  std::string wrong;
  if (beside.total() != 0) wrong += text_of(beside) + " was not reserved and is its System RAM; ";
  for (const auto& reservation : reservations) {
    const std::uint64_t missing = reservation.size() - ram.intersect(reservation).total();
    if (missing > kept_of_reservation_bytes)
      wrong += fmt::format("{} of the reservation {} is no System RAM; ", mib(missing / 1024), reservation.str());
  }
  if (auto headers = wrong_headers_place(facts_->machine); !headers.empty()) wrong += headers + "; ";
  if (reservations.empty()) wrong = "the kernel that crashed told of no reservation; ";
  if (wrong.empty()) return {};
  wrong.resize(wrong.size() - 2);
  return {Outcome::failed, "the crash kernel's memory is not what was reserved for it: " + wrong, {}};
}

Verdict CaseRunner::on(const scenario::MemoryStep& memory, StepRecord& record) {
  record.what = "memory of the kernel";
  if (memory.reserved) {
    if (auto verdict = memory_reserved(record); verdict.outcome != Outcome::passed) return verdict;
  }
  if (memory.fits) {
    if (auto verdict = memory_fits(record); verdict.outcome != Outcome::passed) return verdict;
  }
  if (memory.same) {
    if (auto verdict = memory_same(record); verdict.outcome != Outcome::passed) return verdict;
  }
  if (!memory.note && !memory.lost && !memory.grown) return {};
  auto found = facts();
  if (!found) return from_error(found.error());
  auto now = read_meminfo();
  if (!now) return from_error(now.error());
  auto limit = memory.lost ? value_of(*memory.lost) : Result<std::uint64_t>(0);
  auto growth = memory.grown ? value_of(*memory.grown) : Result<std::uint64_t>(0);
  for (auto* value : {&limit, &growth}) {
    if (!*value) return from_error(value->error());
  }
  const Meminfo before = noted_memory_.value_or(*now);
  const auto lost = before.free > now->free ? before.free - now->free : 0;
  const auto grown = now->total > before.total ? now->total - before.total : 0;
  record.observed = fmt::format("{} free of {}", mib(now->free), mib(now->total));
  if (memory.note) noted_memory_ = *now;
  if (memory.note) noted_ram_ = facts_->machine.memory.ram();
  if (memory.lost && lost > *limit / 1024) {
    return {Outcome::failed,
            fmt::format("free memory fell by {} since it was noted, expected at most {}: the kernel loses memory",
                        mib(lost), mib(*limit / 1024)),
            {}};
  }
  const auto page = facts_ ? facts_->machine.page_size / 1024 : 4;
  if (memory.grown && (grown > *growth / 1024 + page || grown + page < *growth / 1024)) {
    return {
        Outcome::failed,
        fmt::format("the kernel's memory grew by {} since it was noted, expected {}", mib(grown), mib(*growth / 1024)),
        {}};
  }
  return {};
}

}  // namespace kexlab::engine
