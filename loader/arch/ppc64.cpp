// SPDX-License-Identifier: Apache-2.0
// ppc64, big endian: powerpc64.cpp tells the protocol.
#include <elf.h>

#include "loader/arch/powerpc64.h"

namespace kexlab {
namespace {

constexpr unsigned char stub_code[] = {
#include "loader/arch/ppc64_stub.inc"
};

Result<Plan> plan_ppc64(const LoadRequest& request) {
  return plan_powerpc64(request, std::endian::big, std::as_bytes(std::span(stub_code)));
}

}  // namespace

extern const Arch arch_ppc64;
const Arch arch_ppc64 = {
    .name = "ppc64",
    .kexec_arch = EM_PPC64 << 16,
    .bits = 64,
    .order = std::endian::big,
    .elf_machine = EM_PPC64,
    .plan_kernel = plan_ppc64,
    .usable = usable_powerpc64,
    .crash_cmdline_words = powerpc64_crash_words,
};

}  // namespace kexlab
