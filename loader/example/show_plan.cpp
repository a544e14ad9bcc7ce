// SPDX-License-Identifier: Apache-2.0
// Prints what kexec_load would be given to boot a kernel on a machine known by a saved profile. Needs no root.
#include <kexlab/arch.h>
#include <kexlab/image.h>
#include <kexlab/machine.h>

#include <fstream>
#include <iostream>
#include <iterator>

namespace {

kexlab::Result<kexlab::Plan> plan_for(const std::string& profile, const std::string& kernel_path,
                                      const std::string& cmdline) {
  std::ifstream stream(profile);
  const std::string json(std::istreambuf_iterator<char>(stream), {});
  const auto machine = kexlab::load_profile(json);
  if (!machine) return tl::unexpected(machine.error());
  const auto kernel = kexlab::read_image(kernel_path);
  if (!kernel) return tl::unexpected(kernel.error());
  std::cout << kernel->str() << '\n';

  kexlab::LoadRequest request;
  request.machine = &*machine;
  request.kernel = &*kernel;
  // A piece of the plan names bytes of kernel->bytes by this source. For a packed kernel those are not the file's
  // bytes: there the caller keeps kernel->bytes itself and gives it a name.
  request.kernel_source = kernel->wrappers.empty() ? kernel_path : "unpacked kernel";
  request.cmdline = cmdline;
  return kexlab::plan_kernel(request);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: show_plan PROFILE KERNEL CMDLINE\n";
    return 2;
  }
  const auto plan = plan_for(argv[1], argv[2], argv[3]);
  if (!plan) {
    std::cerr << plan.error().str() << '\n';
    return 1;
  }
  std::cout << plan->str() << '\n';
  return 0;
}
