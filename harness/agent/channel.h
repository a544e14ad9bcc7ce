// SPDX-License-Identifier: Apache-2.0
// The device that the agent is spoken to on: found by the kernel's command line, made raw.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/agent/os.h"

namespace kexlab::agent {

struct Channel {
  Fd fd;
  std::string name;  ///< the device's path
};

/// The values of the last `kexlab.channel=` on a kernel command line, split at commas: paths, or "virtio:NAME" for the
/// virtio port of that name. Empty where there is no such word.
std::vector<std::string> channel_candidates(std::string_view cmdline);

/// Opens the first candidate that can be opened, in their order, over and over for `wait_ms` milliseconds: drivers may
/// still be probing. Falls back to /dev/console, then to stdin.
Channel open_channel(const std::vector<std::string>& candidates, int wait_ms);

/// Makes a tty carry bytes unchanged: raw, 115200 baud, no modem control. Anything else than a tty stays as it is.
void make_raw(int fd);

/// Waits until everything written to the channel has left the machine.
void drain(int fd);

}  // namespace kexlab::agent
