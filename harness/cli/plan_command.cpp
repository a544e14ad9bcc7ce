// SPDX-License-Identifier: Apache-2.0
// kexlab plan: what kexec_load would be given, for an image and a machine, without making the call.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "harness/cli/command.h"
#include "harness/cli/workdir.h"
#include "harness/images/file.h"
#include "harness/images/images.h"
#include "harness/model/explain.h"
#include "harness/report/report.h"
#include "kexlab/arch.h"

namespace kexlab::cli {
namespace {

struct PlanFlags {
  std::string image, initrd, cmdline, profile, save, config;
  std::uint64_t memory_mib = 0;
  bool crash = false, explain = false;
  std::vector<std::string> assume;
};

/// What --assume knows: the state before the call, and who makes it.
struct Assumption {
  const char* word;
  const char* meaning;
  void (*apply)(model::Situation& now, scenario::Credentials& as);
};
constexpr Assumption assumptions[] = {
    {"loaded", "a normal image is loaded", [](auto& now, auto&) { now.state.loaded = true; }},
    {"crash-loaded", "a crash image is loaded", [](auto& now, auto&) { now.state.crash_loaded = true; }},
    {"load-disabled", "kernel.kexec_load_disabled is 1", [](auto& now, auto&) { now.state.load_disabled = true; }},
    {"lockdown", "the kernel is locked down", [](auto& now, auto&) { now.lockdown = true; }},
    {"busy", "another task holds the kexec lock", [](auto& now, auto&) { now.lock_held = true; }},
    {"unprivileged", "the caller lacks CAP_SYS_BOOT", [](auto&, auto& as) { as.drop = {"sys_boot"}; }},
};

/// A machine as the harness emulates it: a guest of the image's target is started (or had from an earlier run), and
/// asked.
Result<engine::Facts> emulated_machine(const PlanFlags& flags, const Image& image) {
  auto cache = images::cache_folder();
  if (!cache) return tl::unexpected(cache.error());
  auto workdir = Workdir::make();
  if (!workdir) return tl::unexpected(workdir.error());
  report::TerminalOptions options;
  options.living = isatty(STDERR_FILENO) != 0;
  auto screen = report::make_terminal(stderr, options);
  engine::Bus bus;
  bus.attach(*screen);
  auto backend = vm::make_qemu_backend();
  Choice choice;
  choice.targets = {image.arch};
  auto benches = make_benches(choice, *backend, bus);
  if (!benches) return tl::unexpected(benches.error());
  scenario::Case what;
  if (flags.crash) what.guest.crashkernel_mib = 0;
  if (flags.memory_mib != 0) what.guest.memory_mib = flags.memory_mib;
  const engine::LabOptions lab{.workdir = workdir->path(), .cache = *cache};
  engine::ReadyGuest guest(*backend, bus, engine::shape_of(benches->front(), what), lab, stop_token());
  if (auto ready = guest.make_ready(); !ready) return tl::unexpected(ready.error());
  return guest.stage().facts;
}

Result<engine::Facts> machine_of(const PlanFlags& flags, const Image& image) {
  if (flags.profile.empty()) return emulated_machine(flags, image);
  if (flags.profile == "here") {
    auto target = named_target(image.arch);
    if (!target) return tl::unexpected(target.error());
    return engine::read_own_facts(**target);
  }
  auto profile = images::read_file(flags.profile);
  if (!profile) return tl::unexpected(profile.error());
  return engine::load_facts(as_text(*profile));
}

Result<std::map<std::string, std::string>> config_of(const PlanFlags& flags) {
  if (flags.config.empty()) return std::map<std::string, std::string>();
  auto text = images::read_text(flags.config);
  if (!text) return tl::unexpected(text.error());
  return images::parse_config(*text);
}

/// What the contract says of the plan's call, on this machine, in the state that is assumed.
Result<std::string> explanation(const PlanFlags& flags, const engine::Facts& facts, const Plan& plan) {
  auto config = config_of(flags);
  if (!config) return tl::unexpected(config.error());
  model::Situation now = engine::situation_of(facts, facts.machine.release, *config);
  scenario::Credentials as;
  for (const auto& assumption : assumptions) {
    const auto& words = flags.assume;
    if (std::find(words.begin(), words.end(), assumption.word) != words.end()) assumption.apply(now, as);
  }
  return model::explain(now, plan, as, false);
}

Result<std::string> plan_text(const PlanFlags& flags) {
  auto image = read_image(flags.image);
  if (!image) return tl::unexpected(image.error());
  auto facts = machine_of(flags, *image);
  if (!facts) return tl::unexpected(facts.error());
  if (!flags.save.empty()) {
    if (auto status = images::write_file(flags.save, as_bytes(engine::save_facts(*facts))); !status) {
      return tl::unexpected(status.error());
    }
  }
  LoadRequest request{.machine = &facts->machine, .kernel = &*image, .kernel_source = flags.image};
  request.cmdline = flags.cmdline;
  request.crash = flags.crash;
  if (!flags.initrd.empty()) {
    std::error_code error;
    const auto size = std::filesystem::file_size(flags.initrd, error);
    if (error) return fail(Errc::not_found, "use initrd " + flags.initrd, error.message());
    request.initrd.pieces = {Piece::of_source(flags.initrd, 0, size)};
  }
  auto plan = plan_kernel(request);
  if (!plan) return tl::unexpected(plan.error());
  const std::string shown = image->str() + "\n" + plan->str();
  if (!flags.explain) return shown;
  auto why = explanation(flags, *facts, *plan);
  if (!why) return why;
  return shown + "\n" + *why;
}

}  // namespace

Action add_plan(CLI::App& app) {
  auto flags = std::make_shared<PlanFlags>();
  app.add_option("image", flags->image, "Kernel image")->required()->check(CLI::ExistingFile);
  app.add_option("--machine", flags->profile,
                 "Saved machine profile (JSON), or `here` for the machine that this runs on (as root); default: the "
                 "machine that guests of the image's target get");
  app.add_option("--save-machine", flags->save, "Write the machine's profile to this file, for --machine");
  app.add_option("--memory", flags->memory_mib, "MiB of the emulated machine")->excludes("--machine");
  app.add_option("--initrd", flags->initrd, "Initrd")->check(CLI::ExistingFile);
  app.add_option("--cmdline", flags->cmdline, "Command line");
  app.add_flag("--crash", flags->crash, "Plan a crash kernel (KEXEC_ON_CRASH)");
  app.add_flag("--explain", flags->explain,
               "Say whether the machine's kernel would take this call, and by which rule not");
  app.add_option("--config", flags->config, "With --explain: the configuration of the machine's kernel")
      ->check(CLI::ExistingFile);
  std::vector<std::string> words;
  std::string meanings = "With --explain:";
  for (const auto& assumption : assumptions) {
    words.emplace_back(assumption.word);
    meanings += fmt::format("{} {} ({})", words.size() == 1 ? "" : ",", assumption.word, assumption.meaning);
  }
  app.add_option("--assume", flags->assume, meanings)->check(CLI::IsMember(words))->delimiter(',');
  return [flags] {
    auto text = plan_text(*flags);
    if (!text) return tell(text.error());
    fmt::print("{}\n", *text);
    return static_cast<int>(all_good);
  };
}

}  // namespace kexlab::cli
