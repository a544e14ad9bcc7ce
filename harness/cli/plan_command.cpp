// SPDX-License-Identifier: Apache-2.0
// kexlab plan: what kexec_load would be given, for an image and a machine, without making the call.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "harness/cli/command.h"
#include "harness/cli/workdir.h"
#include "harness/images/file.h"
#include "harness/images/images.h"
#include "harness/report/report.h"
#include "kexlab/arch.h"

namespace kexlab::cli {
namespace {

struct PlanFlags {
  std::string image, initrd, cmdline, profile, save;
  std::uint64_t memory_mib = 0;
  bool crash = false;
};

/// A machine as the harness emulates it: a guest of the image's target is started (or had from an earlier run), and
/// asked.
Result<Machine> emulated_machine(const PlanFlags& flags, const Image& image) {
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
  return guest.stage().facts.machine;
}

Result<Machine> machine_of(const PlanFlags& flags, const Image& image) {
  if (flags.profile.empty()) return emulated_machine(flags, image);
  auto profile = images::read_file(flags.profile);
  if (!profile) return tl::unexpected(profile.error());
  return load_profile(as_text(*profile));
}

Result<std::string> plan_text(const PlanFlags& flags) {
  auto image = read_image(flags.image);
  if (!image) return tl::unexpected(image.error());
  auto machine = machine_of(flags, *image);
  if (!machine) return tl::unexpected(machine.error());
  if (!flags.save.empty()) {
    if (auto status = images::write_file(flags.save, as_bytes(save_profile(*machine))); !status) {
      return tl::unexpected(status.error());
    }
  }
  LoadRequest request{.machine = &*machine, .kernel = &*image, .kernel_source = flags.image};
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
  return image->str() + "\n" + plan->str();
}

}  // namespace

Action add_plan(CLI::App& app) {
  auto flags = std::make_shared<PlanFlags>();
  app.add_option("image", flags->image, "Kernel image")->required()->check(CLI::ExistingFile);
  app.add_option("--machine", flags->profile,
                 "Saved machine profile (JSON); default: the machine that guests of the image's target get");
  app.add_option("--save-machine", flags->save, "Write the machine's profile to this file, for --machine");
  app.add_option("--memory", flags->memory_mib, "MiB of the emulated machine")->excludes("--machine");
  app.add_option("--initrd", flags->initrd, "Initrd")->check(CLI::ExistingFile);
  app.add_option("--cmdline", flags->cmdline, "Command line");
  app.add_flag("--crash", flags->crash, "Plan a crash kernel (KEXEC_ON_CRASH)");
  return [flags] {
    auto text = plan_text(*flags);
    if (!text) return tell(text.error());
    fmt::print("{}\n", *text);
    return static_cast<int>(all_good);
  };
}

}  // namespace kexlab::cli
