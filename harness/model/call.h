// SPDX-License-Identifier: Apache-2.0
// A call as the kernel sees it: numbers cut to the caller's word, the kernel's own constants beside it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "harness/model/contract.h"
#include "harness/model/model.h"

namespace kexlab::model {

struct CallSegment {
  std::uint64_t bufsz = 0, mem = 0, memsz = 0;
  std::uint64_t readable = 0;        ///< bytes from buf on that can be read
  const Segment* planned = nullptr;  ///< as the plan has it; nullptr: beyond the plan's own, zeros
};

struct Call {
  const Situation* situation = nullptr;
  const scenario::Credentials* as = nullptr;
  const Contract* contract = nullptr;
  bool compat = false;
  std::uint64_t entry = 0;
  std::uint64_t flags = 0;  ///< the low 32 bits: all that the kernel looks at
  std::uint64_t nr_segments = 0;
  std::uint64_t array_readable = 0;   ///< bytes from the array's pointer on that can be read
  std::vector<CallSegment> segments;  ///< nr_segments of them, 16 at most

  /// sizeof(struct kexec_segment) as the caller has it.
  [[nodiscard]] std::uint64_t entry_size() const { return compat || contract->bits == 32 ? 16 : 32; }
  /// mem + memsz in the kernel's own arithmetic.
  [[nodiscard]] std::uint64_t end(const CallSegment& segment) const;
  /// KEXEC_DESTINATION_MEMORY_LIMIT of this kernel.
  [[nodiscard]] std::uint64_t destination_limit() const;
  /// ON_CRASH is set and this kernel has a crash slot.
  [[nodiscard]] bool crash() const;
  [[nodiscard]] bool since(unsigned major, unsigned minor) const;
  /// The config option is y or m; `unknown` where no config is known at all.
  [[nodiscard]] bool config(std::string_view option, bool unknown) const;
  /// First and last byte of the reservation; both 0 without one, as crashk_res is.
  [[nodiscard]] std::uint64_t crash_first() const;
  [[nodiscard]] std::uint64_t crash_last() const;
};

Call make_call(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat);

}  // namespace kexlab::model
