// SPDX-License-Identifier: Apache-2.0
// The list of architectures, made by CMake from the files in this folder, and the way from a request to its row.
#include <algorithm>
#include <array>
#include <numeric>

#include "kexlab/arch.h"
#include "loader/arch/placement.h"

namespace kexlab {

#define KEXLAB_ARCH(name) extern const Arch arch_##name;
#include "loader/arch/arches.inc"
#undef KEXLAB_ARCH

namespace {

constexpr auto rows = std::to_array<const Arch*>({
#define KEXLAB_ARCH(name) &arch_##name,
#include "loader/arch/arches.inc"
#undef KEXLAB_ARCH
});

Status check_request(const LoadRequest& request) {
  if (request.machine == nullptr || request.kernel == nullptr) {
    return fail(Errc::invalid_argument, "plan a kernel", "the request names no machine or no kernel");
  }
  if (request.kernel->arch == request.machine->arch) return {};
  return fail(Errc::wrong_arch, asked_of(request),
              "the kernel is for " + request.kernel->arch + ", the machine is " + request.machine->arch,
              "use a kernel of the machine's architecture");
}

}  // namespace

std::uint64_t InitrdSource::size() const {
  return std::accumulate(pieces.begin(), pieces.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Piece& piece) { return sum + piece.length(); });
}

std::span<const Arch* const> all_archs() { return rows; }

const Arch* find_arch(std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Arch* arch) { return arch->name == name; });
  return found == rows.end() ? nullptr : *found;
}

const Arch* find_arch_by_elf(std::uint16_t elf_machine, unsigned bits, std::endian order) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Arch* arch) {
    return arch->elf_machine == elf_machine && arch->bits == bits && arch->order == order;
  });
  return found == rows.end() ? nullptr : *found;
}

Result<Plan> plan_kernel(const LoadRequest& request) {
  if (auto checked = check_request(request); !checked) return tl::unexpected(checked.error());
  const Arch* arch = find_arch(request.machine->arch);
  if (arch == nullptr) {
    return fail(Errc::unsupported, asked_of(request), "no boot protocol here for " + request.machine->arch);
  }
  auto plan = arch->plan_kernel(request);
  if (!plan) return plan;
  plan->arch = arch->name;
  plan->flags =
      (request.crash ? kexec::on_crash : 0) | (request.arch_constant ? arch->kexec_arch : kexec::arch_default);
  if (auto checked = check_plan(*plan, request.machine->page_size); !checked) return tl::unexpected(checked.error());
  if (auto checked = check_sizes(request, *plan); !checked) return tl::unexpected(checked.error());
  return plan;
}

}  // namespace kexlab
