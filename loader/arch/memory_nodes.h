// SPDX-License-Identifier: Apache-2.0
// Memory as a flat device tree tells of it, for the architectures that hand memory over in its nodes. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/range.h"

namespace kexlab {

/// What shall be said of memory, beside what the machine has.
struct MemoryValues {
  std::vector<Range> kept;         ///< what firmware keeps: entries of /memreserve/ that touch none of it go away
  std::vector<Range> reserved;     ///< further entries
  std::optional<RangeSet> usable;  ///< linux,usable-memory of the memory nodes; nothing: they have no such property
};

/// The tree with its memory nodes and its /memreserve/ as told. Source: drivers/of/fdt.c (early_init_dt_scan_memory).
/// Errors: not_found (no tree), corrupt (libfdt refuses it), unsupported (a range does not fit the cells).
Result<Bytes> edit_memory(ByteView fdt, const MemoryValues& values, const std::string& asked);

/// The range of the memory node that starts at address 0; empty where there is none.
Range first_memory(ByteView fdt);

/// The number of 4 or 8 bytes in a property of a node; nothing where there is no such node or property.
std::optional<std::uint64_t> fdt_number(ByteView fdt, const char* path, const char* property);

/// The text in a property of a node; empty where there is no such node or property.
std::string fdt_text(ByteView fdt, const char* path, const char* property);

/// {base, size} of every node of this device_type that has both properties.
std::vector<Range> fdt_ranges(ByteView fdt, const char* device_type, const char* base, const char* size);

}  // namespace kexlab
