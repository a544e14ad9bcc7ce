// SPDX-License-Identifier: Apache-2.0
// The calls: kexec_load(2), kexec_file_load(2), reboot(2), and the state that can be observed. call.cpp is the one file
// with system calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

/// Memory that is given back when its owner ends. Movable.
class Mapping {
 public:
  Mapping() = default;
  Mapping(void* address, std::size_t size) : address_(address), size_(size) {}
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(address_); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

/// A plan turned into the arguments of the call, deliberate mistakes included, with the memory that they point to.
/// Sources are files, by path. Memory of every buffer starts at its pointer, is zero to the end of its last page, and
/// is followed by a page without access, so a buffer of whole pages that is read one byte too far faults. Except:
///  - a segment that is exactly one piece of one file is not copied: its buffer is the file's mapping (MAP_PRIVATE);
///  - null, unmapped, kernel and address have no memory, and their pieces are not looked at;
///  - half is readable for its first half (rounded down) and faults from that very byte on, tight so for all of it, and
///    one_short for all but the last byte;
///  - unmapped is one page without a mapping, between two without access;
///  - guarded memory is left empty (see guarded()); contents come when the holder puts them there.
class MaterialisedCall {
 public:
  /// Entries that the array has room for at least, when nr_segments says so; those beyond the plan's are zero.
  static constexpr std::uint64_t most_padding_entries = 64;

  /// Errors: invalid_argument (a number that does not fit this machine's word; negative numbers, whose upper half is
  /// all ones, do; an address where this process has memory; a tag on a 32-bit machine), no_space (no memory, or past
  /// PlanLimits), not_found, permission, io, truncated (for sources).
  static Result<MaterialisedCall> make(const Plan& plan);

  [[nodiscard]] unsigned long entry() const { return entry_; }
  [[nodiscard]] unsigned long nr_segments() const { return nr_segments_; }
  [[nodiscard]] unsigned long flags() const { return flags_; }
  [[nodiscard]] const void* segments() const { return segments_; }  ///< the pointer argument; often not to be touched
  /// The plan's entries as they are meant for the array, to look at them; the pointer argument is segments().
  [[nodiscard]] std::span<const RawSegment> raw() const { return raw_; }

  /// Memory of this process that nobody has touched yet: to be registered with userfaultfd in the process that calls,
  /// and to be filled with `contents` (and zeros behind them) to let the call go on.
  struct Guarded {
    void* address = nullptr;  ///< page-aligned
    std::size_t size = 0;     ///< bytes, whole pages
    Bytes contents;           ///< at most `size` bytes
  };
  [[nodiscard]] const std::vector<Guarded>& guarded() const { return guarded_; }

  /// kexec_load(2) with these arguments, as often as one likes.
  [[nodiscard]] CallResult load() const;

 private:
  friend class Materialiser;
  unsigned long entry_ = 0, nr_segments_ = 0, flags_ = 0;
  const void* segments_ = nullptr;
  std::vector<RawSegment> raw_;
  std::vector<Mapping> mappings_;
  std::vector<Guarded> guarded_;
};

/// Checks a sane plan (check_plan), materialises it and calls kexec_load. Errors: as check_plan and
/// MaterialisedCall::make; `refused` prints the whole call: entry, segments, flags, errno, and the rule that most
/// likely refused it (see refusal).
Result<CallResult> load(const Plan& plan);
/// Empties the normal or the crash slot. Error: refused.
Status unload(bool crash);

/// What the kernel shows of kexec; nothing where a file does not exist, cannot be read, or holds no such value.
struct State {
  std::optional<bool> loaded;               ///< /sys/kernel/kexec_loaded
  std::optional<bool> crash_loaded;         ///< /sys/kernel/kexec_crash_loaded
  std::optional<std::uint64_t> crash_size;  ///< bytes, /sys/kernel/kexec_crash_size
  std::optional<bool> load_disabled;        ///< /proc/sys/kernel/kexec_load_disabled
  /// /proc/sys/kernel/kexec_load_limit_{reboot,panic}: loads and unloads left; all ones: no limit. Kernels since 6.3.
  std::optional<std::uint64_t> load_limit_reboot, load_limit_panic;
};
State observe();

}  // namespace kexlab
