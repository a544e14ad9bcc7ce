// SPDX-License-Identifier: Apache-2.0
// The host's hand on the witness: what it shall look for, put into its image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"

namespace kexlab::witness {

/// A segment that the witness is to find.
struct WitnessEntry {
  std::uint64_t dest = 0;    ///< physical address
  std::uint64_t bufsz = 0;   ///< bytes that must have the digest
  std::uint64_t memsz = 0;   ///< bytes from dest, >= bufsz; those behind bufsz must be zero
  std::uint64_t digest = 0;  ///< fast_digest of the first bufsz bytes
  std::string name = {};     ///< for messages; may be empty
  bool skip = false;         ///< listed, but not looked at
};

/// Everything that one witness is told. The witness's own segment is no entry: make_witness adds it as the last one.
struct WitnessTable {
  std::string nonce;                  ///< 32 lower-case hex digits
  std::uint64_t base = 0;             ///< physical address the witness itself is to run at, a multiple of 4096
  std::vector<WitnessEntry> entries;  ///< at most max_entries
  unsigned round = 0;         ///< 0: it ends the machine; n: it goes back (KEXEC_JUMP), and is entered the n-th time
  std::uint64_t console = 0;  ///< UART: port on x86, physical address elsewhere; 0: the machine's usual one
};

inline constexpr std::size_t max_entries = 63;
/// Bytes at the start of every witness that do nothing.
inline constexpr std::size_t entry_room = 64;

/// The image with the table in its header, ready to be a segment at table.base (bufsz == memsz == its size, memsz
/// rounded up where pages are larger than 4 KiB) that is also the entry. `image` is a target's witness.bin; its byte
/// order is read from it. Errors: corrupt (not a witness), unsupported (another version), invalid_argument (the table).
Result<Bytes> make_witness(ByteView image, const WitnessTable& table);

}  // namespace kexlab::witness
