// SPDX-License-Identifier: Apache-2.0
// Compares registers with what the target's kernel promises.
#include "harness/witness/entry_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/witness/report.h"

namespace kexlab::witness {
namespace {

// What a rule comes to for one load.
struct Expected {
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

std::string broken_promise(const RegisterRule& rule, const Expected& expected, std::uint64_t value) {
  const auto wanted = expected.mask == all_bits ? fmt::format("{:#x}", expected.value)
                                                : fmt::format("{:#x} in the bits {:#x}", expected.value, expected.mask);
  return fmt::format("{} at entry is {:#x}, expected {} ({}; {})", rule.name, value, wanted, rule.text, rule.source);
}

// Nothing where this load says nothing of it.
std::optional<Expected> expected_of(const RegisterRule& rule, const Handover& handover) {
  const auto masked = [&](std::optional<std::uint64_t> number, std::uint64_t more = 0) {
    return number ? std::optional(Expected{rule.mask, (*number + more) & rule.mask}) : std::nullopt;
  };
  switch (rule.is) {
    case RegisterRule::Is::entry:
      return masked(handover.entry);
    case RegisterRule::Is::demanded:
      return masked(handover.demanded);
    case RegisterRule::Is::tree:
      return handover.tree ? masked(handover.tree) : masked(handover.entry, rule.value);
    case RegisterRule::Is::cpu:
      if (handover.cpu) return Expected{all_bits, *handover.cpu};
      break;
    case RegisterRule::Is::value:
      break;
  }
  return Expected{rule.mask, rule.value};
}

}  // namespace

std::vector<std::string> check_registers(std::string_view target, const Registers& registers,
                                         const Handover& handover) {
  const auto states = all_entry_states();
  const auto state = std::find_if(states.begin(), states.end(), [&](const auto* one) { return one->target == target; });
  if (state == states.end()) return {fmt::format("what the kernel promises at entry on {} is not known here", target)};
  std::vector<std::string> out;
  const auto other = handover.jump ? RegisterRule::When::boot : RegisterRule::When::jump;
  using Started = RegisterRule::Started;
  const auto elsewhere = handover.hypervisor ? Started::usual : Started::hypervisor;
  for (const auto& rule : (*state)->rules) {
    const auto expected = expected_of(rule, handover);
    if (rule.when == other || rule.started == elsewhere || !expected) continue;
    const auto found = registers.find(rule.name);
    if (found == registers.end()) {
      if (!rule.optional) out.push_back(fmt::format("the witness did not tell {}", rule.name));
    } else if ((found->second & expected->mask) != expected->value) {
      out.push_back(broken_promise(rule, *expected, found->second));
    }
  }
  return out;
}

}  // namespace kexlab::witness
