// SPDX-License-Identifier: Apache-2.0
// The plan: exactly what kexec_load(2) will be given. Pure data; the same plan is shown, checked, sent and executed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/range.h"

namespace kexlab {

/// Flags and architecture constants of kexec_load(2). Source: include/uapi/linux/kexec.h (6.1; 7.2 for the newer).
namespace kexec {
inline constexpr std::uint64_t on_crash = 0x1;
inline constexpr std::uint64_t preserve_context = 0x2;
inline constexpr std::uint64_t update_elfcorehdr = 0x4;      // since 6.6
inline constexpr std::uint64_t crash_hotplug_support = 0x8;  // since 6.10
inline constexpr std::uint64_t arch_mask = 0xffff0000;
inline constexpr std::uint64_t arch_default = 0;
inline constexpr std::uint64_t segment_max = 16;
/// reboot(2)'s command LINUX_REBOOT_CMD_KEXEC. Source: include/uapi/linux/reboot.h.
inline constexpr std::uint32_t reboot_cmd = 0x45584543;
}  // namespace kexec

/// Where some bytes of a segment come from; pieces are laid end to end.
struct Piece {
  enum class Kind : std::uint8_t {
    inline_bytes,  ///< `bytes`
    source,        ///< `size` bytes at `offset` of the named source (a file's path in the guest, or a caller's blob)
    pattern,       ///< `size` bytes of the deterministic pattern `seed` (see fill_pattern)
  };
  Kind kind = Kind::inline_bytes;
  Bytes bytes;
  std::string source;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t seed = 0;
  static Piece of(Bytes bytes);
  static Piece of_source(std::string name, std::uint64_t offset, std::uint64_t size);
  static Piece of_pattern(std::uint32_t seed, std::uint64_t size);
  [[nodiscard]] std::uint64_t length() const { return kind == Kind::inline_bytes ? bytes.size() : size; }
  bool operator==(const Piece&) const = default;
};

/// What a pointer argument is to be; everything but `valid` is a deliberate mistake.
enum class Pointer : std::uint8_t {
  valid,      ///< readable memory with the contents
  null,       ///< NULL
  unmapped,   ///< an address with no mapping
  half,       ///< the contents, but the second half lies behind an unmapped page
  kernel,     ///< an address in the kernel's half of the address space
  read_only,  ///< readable, not writable
  guarded,    ///< the first touch blocks (userfaultfd) until the holder releases it
  no_access,  ///< mapped PROT_NONE
  tight,      ///< the contents, ending to the byte where an unmapped page begins
  one_short,  ///< the same, but the last byte lies behind that edge
  tagged,     ///< the contents, with a tag in the address's top byte (64-bit callers only)
  address,    ///< a number of its own, at which nothing is mapped
};
const char* to_string(Pointer pointer);

/// One entry of the segments array. For sane plans bufsz == sum of the pieces' lengths and buf == valid; contract
/// scenarios set any of the four numbers to anything.
struct Segment {
  std::string name;  ///< "kernel", "initrd", "cmdline", "stub", "elfcorehdr", … for people and reports
  std::vector<Piece> pieces;
  std::uint64_t bufsz = 0;  ///< bytes
  std::uint64_t mem = 0;    ///< physical address
  std::uint64_t memsz = 0;  ///< bytes
  Pointer buf = Pointer::valid;
  std::uint64_t buf_address = 0;  ///< for Pointer::address, else 0
  bool operator==(const Segment&) const = default;
};

struct Plan {
  std::string arch;         ///< target name
  std::uint64_t entry = 0;  ///< physical address of the first instruction
  std::uint64_t flags = 0;  ///< low 16 bits and the KEXEC_ARCH_* value
  std::vector<Segment> segments;
  Pointer array = Pointer::valid;            ///< the segments pointer
  std::optional<std::uint64_t> nr_segments;  ///< overrides segments.size()
  std::uint64_t array_address = 0;           ///< for Pointer::address, else 0
  bool operator==(const Plan&) const = default;

  [[nodiscard]] std::uint64_t count() const { return nr_segments.value_or(segments.size()); }
  /// The call as a table: entry, flags by name, each segment with buffer size, destination, and name.
  [[nodiscard]] std::string str() const;
};

/// Flags as text: "KEXEC_ON_CRASH|KEXEC_ARCH_X86_64", unknown bits in hex.
std::string flags_to_string(std::uint64_t flags);

/// What decode_plan and the buffers accept at most, so that bytes from elsewhere never take a host's memory.
struct PlanLimits {
  static constexpr std::uint32_t encoded_bytes = std::uint32_t{16} << 20;  ///< a whole encoded plan
  static constexpr std::uint32_t text_bytes = 4096;                        ///< a name or a path (PATH_MAX)
  static constexpr std::uint32_t segments = 1024;
  static constexpr std::uint32_t pieces = 1024;               ///< in one segment
  static constexpr std::uint32_t segment_bytes = 0x7fffffff;  ///< contents of one segment; fits 32-bit hosts
};

/// Compact, versioned, bounded serialisation; decode(encode(p)) == p for every plan within PlanLimits, and what decodes
/// encodes to the same bytes. The format stands in codec.cpp. decode errors: truncated, corrupt.
Bytes encode_plan(const Plan& plan);
Result<Plan> decode_plan(ByteView bytes);

/// The deterministic pattern: the 8-byte little-endian word with index i (from 0) is the i-th output of splitmix64
/// seeded with `seed`, that is mix(seed + (i+1) * 0x9E3779B97F4A7C15) with the usual mix, so any misplaced, swapped or
/// repeated block shows. `out` is any slice that starts at byte `offset` of the pattern; neither need be aligned.
void fill_pattern(std::uint32_t seed, std::uint64_t offset, std::span<std::byte> out);

/// Whole contents of a segment's buffer (without the zero tail). `resolve` gives the bytes of a named source.
/// Errors: not_found (source), truncated (source shorter than the piece says), no_space (past PlanLimits).
using Resolver = Result<ByteView> (*)(void* context, const std::string& source);
Result<Bytes> segment_bytes(const Segment& segment, Resolver resolve, void* context);

/// Sum of the pieces' lengths in bytes. Error: no_space where it passes PlanLimits::segment_bytes.
Result<std::uint64_t> pieces_length(const Segment& segment);

/// Rules a sane plan keeps whatever the kernel: 1 to 16 segments, page-aligned, not empty, disjoint, bufsz <= memsz,
/// pieces sum to bufsz, entry inside a segment, no deliberate mistake in a pointer or a count. `page_size` in bytes, a
/// power of two. Used before every load that is meant to work. Error: invalid_argument, naming the segment.
Status check_plan(const Plan& plan, std::uint64_t page_size);

/// The error for a call that the kernel answered with `error` (an errno of this host): the whole call, and of the rules
/// that give this errno the first that the plan breaks, or all that remain. Pure. Code: refused.
/// Source: kernel/kexec.c (kexec_load_check, do_kexec_load), kernel/kexec_core.c (sanity_check_segment_list), 6.1.
Error refusal(const Plan& plan, int error, std::uint64_t page_size);

}  // namespace kexlab
