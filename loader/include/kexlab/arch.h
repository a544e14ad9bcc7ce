// SPDX-License-Identifier: Apache-2.0
// The interface every boot-protocol file implements, and the list of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/image.h"
#include "kexlab/machine.h"
#include "kexlab/plan.h"

namespace kexlab {

/// Bytes of an initrd without having them all in hand: pieces laid end to end.
struct InitrdSource {
  std::vector<Piece> pieces;
  [[nodiscard]] std::uint64_t size() const;
};

/// What is to be booted, on which machine.
struct LoadRequest {
  const Machine* machine = nullptr;     ///< not null
  const Image* kernel = nullptr;        ///< not null
  std::string kernel_source;            ///< name of the source that holds kernel->bytes (a Piece::source name)
  InitrdSource initrd;                  ///< no pieces: no initrd
  std::string cmdline;
  bool crash = false;                   ///< KEXEC_ON_CRASH: place inside the reservation, add elfcorehdr
  /// A stub that checks a fast digest of every other segment before it jumps (about 1 ns a byte), or none.
  enum class Digest { none, fast } digest = Digest::none;
  bool arch_constant = true;            ///< put KEXEC_ARCH_<own> into the flags; false: KEXEC_ARCH_DEFAULT
  /// Bytes of the sources that initrd pieces name; only a digest needs them, no other plan looks at contents.
  /// `kernel_source` need not be known to it. nullptr: a digest over such pieces is refused.
  Resolver resolve = nullptr;
  void* resolve_context = nullptr;
};

/// One architecture's boot protocol. Rows are constant; everything is pure.
struct Arch {
  std::string_view name;        ///< target name
  std::uint32_t kexec_arch;     ///< KEXEC_ARCH_* value, already shifted left by 16
  unsigned bits;                ///< 32 or 64
  std::endian order;
  std::uint16_t elf_machine;    ///< EM_*
  /// Plans a kernel boot. Errors: no_space, unsupported, wrong_arch, invalid_argument.
  Result<Plan> (*plan_kernel)(const LoadRequest& request);
  /// Addresses that a payload of ours may be placed at: RAM that no boot protocol or firmware claims.
  RangeSet (*usable)(const Machine& machine, bool crash);
  /// What one buffer of every load must begin with, or the kernel's machine_kexec_prepare refuses it (riscv: a device
  /// tree). plan_kernel's plans have it; plans written by hand get it by meet_demand. nullptr: nothing is asked for.
  Bytes (*demanded)(const Machine& machine) = nullptr;
  /// Keys of the words KEY=VALUE that plan_kernel puts behind LoadRequest::cmdline, and further ones for a crash.
  std::span<const std::string_view> cmdline_words = {};
  std::span<const std::string_view> crash_cmdline_words = {};
};

/// All architectures that have a boot-protocol file, sorted by name.
std::span<const Arch* const> all_archs();
/// The named one, or nullptr.
const Arch* find_arch(std::string_view name);
/// The one whose EM_* and byte order and class match, or nullptr.
const Arch* find_arch_by_elf(std::uint16_t elf_machine, unsigned bits, std::endian order);

/// Lets the first buffer that is a valid pointer to enough bytes begin with what is demanded, its other contents
/// behind that. False where the plan has no such buffer: then it is as it was. Nothing demanded: true.
bool meet_demand(Plan& plan, const Bytes& demanded);
/// The first segment whose contents begin with what meet_demand put there, or nullptr.
const Segment* find_demanded(const Plan& plan, const Bytes& demanded);
/// The last segment whose contents begin, in bytes of the plan's own, as a flattened device tree does, or nullptr.
const Segment* find_last_tree(const Plan& plan);
/// A segment of its own for what is demanded, in the highest whole pages of `free` that hold it (`page` bytes each, a
/// power of two), for plans whose buffers cannot meet the demand. Nothing where no free block is large enough.
std::optional<Segment> demanded_segment(const RangeSet& free, Bytes demanded, std::uint64_t page);

/// Plans a load for the machine's architecture; check_plan has passed on every plan it returns.
Result<Plan> plan_kernel(const LoadRequest& request);

}  // namespace kexlab
