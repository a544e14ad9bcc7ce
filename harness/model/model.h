// SPDX-License-Identifier: Apache-2.0
// The contract as a pure function: (kernel, state, call) → outcome, with the rule that decides.
//
// kexec_load(2), kernels 6.1 to 7.x. Not known here, since nothing outside the kernel shows it:
// - ENOMEM from the page allocator (a load below half of RAM that still finds no pages; x86_64's page tables inside a
//   crash reservation that is filled up to a few pages),
// - EACCES and EPERM of security modules (IMA appraisal, LoadPin, SELinux, IPE),
// - arm64's EBUSY where CPUs are stuck in the kernel (spin tables, failed CPUs, protected KVM).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/scenario/scenario.h"
#include "kexlab/machine.h"
#include "kexlab/plan.h"

namespace kexlab::model {

/// A rule of the contract. Constant.
struct Rule {
  std::string_view name;    ///< "overlap"
  std::string_view text;    ///< "segments must not overlap"
  std::string_view source;  ///< "kernel/kexec_core.c: sanity_check_segment_list"
  std::string_view advice;  ///< what a user does about it
};

/// What of kexec's state can be seen, and what can be spent.
struct State {
  bool loaded = false, crash_loaded = false;      ///< /sys/kernel/kexec_loaded, kexec_crash_loaded
  bool load_disabled = false;                     ///< sysctl kernel.kexec_load_disabled
  std::optional<std::int64_t> load_limit_reboot;  ///< sysctl kernel.kexec_load_limit_reboot (since 6.3); -1: no limit
  std::optional<std::int64_t> load_limit_panic;   ///< sysctl kernel.kexec_load_limit_panic
  bool operator==(const State&) const = default;
};

/// What is known of the kernel and of its state before the call.
struct Situation {
  std::string arch;  ///< target name
  std::uint64_t page_size = 4096;
  unsigned major = 6, minor = 1;              ///< kernel version
  std::map<std::string, std::string> config;  ///< CONFIG_X → y/m/value, without the prefix
  std::uint64_t ram_pages = 0;                ///< totalram_pages(), see `ram_pages_from_meminfo`; 0: not known
  RangeSet ram;                               ///< "System RAM" of /proc/iomem; empty: not known
  std::optional<Range> crash_reservation;     ///< "Crash kernel" of /proc/iomem
  std::uint64_t kernel_end = 0;  ///< end of "Kernel code", on powerpc that of the whole kernel; 0: not known
  State state;
  bool lock_held = false;  ///< by another task, from before the call to its end
  bool la57 = false;       ///< x86_64: five-level paging, "la57" in the flags of /proc/cpuinfo
  bool lockdown = false;   ///< /sys/kernel/security/lockdown is [integrity] or more
};

struct Prediction {
  long value = 0;              ///< raw return value
  int error = 0;               ///< errno where value is -1
  const Rule* rule = nullptr;  ///< the rule that decided; "accepted" where it is allowed
  State after;                 ///< the call
};

/// An unload is a plan with no segments. Where plan.nr_segments exceeds the segments, the further ones count as zeros.
/// Never fails; for an architecture without rules of its own, the rules that all architectures share decide.
Prediction predict(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat);
/// All rules of kexec_load(2) on a target, in the order in which the kernel applies them.
std::vector<const Rule*> rules(std::string_view target);
/// The named rule, of kexec_load(2) or of kexec_file_load(2), or nullptr.
const Rule* find_rule(std::string_view name);

/// Kernels of this architecture can be built with the config option (named without CONFIG_); true where nothing is
/// known that forbids it.
bool can_be_built_with(std::string_view target, std::string_view option);

/// KiB of a line of /proc/meminfo ("MemFree"), nothing where there is no such line or no number in it.
std::optional<std::uint64_t> meminfo_kib(std::string_view text, std::string_view name);
/// Free pages that wait in a CPU's own lists, from /proc/zoneinfo's text, nothing where it tells of no such list.
/// MemFree does not count them. Since 6.7 the lists grow to an eighth of a zone when many pages are given back at once.
/// Source: mm/vmstat.c (zoneinfo_show_print), mm/page_alloc.c (nr_pcp_high, zone_highsize).
std::optional<std::uint64_t> pages_in_cpu_lists(std::string_view zoneinfo);
/// totalram_pages() from /proc/meminfo's text (MemTotal), nothing where it has no such line.
/// Source: fs/proc/meminfo.c (meminfo_proc_show), mm/show_mem.c (si_meminfo).
std::optional<std::uint64_t> ram_pages_from_meminfo(std::string_view text, std::uint64_t page_size);

}  // namespace kexlab::model
