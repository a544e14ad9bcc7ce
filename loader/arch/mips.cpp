// SPDX-License-Identifier: Apache-2.0
// mips: 32-bit, big-endian MIPS. The boot protocol stands in mips_yamon.cpp.
#include <elf.h>

#include "loader/arch/mips_yamon.h"
#include "loader/arch/usual_segments.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/mips_stub.inc"
};

Result<Plan> plan_mips(const LoadRequest& request) {
  return plan_mips(request, {32, std::endian::big, std::as_bytes(std::span(stub_code))});
}

}  // namespace

extern const Arch arch_mips;
const Arch arch_mips = {
    .name = "mips",
    .kexec_arch = EM_MIPS << 16,  // either byte order: KEXEC_ARCH_MIPS_LE is refused by every kernel
    .bits = 32,
    .order = std::endian::big,
    .elf_machine = EM_MIPS,
    .plan_kernel = plan_mips,
    .usable = ram_not_reserved,
    .cmdline_words = mips_words,
    .crash_cmdline_words = mips_crash_words,
};

}  // namespace kexlab
