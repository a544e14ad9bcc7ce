// SPDX-License-Identifier: Apache-2.0
// What the harness asks of a running kernel before it plans: memory, firmware tables, and what the model needs.
#pragma once

#include <optional>
#include <string>

#include "harness/engine/session.h"
#include "harness/scenario/scenario.h"
#include "harness/targets/target.h"
#include "kexlab/machine.h"

namespace kexlab::engine {

struct Facts {
  Machine machine;
  std::uint64_t ram_pages = 0;               ///< totalram_pages(), from MemTotal
  bool la57 = false;                         ///< x86_64: five-level paging
  bool lockdown = false;                     ///< the kernel is locked down, integrity or more
  std::optional<std::uint64_t> marker = {};  ///< a page of the agent with known contents, where it was laid down
};

/// MiB of RAM, and of the reservation for a crash kernel (0: none), that a guest of this shape is given.
std::uint64_t guest_memory_mib(const Target& target, const scenario::GuestShape& guest);
std::uint64_t reservation_mib(const Target& target, const scenario::GuestShape& guest);

/// Reads the facts over the agent. `deadline` is for all of it. Errors: as Session::call, corrupt, not_found.
Result<Facts> read_facts(Session& session, const Target& target, const Hello& hello, vm::Clock::time_point deadline);

/// Whole contents of a guest's file, at most `most` bytes. Errors: not_found, io (with the errno's name), as
/// Session::call.
Result<Bytes> read_guest_file(Session& session, const std::string& path, std::uint64_t most,
                              vm::Clock::time_point deadline);
/// At most `size` bytes (256 KiB) from `offset`; `eof` is set where the file ends there.
Result<Bytes> read_guest_part(Session& session, const std::string& path, std::uint64_t offset, std::uint64_t size,
                              vm::Clock::time_point deadline, bool* eof = nullptr);
/// `size` bytes (at most 256 KiB) from `offset`, a multiple of the guest's page size, by mmap(2).
Result<Bytes> map_guest_part(Session& session, const std::string& path, std::uint64_t offset, std::uint64_t size,
                             vm::Clock::time_point deadline);

/// The facts of the machine that this program runs on. Errors: as read_machine; permission where /proc/iomem hides its
/// addresses.
Result<Facts> read_own_facts(const Target& target);

/// JSON of facts, for keeping them beside a snapshot or as a machine's profile; reading back gives equal facts. A
/// profile of the loader's own (save_profile) is read too: it does not tell how much RAM the kernel counts.
std::string save_facts(const Facts& facts);
Result<Facts> load_facts(std::string_view json);

}  // namespace kexlab::engine
