// SPDX-License-Identifier: Apache-2.0
// Whether KVM really runs guests here: the device may open and QEMU still abort, so a guest has to answer.
#include "harness/vm/qemu/probe.h"

#include <fcntl.h>
#include <sys/utsname.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>

#include "harness/vm/qemu/descriptor.h"
#include "harness/vm/qemu/payload.h"

namespace kexlab::vm {
using namespace std::chrono_literals;
namespace {

constexpr auto probe_limit = 5s;

Status open_kvm() {
  const Descriptor kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (kvm.is_open()) return {};
  return fail(errno == EACCES ? Errc::permission : Errc::not_found, "open /dev/kvm", std::strerror(errno));
}

Host this_host() {
  utsname names{};
  ::uname(&names);
  return {names.machine, open_kvm,
          [](const Target& target) { return run_probe_guest(target, Accelerator::kvm, probe_limit); }};
}

Status wait_for_answer(Guest& guest, Clock::time_point deadline) {
  const std::string what = "wait for the probe guest";
  while (true) {
    auto happening = guest.next(deadline);
    if (!happening) return tl::unexpected(happening.error());
    if (const auto* output = std::get_if<Output>(&*happening)) {
      if (output->bytes.find(probe_answer) != std::string::npos) return {};
    } else if (const auto* ended = std::get_if<Ended>(&*happening)) {
      return fail(Errc::guest_died, what, ended->detail);
    } else {
      return fail(Errc::timeout, what, "it stayed silent");
    }
  }
}

}  // namespace

Status run_probe_guest(const Target& target, Accelerator accelerator, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  const std::string payload = probe_payload(target.name);
  if (payload.empty())
    return fail(Errc::unsupported, "make a probe guest", "there is no probe payload for " + target.name);
  auto folder = ScratchFolder::make();
  if (!folder) return tl::unexpected(folder.error());
  GuestSpec spec;
  spec.target = &target;
  spec.kernel = folder->path() / "probe";
  spec.memory_mib = 64;
  spec.accelerator = accelerator;
  std::ofstream(spec.kernel, std::ios::binary) << payload;
  auto guest = make_qemu_backend()->boot(spec);
  if (!guest) return tl::unexpected(guest.error());
  return wait_for_answer(**guest, deadline);
}

AcceleratorChoice decide_accelerator(const Target& target, const Host& host) {
  if (target.kvm_host.empty()) return {Accelerator::tcg, "no host's KVM runs " + target.name + "; using TCG"};
  if (target.kvm_host != host.machine) {
    return {Accelerator::tcg, "KVM runs " + target.name + " on " + target.kvm_host + " hosts only, this one is " +
                                  host.machine + "; using TCG"};
  }
  if (auto open = host.open_kvm(); !open) {
    return {Accelerator::tcg, "/dev/kvm does not open: " + open.error().broke + "; using TCG"};
  }
  if (auto answered = host.run_probe_guest(target); !answered) {
    return {Accelerator::tcg,
            "KVM is there but a probe guest did not answer: " + answered.error().broke + "; using TCG"};
  }
  return {Accelerator::kvm, "a probe guest answered under KVM"};
}

AcceleratorChoice choose_accelerator(const Target& target) {
  static std::mutex mutex;
  static std::map<std::string, AcceleratorChoice> known;
  const std::lock_guard lock(mutex);
  const auto found = known.find(target.name);
  if (found != known.end()) return found->second;
  return known.emplace(target.name, decide_accelerator(target, this_host())).first->second;
}

}  // namespace kexlab::vm
