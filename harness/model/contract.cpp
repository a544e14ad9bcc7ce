// SPDX-License-Identifier: Apache-2.0
// The list of the architectures' contracts, made by CMake from the files in arch/.
#include "harness/model/contract.h"

#include <algorithm>
#include <array>

namespace kexlab::model {

#define KEXLAB_CONTRACT(name) extern const Contract contract_##name;
#include "harness/model/contracts.inc"
#undef KEXLAB_CONTRACT

namespace {

constexpr auto rows = std::to_array<const Contract*>({
#define KEXLAB_CONTRACT(name) &contract_##name,
#include "harness/model/contracts.inc"
#undef KEXLAB_CONTRACT
});

constexpr Contract any{};

}  // namespace

const Contract& contract_of(std::string_view target) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Contract* row) { return row->target == target; });
  return found == rows.end() ? any : **found;
}

std::span<const Contract* const> all_contracts() { return rows; }

bool can_be_built_with(std::string_view target, std::string_view option) {
  const auto never = contract_of(target).never;
  return std::find(never.begin(), never.end(), option) == never.end();
}

}  // namespace kexlab::model
