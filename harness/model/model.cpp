// SPDX-License-Identifier: Apache-2.0
// The rules in the order in which the kernel applies them. Read from kernel 6.1; what later versions changed says since
// when.
#include "harness/model/model.h"

#include <algorithm>
#include <charconv>

#include "harness/model/call.h"
#include "harness/model/checks.h"
#include "harness/model/file_load.h"

namespace kexlab::model {
namespace {

Decision check_configured(const Call& call) { return refuse_if(!call.config("KEXEC", true), enosys); }

Decision check_capability(const Call& call) { return refuse_if(lacks_capability(*call.as), eperm); }

Decision check_load_disabled(const Call& call) { return refuse_if(call.situation->state.load_disabled, eperm); }

Decision check_load_limit(const Call& call) {
  return refuse_if(limit_used_up(*call.situation, (call.flags & kexec::on_crash) != 0), eperm);
}

Decision check_lockdown(const Call& call) { return refuse_if(call.situation->lockdown, eperm); }

Decision check_flags(const Call& call) {
  std::uint64_t legal = kexec::on_crash;
  if (call.config("KEXEC_JUMP", false)) legal |= kexec::preserve_context;
  if (call.since(6, 6)) legal |= kexec::update_elfcorehdr;
  if (call.since(6, 10)) legal |= kexec::crash_hotplug_support;
  return refuse_if((call.flags & ~kexec::arch_mask & ~legal) != 0, einval);
}

Decision check_count(const Call& call) { return refuse_if(call.nr_segments > kexec::segment_max, einval); }

Decision check_arch(const Call& call) {
  const std::uint64_t arch = call.flags & kexec::arch_mask;
  if (call.compat || call.contract->kexec_arch == 0) return std::nullopt;
  return refuse_if(arch != kexec::arch_default && arch != call.contract->kexec_arch, einval);
}

Decision check_compat_arch(const Call& call) {
  return refuse_if(call.compat && (call.flags & kexec::arch_mask) == kexec::arch_default, einval);
}

bool array_faults(const Call& call) { return call.nr_segments * call.entry_size() > call.array_readable; }

Decision check_array(const Call& call) { return refuse_if(!call.compat && array_faults(call), efault); }

Decision check_compat_array(const Call& call) {
  if (!call.compat || !array_faults(call)) return std::nullopt;
  // Entries are copied one by one; the one that faults gives its bytes that were not copied.
  return Answer{static_cast<long>(call.entry_size() - call.array_readable % call.entry_size()), 0};
}

Decision check_lock(const Call& call) { return refuse_if(call.situation->lock_held, ebusy); }

Decision check_unload(const Call& call) { return call.nr_segments == 0 ? Decision(Answer{0, 0}) : std::nullopt; }

Decision check_crash_entry(const Call& call) {
  return refuse_if(call.crash() && (call.entry < call.crash_first() || call.entry > call.crash_last()), eaddrnotavail);
}

/// The kernel looks at each segment for all three before it looks at the next.
enum class Destination { good, wraps, unaligned, past_limit };

Destination judge(const Call& call, const CallSegment& segment) {
  const std::uint64_t end = call.end(segment);
  const std::uint64_t offset_mask = call.situation->page_size - 1;
  if (segment.mem > end) return Destination::wraps;
  if (((segment.mem | end) & offset_mask) != 0) return Destination::unaligned;
  return end >= call.destination_limit() ? Destination::past_limit : Destination::good;
}

Destination first_bad(const Call& call) {
  for (const CallSegment& segment : call.segments) {
    if (auto verdict = judge(call, segment); verdict != Destination::good) return verdict;
  }
  return Destination::good;
}

Decision check_wrap(const Call& call) { return refuse_if(first_bad(call) == Destination::wraps, eaddrnotavail); }
Decision check_alignment(const Call& call) {
  return refuse_if(first_bad(call) == Destination::unaligned, eaddrnotavail);
}
Decision check_limit(const Call& call) { return refuse_if(first_bad(call) == Destination::past_limit, eaddrnotavail); }

Decision check_overlap(const Call& call) {
  for (std::size_t i = 0; i < call.segments.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      // As the kernel compares: an empty segment inside another one overlaps it, on its border it does not.
      const CallSegment &a = call.segments[i], &b = call.segments[j];
      if (call.end(a) > b.mem && a.mem < call.end(b)) return Answer{-1, einval};
    }
  }
  return std::nullopt;
}

Decision check_bufsz(const Call& call) {
  return refuse_if(
      std::any_of(call.segments.begin(), call.segments.end(), [](const auto& s) { return s.bufsz > s.memsz; }), einval);
}

Decision check_half_of_ram(const Call& call) {
  const std::uint64_t most = call.situation->ram_pages / 2;
  if (call.situation->ram_pages == 0) return std::nullopt;
  std::uint64_t total = 0;
  for (const CallSegment& segment : call.segments) {
    const std::uint64_t pages = segment.memsz / call.situation->page_size;  // aligned, as the rules before made sure
    if (pages > most) return Answer{-1, einval};
    total += pages;
  }
  return refuse_if(total > most, einval);
}

Decision check_crash_range(const Call& call) {
  if (!call.crash()) return std::nullopt;
  const bool outside = std::any_of(call.segments.begin(), call.segments.end(), [&](const CallSegment& segment) {
    // Unsigned as in the kernel: an empty segment at 0 ends at the top of the address space.
    return segment.mem < call.crash_first() || call.end(segment) - 1 > call.crash_last();
  });
  return refuse_if(outside, eaddrnotavail);
}

Decision check_empty_at_zero(const Call& call) {
  const bool there =
      std::any_of(call.segments.begin(), call.segments.end(), [](const auto& s) { return s.mem == 0 && s.memsz == 0; });
  return refuse_if(!call.crash() && call.since(6, 8) && there, enomem);
}

/// The kernel's first-fit search for `size` bytes between the segments of a crash image: the last byte of the hole.
std::optional<std::uint64_t> find_hole(const Call& call, std::uint64_t from, std::uint64_t size) {
  auto up = [&](std::uint64_t value) { return (value + size - 1) & ~(size - 1); };
  for (std::uint64_t start = up(from); start + size - 1 <= call.crash_last();) {
    auto hit = std::find_if(call.segments.begin(), call.segments.end(), [&](const CallSegment& segment) {
      return start + size - 1 >= segment.mem && start <= call.end(segment) - 1;
    });
    if (hit == call.segments.end()) return start + size - 1;
    start = up(call.end(*hit) - 1);
  }
  return std::nullopt;
}

Decision check_control_pages(const Call& call) {
  if (!call.crash()) return std::nullopt;
  // get_order() rounds up to whole pages, a power of two of them.
  const std::uint64_t size = std::max(call.contract->control_bytes, call.situation->page_size);
  const auto control = find_hole(call, call.crash_first(), size);
  // One more page holds the copy of vmcoreinfo; x86_64's page tables take some between the two.
  const bool room = control && find_hole(call, *control, call.situation->page_size);
  return refuse_if(!room, enomem);
}

Decision check_buffers(const Call& call) {
  return refuse_if(std::any_of(call.segments.begin(), call.segments.end(),
                               [](const CallSegment& segment) { return segment.bufsz > segment.readable; }),
                   efault);
}

Decision accept(const Call&) { return Answer{0, 0}; }

struct Row {
  Rule rule;
  Decision (*check)(const Call&);
  bool after_drop = false;  ///< the crash slot has been emptied when this rule is reached
};

constexpr Row table[] = {
    {{"configured", "the kernel is built with CONFIG_KEXEC", "kernel/sys_ni.c", "boot a kernel with CONFIG_KEXEC=y"},
     check_configured},
    {{"capability", "the caller has CAP_SYS_BOOT in the initial user namespace; also to unload",
      "kernel/kexec.c: kexec_load_check", "call as root outside of containers"},
     check_capability},
    {{"load_disabled", "the sysctl kernel.kexec_load_disabled is 0; it cannot be set back",
      "kernel/kexec.c: kexec_load_check", "boot again without setting the sysctl"},
     check_load_disabled},
    {{"load_limit",
      "the sysctl kernel.kexec_load_limit_reboot, or _panic with KEXEC_ON_CRASH, is not used up (since 6.3)",
      "kernel/kexec_core.c: kexec_load_permitted", "boot again; failed calls and unloads count too"},
     check_load_limit},
    {{"lockdown", "the kernel is not locked down", "kernel/kexec.c: kexec_load_check (LOCKDOWN_KEXEC)",
      "use kexec_file_load with a signed kernel, or boot without lockdown"},
     check_lockdown},
    {{"flags", "the low 16 bits of the flags hold known flags only", "kernel/kexec.c: kexec_load_check (KEXEC_FLAGS)",
      "leave out flags that are newer than the kernel; KEXEC_PRESERVE_CONTEXT needs CONFIG_KEXEC_JUMP"},
     check_flags},
    {{"count", "there are at most 16 segments", "kernel/kexec.c: kexec_load_check (KEXEC_SEGMENT_MAX)",
      "merge segments"},
     check_count},
    {{"arch", "the architecture in the flags is KEXEC_ARCH_DEFAULT or the kernel's own",
      "kernel/kexec.c: SYSCALL_DEFINE4(kexec_load)", "load an image for the running kernel's architecture"},
     check_arch},
    {{"compat_arch", "a 32-bit caller names an architecture, whichever",
      "kernel/kexec.c: COMPAT_SYSCALL_DEFINE4(kexec_load)", "put a KEXEC_ARCH constant into the flags"},
     check_compat_arch},
    {{"array", "the segments array can be read", "kernel/kexec.c: SYSCALL_DEFINE4(kexec_load), memdup_array_user",
      "pass a pointer to as many segments as nr_segments says"},
     check_array},
    {{"compat_array",
      "the segments array of a 32-bit caller can be read; else the bytes not copied are returned, as a positive value",
      "kernel/kexec.c: COMPAT_SYSCALL_DEFINE4(kexec_load)", "pass a pointer to as many segments as nr_segments says"},
     check_compat_array},
    {{"lock", "no other kexec call, crash or access to kexec_crash_size is going on",
      "kernel/kexec.c: do_kexec_load (kexec_trylock)", "call again when the other is done"},
     check_lock},
    {{"unload", "a call without segments empties the slot", "kernel/kexec.c: do_kexec_load", ""}, check_unload},
    {{"crash_entry", "the entry of a crash image lies inside the reservation (its last byte included)",
      "kernel/kexec.c: kimage_alloc_init", "reserve memory with crashkernel=, and enter the image inside it"},
     check_crash_entry,
     true},
    {{"wrap", "mem + memsz does not wrap", "kernel/kexec_core.c: sanity_check_segment_list",
      "end below the top of the address space"},
     check_wrap,
     true},
    {{"alignment", "segments start and end at pages", "kernel/kexec_core.c: sanity_check_segment_list",
      "align mem and memsz to the page size"},
     check_alignment,
     true},
    {{"limit", "segments end below the highest destination address",
      "kernel/kexec_core.c: sanity_check_segment_list (KEXEC_DESTINATION_MEMORY_LIMIT)", "place the segment in RAM"},
     check_limit,
     true},
    {{"overlap", "segments do not overlap", "kernel/kexec_core.c: sanity_check_segment_list",
      "move the segments apart; they may touch"},
     check_overlap,
     true},
    {{"bufsz", "bufsz is not larger than memsz", "kernel/kexec_core.c: sanity_check_segment_list",
      "make memsz at least bufsz, rounded up to a page"},
     check_bufsz,
     true},
    {{"half_of_ram", "no segment, nor all together, has more than half of all RAM pages",
      "kernel/kexec_core.c: sanity_check_segment_list", "load less, or give the machine more RAM"},
     check_half_of_ram,
     true},
    {{"crash_range", "segments of a crash image lie inside the reservation",
      "kernel/kexec_core.c: sanity_check_segment_list", "place them in \"Crash kernel\" of /proc/iomem"},
     check_crash_range,
     true},
    {{"empty_at_zero", "no empty segment lies at address 0 (since 6.8: it makes every page a destination)",
      "kernel/kexec_core.c: kimage_is_destination_range", "leave the empty segment out"},
     check_empty_at_zero,
     true},
    {{"control_pages", "the reservation has room for the control pages and a copy of vmcoreinfo beside the segments",
      "kernel/kexec_core.c: kimage_alloc_crash_control_pages, kimage_crash_copy_vmcoreinfo",
      "leave 64 KiB of the reservation free"},
     check_control_pages,
     true},
    {{"buffer", "buffers can be read, bufsz bytes each",
      "kernel/kexec_core.c: kimage_load_normal_segment, kimage_load_crash_segment", "pass a pointer to bufsz bytes"},
     check_buffers,
     true},
    {{"accepted", "a call that breaks no rule loads the image", "kernel/kexec.c: do_kexec_load", ""}, accept, true},
};

/// The architecture's own rules come before this row: the kernel asks it before it reads the first buffer.
constexpr const Row& after_prepare = table[std::size(table) - 2];
static_assert(after_prepare.check == check_buffers);

struct Verdict {
  Answer answer;
  const Rule* rule;
};

std::optional<Verdict> prepare(const Call& call) {
  for (const PrepareRule& own : call.contract->prepare) {
    if (const Decision decision = own.check(call)) return Verdict{*decision, &own.rule};
  }
  return std::nullopt;
}

std::optional<Verdict> apply(const Call& call, const Row& row) {
  if (&row == &after_prepare) {
    if (auto refused = prepare(call)) return refused;
  }
  const Decision decision = row.check(call);
  return decision ? std::optional(Verdict{*decision, &row.rule}) : std::nullopt;
}

/// Every call that passes the limit takes one from it, whatever becomes of it.
void spend(State& state, const Call& call, const Row& row) {
  const bool spent = row.check != check_configured && row.check != check_capability &&
                     row.check != check_load_disabled && row.check != check_load_limit;
  if (spent) spend_limit(*call.situation, (call.flags & kexec::on_crash) != 0, state);
}

/// The state after the call: a crash image is gone as soon as its successor is looked at, a normal one stays until
/// then.
void settle(Prediction& out, const Call& call, const Row& row) {
  out.after = call.situation->state;
  spend(out.after, call, row);
  bool& slot = call.crash() ? out.after.crash_loaded : out.after.loaded;
  if (row.check == accept) {
    slot = true;
  } else if (row.check == check_unload || (call.crash() && row.after_drop)) {
    slot = false;
  }
}

}  // namespace

