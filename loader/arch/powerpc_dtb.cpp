// SPDX-License-Identifier: Apache-2.0
// The device tree that a second kernel gets on powerpc of any width. Pure.
#include "loader/arch/powerpc_dtb.h"

#include "kexlab/text.h"
#include "loader/arch/chosen.h"

namespace kexlab {
namespace {

constexpr std::uint64_t cmdline_limit = 2047;  // COMMAND_LINE_SIZE - 1, arch/powerpc/include/asm/setup.h

}  // namespace

Result<Range> add_powerpc_dtb(Placement& placement, const LoadRequest& request, const MemoryValues& memory,
                              const Rules& rules, const Range& initrd, const Range& elfcorehdr) {
  std::string cmdline = request.cmdline;
  if (request.crash) cmdline += (cmdline.empty() ? "elfcorehdr=" : " elfcorehdr=") + hex(elfcorehdr.start);
  const auto text = cmdline_bytes(request, cmdline, cmdline_limit);
  if (!text) return tl::unexpected(text.error());
  const auto tree = edit_memory(request.machine->fdt, memory, asked_of(request));
  if (!tree) return tl::unexpected(tree.error());
  auto dtb = edit_chosen(*tree, {cmdline, initrd, {}, {}}, asked_of(request));
  if (!dtb) return tl::unexpected(dtb.error());
  const auto where = placement.reserve("dtb", dtb->size(), rules);
  if (where) placement.add("dtb", *where, {Piece::of(std::move(*dtb))});
  return where;
}

}  // namespace kexlab
