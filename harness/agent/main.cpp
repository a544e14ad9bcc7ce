// SPDX-License-Identifier: Apache-2.0
// The agent's start: as /init of a guest, or with --stdio on any machine, to be tried out there.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "harness/agent/agent.h"
#include "harness/agent/channel.h"
#include "harness/agent/init.h"
#include "harness/agent/os.h"

namespace {

using namespace kexlab::agent;

constexpr int channel_wait_ms = 5000;
constexpr std::size_t most_cmdline = 65536;

struct Options {
  bool stdio = false;
  std::string writable_folder;
  bool understood = true;
};

Options parse(int argc, char** argv) {
  Options options;
  // The kernel hands words of its command line that it does not know to init: in a guest they are none of ours.
  const std::string_view writable = "--writable=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--stdio") {
      options.stdio = true;
    } else if (word.starts_with(writable)) {
      options.writable_folder = word.substr(writable.size());
    } else {
      options.understood = false;
    }
  }
  return options;
}

int serve_stdio(const Options& options) {
  Agent agent;
  agent.channel = STDOUT_FILENO;
  agent.channel_name = "stdio";
  agent.writable_folder = options.writable_folder;
  return serve(agent, STDIN_FILENO) == 0 ? 0 : 1;
}

int serve_guest() {
  prepare_system();
  Agent agent;
  agent.in_guest = true;
  agent.module_errors = load_modules();
  const auto cmdline = read_small_file("/proc/cmdline", most_cmdline).value_or(std::string());
  const Channel channel = open_channel(channel_candidates(cmdline), channel_wait_ms);
  make_raw(channel.fd.get());
  agent.channel = channel.fd.get();
  agent.channel_name = channel.name;
  const int error = serve(agent, channel.fd.get());
  // PID 1 must not end: the kernel would panic and hide what is wrong.
  complain("the channel " + channel.name + " failed: " + error_text(error));
  for (;;) pause();
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const Options options = parse(argc, argv);
  if (getpid() == 1 && !options.stdio) return serve_guest();
  if (options.stdio && options.understood) return serve_stdio(options);
  complain("runs as /init of a guest; elsewhere: agent --stdio [--writable=FOLDER]");
  return 2;
}
