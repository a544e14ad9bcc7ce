// SPDX-License-Identifier: Apache-2.0
// Fuzz target: parse_iomem and load_profile never crash, and what they accept survives being saved.
#include <cstdlib>

#include "kexlab/machine.h"

namespace {

void survives_saving(const kexlab::Machine& machine) {
  const auto again = kexlab::load_profile(kexlab::save_profile(machine));
  if (!again || !(*again == machine)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto memory = kexlab::parse_iomem(text)) {
    if (memory->reserved_in_ram().total() > memory->ram().total()) std::abort();
    kexlab::Machine machine;
    machine.memory = std::move(*memory);
    survives_saving(machine);
  }
  if (const auto machine = kexlab::load_profile(text)) survives_saving(*machine);
  (void)kexlab::find_kallsyms(text, "_text");
  return 0;
}
