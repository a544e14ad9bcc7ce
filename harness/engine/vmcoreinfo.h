// SPDX-License-Identifier: Apache-2.0
// Does a crashed kernel's vmcoreinfo tell what makedumpfile, crash and drgn cannot open its dump without?
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "kexlab/machine.h"

namespace kexlab::engine {

/// The first line that is wanting in vmcoreinfo's text, as "its vmcoreinfo has no line X", or empty. Wanted is what all
/// kernels of 5.10 to 7.2 tell, what those of the architecture do, what kernels of this version (OSRELEASE) do, and the
/// whole of each group that depends on the kernel's configuration: sections or one map of memory, the log, the names of
/// symbols. Where the configuration is known (CONFIG_X → y), its own lines are wanted too. Source:
/// Documentation/admin-guide/kdump/vmcoreinfo.rst, kernel/crash_core.c, later vmcore_info.c
/// (crash_save_vmcoreinfo_init), kernel/printk/printk.c (log_buf_vmcoreinfo_setup); of 6.1, 6.12 and 7.2.
std::string missing_in_vmcoreinfo(std::string_view text, const Machine& crashed,
                                  const std::map<std::string, std::string>& config = {});
/// The value of a line like NUMBER(phys_base)=-4096 or NUMBER(kimage_voffset)=0xffff0000, modulo 2^64; `key` is all in
/// front of the "=". Nothing where there is no such line, or no such number.
std::optional<std::uint64_t> number_in_vmcoreinfo(std::string_view text, std::string_view key);
/// The same of a line whose number is hexadecimal without a mark, like KERNELOFFSET=33800000.
std::optional<std::uint64_t> hex_in_vmcoreinfo(std::string_view text, std::string_view key);
/// The address in the line SYMBOL(name)=; nothing where there is none.
std::optional<std::uint64_t> symbol_in_vmcoreinfo(std::string_view text, std::string_view name);

}  // namespace kexlab::engine
