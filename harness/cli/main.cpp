// SPDX-License-Identifier: Apache-2.0
// kexlab: the command. Each subcommand lies in a file of its own; this one chooses.
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "harness/cli/command.h"
#include "harness/targets/target.h"

int main(int argc, char** argv) try {
  using namespace kexlab::cli;
  CLI::App app{
      "kexlab tests kexec: it boots guests, loads kernels, switches to them, and says what broke.\n"
      "Exit codes: 0 all passed, 1 the kernel failed something, 2 usage, 3 the harness or the host failed."};
  app.name("kexlab");
  app.set_version_flag("--version", KEXLAB_VERSION);
  app.require_subcommand(1);
  const std::vector<std::pair<const char*, Action (*)(CLI::App&)>> commands{
      {"run", add_run},       {"list", add_list}, {"bench", add_bench},
      {"images", add_images}, {"plan", add_plan}, {"doctor", add_doctor}};
  const std::vector<const char*> abouts{"Run scenarios on kernels and report what passed and what broke",
                                        "List scenarios, cases, targets",
                                        "Measure load and switch latency",
                                        "List, fetch and build kernels",
                                        "Show the plan of booting an image, without running it",
                                        "Look whether this machine has what kexlab needs"};
  std::vector<std::pair<CLI::App*, Action>> actions;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    CLI::App* command = app.add_subcommand(commands[i].first, abouts[i]);
    actions.emplace_back(command, commands[i].second(*command));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? all_good : usage;
  }
  if (auto fine = kexlab::targets_status(); !fine) return tell(fine.error());
  watch_signals();
  for (const auto& [command, action] : actions) {
    if (command->parsed()) return action();
  }
  return usage;
} catch (const std::exception& error) {
  // Libraries give errors as values; what still arrives here is a defect or memory that ran out.
  std::fprintf(stderr, "kexlab: internal error: %s\n", error.what());
  return kexlab::cli::harness_failed;
}
