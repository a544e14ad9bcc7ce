// SPDX-License-Identifier: Apache-2.0
// mips64el: 64-bit, little-endian MIPS. The boot protocol stands in mips_yamon.cpp.
#include <elf.h>

#include "loader/arch/mips_yamon.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/mips64el_stub.inc"
};

Result<Plan> plan_mips64el(const LoadRequest& request) {
  return plan_mips(request, {64, std::endian::little, std::as_bytes(std::span(stub_code))});
}

}  // namespace

extern const Arch arch_mips64el;
const Arch arch_mips64el = {
    .name = "mips64el",
    .kexec_arch = EM_MIPS << 16,  // either byte order: KEXEC_ARCH_MIPS_LE is refused by every kernel
    .bits = 64,
    .order = std::endian::little,
    .elf_machine = EM_MIPS,
    .plan_kernel = plan_mips64el,
    .usable = ram_not_reserved,
    .cmdline_words = mips_words,
    .crash_cmdline_words = mips_crash_words,
};

}  // namespace kexlab