Prediction predict(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat) {
  const Call call = make_call(situation, plan, as, compat);
  Prediction out;
  for (const Row& row : table) {
    const auto verdict = apply(call, row);
    if (!verdict) continue;
    out.value = verdict->answer.value;
    out.error = verdict->answer.error;
    out.rule = verdict->rule;
    settle(out, call, row);
    break;
  }
  return out;
}

std::vector<const Rule*> rules(std::string_view target) {
  std::vector<const Rule*> out;
  for (const Row& row : table) {
    if (&row == &after_prepare) {
      for (const PrepareRule& own : contract_of(target).prepare) out.push_back(&own.rule);
    }
    out.push_back(&row.rule);
  }
  return out;
}

const Rule* find_rule(std::string_view name) {
  auto all = file_rules();
  for (const Row& row : table) all.push_back(&row.rule);
  for (const Contract* contract : all_contracts()) {
    for (const PrepareRule& own : contract->prepare) all.push_back(&own.rule);
  }
  const auto found = std::find_if(all.begin(), all.end(), [&](const Rule* rule) { return rule->name == name; });
  if (found != all.end()) return *found;
  return nullptr;
}

std::optional<std::uint64_t> meminfo_kib(std::string_view text, std::string_view name) {
  while (!text.empty() && !(text.starts_with(name) && text.substr(name.size()).starts_with(':'))) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  }
  if (text.empty()) return std::nullopt;
  text.remove_prefix(name.size() + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::uint64_t kib = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), kib);
  return code == std::errc() ? std::optional(kib) : std::nullopt;
}

std::optional<std::uint64_t> pages_in_cpu_lists(std::string_view zoneinfo) {
  constexpr std::string_view head = "count:";
  std::optional<std::uint64_t> sum;
  bool in_lists = false;
  while (!zoneinfo.empty()) {
    auto line = zoneinfo.substr(0, zoneinfo.find('\n'));
    zoneinfo.remove_prefix(std::min(line.size() + 1, zoneinfo.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.starts_with("Node ")) in_lists = false;
    if (line == "pagesets") in_lists = true;
    if (!in_lists || !line.starts_with(head)) continue;
    line.remove_prefix(std::min(line.find_first_not_of(' ', head.size()), line.size()));
    std::uint64_t pages = 0;
    if (std::from_chars(line.data(), line.data() + line.size(), pages).ec != std::errc()) return std::nullopt;
    sum = sum.value_or(0) + pages;
  }
  return sum;
}

std::optional<std::uint64_t> ram_pages_from_meminfo(std::string_view text, std::uint64_t page_size) {
  const auto kib = meminfo_kib(text, "MemTotal");
  if (!kib || page_size == 0 || *kib > (~std::uint64_t{0} >> 10)) return std::nullopt;
  return *kib * 1024 / page_size;
}

}  // namespace kexlab::model
