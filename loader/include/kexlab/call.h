// SPDX-License-Identifier: Apache-2.0
// The calls: kexec_load(2), kexec_file_load(2), reboot(2), and the state that can be observed. call.cpp is the one file with system calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "kexlab/plan.h"

namespace kexlab {

/// struct kexec_segment as the running kernel's native ABI has it. Source: include/uapi/linux/kexec.h.
struct RawSegment {
  const void* buf;
  unsigned long bufsz;
  const void* mem;
  unsigned long memsz;
};

/// What a system call gave back. `value` is the raw return value; `error` is errno where value is -1, else 0.
struct CallResult {
  long value = 0;
  int error = 0;
  std::uint64_t nanoseconds = 0;  ///< CLOCK_MONOTONIC around the call
};

/// The bare calls, with any arguments.
CallResult raw_kexec_load(unsigned long entry, unsigned long nr_segments, const void* segments, unsigned long flags);
CallResult raw_kexec_file_load(int kernel_fd, int initrd_fd, const char* cmdline, unsigned long cmdline_size,
                               unsigned long flags);
/// reboot(2) with its magic numbers in place unless given.
CallResult raw_reboot(unsigned cmd, unsigned magic1 = 0xfee1dead, unsigned magic2 = 672274793);

/// Materialises a sane plan and calls kexec_load. Sources are files, by path. Error `refused` prints the whole call:
/// entry, segments, flags, errno, and the rule that most likely refused it.
Result<CallResult> load(const Plan& plan);
/// Empties the normal or the crash slot.
Status unload(bool crash);

/// What the kernel shows of kexec; nothing where a file does not exist.
struct State {
  std::optional<bool> loaded;                 ///< /sys/kernel/kexec_loaded
  std::optional<bool> crash_loaded;           ///< /sys/kernel/kexec_crash_loaded
  std::optional<std::uint64_t> crash_size;    ///< bytes, /sys/kernel/kexec_crash_size
  std::optional<bool> load_disabled;          ///< /proc/sys/kernel/kexec_load_disabled
};
State observe();

}  // namespace kexlab
