// SPDX-License-Identifier: Apache-2.0
// kexlab plan: what kexec_load would be given, for an image and a saved machine profile, without running anything.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "harness/cli/command.h"
#include "harness/images/file.h"
#include "kexlab/arch.h"

namespace kexlab::cli {
namespace {

struct PlanFlags {
  std::string image, initrd, cmdline, profile;
  bool crash = false;
};

Result<std::string> plan_text(const PlanFlags& flags) {
  auto profile = images::read_file(flags.profile);
  if (!profile) return tl::unexpected(profile.error());
  auto machine = load_profile(as_text(*profile));
  if (!machine) return tl::unexpected(machine.error());
  auto image = read_image(flags.image);
  if (!image) return tl::unexpected(image.error());
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
  app.add_option("image", flags->image, "Kernel image")->required();
  app.add_option("--machine", flags->profile, "Saved machine profile (JSON), as `kexlab run` stores for each guest")
      ->required();
  app.add_option("--initrd", flags->initrd, "Initrd");
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
