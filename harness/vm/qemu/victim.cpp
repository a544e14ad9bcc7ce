// SPDX-License-Identifier: Apache-2.0
// A harness in small, to be killed by a test: starts a guest from a thread that ends, prints QEMU's process id, sleeps.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "harness/vm/vm.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto* target = kexlab::find_target("x86_64");
  if (target == nullptr) return 3;
  std::unique_ptr<kexlab::vm::Guest> guest;
  std::thread worker([&] {
    kexlab::vm::GuestSpec spec;
    spec.target = target;
    spec.kernel = argv[1];
    spec.memory_mib = 64;
    auto booted = kexlab::vm::make_qemu_backend()->boot(spec);
    if (booted) guest = std::move(*booted);
  });
  worker.join();  // the thread that asked for the guest is gone; the guest must not mind
  if (!guest) return 4;
  std::printf("%d\n", guest->pid());
  std::fflush(stdout);
  while (true) ::pause();
}
