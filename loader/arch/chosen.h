// SPDX-License-Identifier: Apache-2.0
// The device tree that a second kernel gets: the running one's, with /chosen made new. Pure.
#pragma once

#include <string>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/range.h"

namespace kexlab {

/// What /chosen shall say.
struct ChosenValues {
  std::string cmdline;
  Range initrd;               ///< exact bytes; empty: none
  Range elfcorehdr;           ///< empty: no crash kernel
  std::vector<Range> usable;  ///< linux,usable-memory-range of a crash kernel, the main one first
};

/// The tree with the values set and all that only concerned the first boot removed: its initrd (and the memory
/// reservation that covered it), its seeds, its crash properties. Packed. Properties made of addresses follow the
/// root's #address-cells and #size-cells. Sources: Documentation/arm64/booting.rst, drivers/of/kexec.c (6.1),
/// the devicetree schema chosen.yaml.
/// Errors: not_found (no tree), corrupt (libfdt refuses it), unsupported (a value does not fit the cells).
Result<Bytes> edit_chosen(ByteView fdt, const ChosenValues& values, const std::string& asked);

/// Memory that the tree's /reserved-memory gives to others than the kernel: its nodes with a `reg` and without
/// `reusable`. Firmware may guard it. Source: the devicetree schema reserved-memory.yaml.
RangeSet foreign_memory(ByteView fdt);

/// A device tree without nodes, a multiple of 8 bytes long.
Bytes empty_tree();

/// Physical address of the PL011 that /chosen/stdout-path names; 0 where it names none.
std::uint64_t pl011_console(ByteView fdt);
/// The same of a 16550 whose registers are bytes that lie side by side; 0 too where a bus above it maps it nowhere.
std::uint64_t ns16550_console(ByteView fdt);

}  // namespace kexlab
