// SPDX-License-Identifier: Apache-2.0
// Fuzz target: decode_plan never crashes, and what it accepts encodes to the same bytes, prints, and can be checked.
#include <cstdlib>

#include "kexlab/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kexlab::ByteView input = std::as_bytes(std::span(data, size));
  const auto plan = kexlab::decode_plan(input);
  if (!plan) return 0;
  if (kexlab::encode_plan(*plan) != kexlab::to_bytes(input)) std::abort();
  if (plan->str().empty()) std::abort();
  for (const std::uint64_t page_size : {4096, 65536}) (void)kexlab::check_plan(*plan, page_size);
  return 0;
}
