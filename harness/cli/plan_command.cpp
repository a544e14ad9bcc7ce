// SPDX-License-Identifier: Apache-2.0
// kexlab plan: what kexec_load would be given, for an image and a machine, without making the call.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>

#include "harness/cli/command.h"
#include "harness/cli/workdir.h"
#include "harness/engine/places.h"
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
  auto backend = make_backend();
  Choice choice;
  choice.targets = {image.arch};
  auto benches = make_benches(choice, *backend, bus);
  if (!benches) return tl::unexpected(benches.error());
  scenario::Case what;
  if (flags.crash) what.guest.crashkernel_mib = 0;
  if (flags.memory_mib != 0) what.guest.memory_mib = flags.memory_mib;
  const engine::LabOptions lab{.workdir = workdir->path(), .cache = *cache};
  engine::ReadyGuest guest(*backend, bus, engine::shape_of(benches->all.front(), what), lab, stop_token());
  if (auto ready = guest.make_ready(); !ready) return tl::unexpected(ready.error());
  return guest.stage().facts;
}

Result<engine::Facts> machine_of(const PlanFlags& flags, const Image& image) {
  if (flags.profile.empty()) return emulated_machine(flags, image);
  if (flags.profile == "here") {
    utsname own{};
    uname(&own);
    for (const Target& target : all_targets()) {
      if (target.kvm_host == own.machine) return engine::read_own_facts(target);
    }
    return fail(Errc::unsupported, "read this machine", std::string("no target is native to ") + own.machine);
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

/// What is shown, and whether the machine's kernel would take every call of it.
struct Shown {
  std::string text;
  bool accepted = true;
};

/// What the contract says of calls, one after the other, on this machine, from the state that is assumed.
class Explainer {
 public:
  static Result<Explainer> make(const PlanFlags& flags, const engine::Facts& facts) {
    auto config = config_of(flags);
    if (!config) return tl::unexpected(config.error());
    Explainer out;
    out.now_ = engine::situation_of(facts, facts.machine.release, *config);
    for (const auto& assumption : assumptions) {
      const auto& words = flags.assume;
      if (std::find(words.begin(), words.end(), assumption.word) != words.end()) assumption.apply(out.now_, out.as_);
    }
    return out;
  }
  void explain(const Plan& plan, const scenario::Credentials& as, bool compat, Shown& shown) {
    const auto& caller = as_.any() ? as_ : as;
    shown.text += model::explain(now_, plan, caller, compat);
    const auto predicted = model::predict(now_, plan, caller, compat);
    shown.accepted &= predicted.value == 0 && predicted.error == 0;
    now_.state = predicted.after;
  }

 private:
  model::Situation now_;
  scenario::Credentials as_;
};

/// Why what a step loads is not known before it runs; empty for loads that are written down, and for other steps.
std::string needs_a_guest(const scenario::Step& step) {
  if (const auto* load = std::get_if<scenario::LoadStep>(&step.action)) {
    if (!load->kernel.empty())
      return "it loads the kernel '" + load->kernel + "', which is planned for the guest's memory";
    return load->random ? "its segments are laid at random into the guest's memory" : "";
  }
  if (std::holds_alternative<scenario::FileLoadStep>(step.action)) return "kexec_file_load(2) reads the guest's files";
  return std::holds_alternative<scenario::RandomStep>(step.action) ? "its calls are made for the guest's memory" : "";
}

/// The loads that scenarios write down, instead of the plan of an image.
Result<Shown> explain_scenarios(const PlanFlags& flags) {
  if (flags.profile.empty()) {
    return fail(Errc::invalid_argument, "explain the loads of " + flags.image, "no machine is given",
                "add --machine with a profile (--save-machine writes one), or --machine here");
  }
  auto cases = choose_cases({flags.image});
  if (!cases) return tl::unexpected(cases.error());
  auto profile = machine_of(flags, Image{});
  if (!profile) return tl::unexpected(profile.error());
  auto target = named_target(profile->machine.arch);
  if (!target) return tl::unexpected(target.error());
  Shown shown;
  std::string left_out;
  for (const auto& what : *cases) {
    auto explainer = Explainer::make(flags, *profile);
    if (!explainer) return tl::unexpected(explainer.error());
    for (const auto& step : what.steps) {
      const std::string place = fmt::format("{} at {}:{}", what.id, step.where.file, step.where.line);
      if (const auto why = needs_a_guest(step); !why.empty()) {
        left_out += fmt::format("{}: cannot be explained without a guest: {}\n", place, why);
      } else if (const auto* load = std::get_if<scenario::LoadStep>(&step.action)) {
        auto plan = engine::written_plan(*load, *profile, **target);
        if (!plan) return tl::unexpected(plan.error());
        shown.text += fmt::format("{}\n{}\n", place, plan->str());
        explainer->explain(*plan, load->as, load->abi != scenario::native_abi, shown);
        shown.text += "\n";
      }
    }
  }
  if (!shown.text.empty()) {
    shown.text += left_out;
    return shown;
  }
  return fail(Errc::invalid_argument, "explain the loads of " + flags.image,
              left_out.empty() ? "it has no load" : "\n" + left_out,
              "a load whose segments are written down can be explained; run the others");
}

Result<Shown> show_plan(const PlanFlags& flags) {
  if (flags.explain && (flags.image.ends_with(".yaml") || flags.image.ends_with(".yml")))
    return explain_scenarios(flags);
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
  Shown shown{.text = image->str() + "\n" + plan->str() + "\n"};
  if (!flags.explain) return shown;
  auto explainer = Explainer::make(flags, *facts);
  if (!explainer) return tl::unexpected(explainer.error());
  explainer->explain(*plan, {}, false, shown);
  return shown;
}

}  // namespace

Action add_plan(CLI::App& app) {
  auto flags = std::make_shared<PlanFlags>();
  app.add_option("image", flags->image, "Kernel image, or with --explain a scenario file")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--machine", flags->profile,
                 "Saved machine profile (JSON), or `here` for the machine that this runs on (as root); default: the "
                 "machine that guests of the image's target get");
  app.add_option("--save-machine", flags->save, "Write the machine's profile to this file, for --machine");
  app.add_option("--memory", flags->memory_mib, "MiB of the emulated machine")->excludes("--machine");
  app.add_option("--initrd", flags->initrd, "Initrd")->check(CLI::ExistingFile);
  app.add_option("--cmdline", flags->cmdline, "Command line");
  app.add_flag("--crash", flags->crash, "Plan a crash kernel (KEXEC_ON_CRASH)");
  app.add_flag(
      "--explain", flags->explain,
      "Say whether the machine's kernel would take this call, and by which rule not (then the exit code is 1); "
      "instead of an image, a scenario file whose loads are explained");
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
    auto shown = show_plan(*flags);
    if (!shown) return tell(shown.error());
    fmt::print("{}", shown->text);
    return static_cast<int>(shown->accepted ? all_good : kernel_failed);
  };
}

}  // namespace kexlab::cli
