// SPDX-License-Identifier: Apache-2.0
// kexlab doctor: does this machine have what kexlab needs, and what to install where it does not.
#include <fmt/format.h>

#include <memory>

#include "harness/cli/command.h"
#include "harness/images/doctor.h"
#include "harness/targets/target.h"
#include "harness/vm/vm.h"

namespace kexlab::cli {
namespace {

int doctor(const std::vector<std::string>& names) {
  std::vector<Target> targets = names.empty() ? all_targets() : std::vector<Target>();
  for (const auto& name : names) {
    auto target = named_target(name);
    if (!target) return tell(target.error());
    targets.push_back(**target);
  }
  bool bad = false;
  for (const auto& check : images::run_checks(targets)) {
    bad |= check.state == images::Check::State::bad;
    fmt::print("{:<4} {:<28} {}{}\n", images::to_string(check.state), check.name, check.found,
               check.hint.empty() ? "" : " -> " + check.hint);
  }
  for (const Target& target : targets) {
    const auto choice = vm::choose_accelerator(target);
    fmt::print("ok   {:<28} {}{}\n", "accelerator of " + target.name, vm::to_string(choice.accelerator),
               choice.why.empty() ? "" : ": " + choice.why);
  }
  return bad ? harness_failed : all_good;
}

}  // namespace

Action add_doctor(CLI::App& app) {
  auto names = std::make_shared<std::vector<std::string>>();
  app.add_option("--target", *names, "Target(s); default: all")->delimiter(',');
  return [names] { return doctor(*names); };
}

}  // namespace kexlab::cli
