// SPDX-License-Identifier: Apache-2.0
// Finding and opening the channel.
#include "harness/agent/channel.h"

#include <dirent.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

namespace kexlab::agent {
namespace {

constexpr std::string_view word = "kexlab.channel=";
constexpr std::string_view virtio = "virtio:";
constexpr const char* virtio_ports = "/sys/class/virtio-ports";
constexpr int poll_ms = 10;
constexpr std::size_t most_name = 256;

std::optional<std::string> virtio_device(std::string_view wanted) {
  DIR* folder = opendir(virtio_ports);
  if (folder == nullptr) return std::nullopt;
  std::optional<std::string> device;
  while (const dirent* entry = readdir(folder)) {
    const std::string port = entry->d_name;
    const std::string path = std::string(virtio_ports) + "/" + port + "/name";
    const auto name = read_small_file(path.c_str(), most_name);
    if (name && trimmed(*name) == wanted) device = "/dev/" + port;
  }
  closedir(folder);
  return device;
}

std::optional<std::string> device_of(std::string_view candidate) {
  if (candidate.starts_with(virtio)) return virtio_device(candidate.substr(virtio.size()));
  return std::string(candidate);
}

std::optional<Channel> try_open(std::string_view candidate) {
  const auto path = device_of(candidate);
  if (!path || path->empty()) return std::nullopt;
  Fd fd(open(path->c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!fd.open()) return std::nullopt;
  // The 8250 driver makes nodes for ports that are not there; those open, and then every call gives EIO.
  termios settings{};
  if (tcgetattr(fd.get(), &settings) != 0 && errno == EIO) return std::nullopt;
  return Channel{std::move(fd), *path};
}

// A UART that interrupts for every 8 bytes costs twice the interrupts of one that does for 14, and under emulation
// interrupts are what receiving costs. Source: Documentation/ABI/testing/sysfs-tty, rx_trig_bytes.
void interrupt_late(std::string_view device) {
  const std::string name(device.substr(device.rfind('/') + 1));
  (void)write_small_file(("/sys/class/tty/" + name + "/rx_trig_bytes").c_str(), "14");
}

}  // namespace

std::vector<std::string> channel_candidates(std::string_view cmdline) {
  std::vector<std::string> candidates;
  cmdline = trimmed(cmdline);
  while (!cmdline.empty()) {
    const std::size_t space = cmdline.find(' ');
    std::string_view item = cmdline.substr(0, space);
    cmdline.remove_prefix(space == std::string_view::npos ? cmdline.size() : space + 1);
    if (!item.starts_with(word)) continue;
    candidates.clear();
    item.remove_prefix(word.size());
    while (!item.empty()) {
      const std::size_t comma = item.find(',');
      if (comma != 0) candidates.emplace_back(item.substr(0, comma));
      item.remove_prefix(comma == std::string_view::npos ? item.size() : comma + 1);
    }
  }
  return candidates;
}

Channel open_channel(const std::vector<std::string>& candidates, int wait_ms) {
  const std::int64_t deadline = now_ms() + wait_ms;
  while (!candidates.empty()) {
    for (const auto& candidate : candidates) {
      if (auto channel = try_open(candidate)) {
        interrupt_late(channel->name);
        return std::move(*channel);
      }
    }
    if (now_ms() >= deadline) {
      complain("no channel of those in kexlab.channel= can be opened; using the console");
      break;
    }
    usleep(poll_ms * 1000);
  }
  if (auto console = try_open("/dev/console")) return std::move(*console);
  return {Fd(dup(STDIN_FILENO)), "stdin"};
}

void make_raw(int fd) {
  termios settings{};
  if (tcgetattr(fd, &settings) != 0) return;
  cfmakeraw(&settings);
  settings.c_cflag |= CLOCAL | CREAD;
  settings.c_cflag &= ~static_cast<tcflag_t>(CRTSCTS | HUPCL);
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  cfsetspeed(&settings, B115200);
  tcsetattr(fd, TCSANOW, &settings);
}

void drain(int fd) { tcdrain(fd); }

}  // namespace kexlab::agent
