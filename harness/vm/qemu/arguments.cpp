// SPDX-License-Identifier: Apache-2.0
// QEMU's command line, group by group.
#include "harness/vm/qemu/arguments.h"

#include <sstream>

namespace kexlab::vm {
namespace {

using Words = std::vector<std::string>;

void append(Words& words, std::initializer_list<std::string> more) { words.insert(words.end(), more); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// QEMU's arguments in the table hold no blanks: "-device pvpanic" is two of them.
void append_split(Words& words, const std::string& text) {
  std::istringstream stream(text);
  for (std::string word; stream >> word;) words.push_back(word);
}

Status check(const GuestSpec& spec) {
  const std::string what = "make QEMU's command line";
  if (spec.target == nullptr) return fail(Errc::invalid_argument, what, "the guest has no target");
  if (spec.kernel.empty()) return fail(Errc::invalid_argument, what, "the guest has no kernel");
  if (spec.memory_mib == 0 || spec.cpus == 0) {
    return fail(Errc::invalid_argument, what, "a guest needs at least 1 MiB and 1 CPU");
  }
  if (spec.count_instructions && spec.accelerator == Accelerator::kvm) {
    return fail(Errc::invalid_argument, what, "instructions cannot be counted under KVM", "use TCG");
  }
  return {};
}

std::string accelerator_of(const GuestSpec& spec) {
  std::string out = to_string(spec.accelerator);
  if (spec.accelerator != Accelerator::tcg || spec.cpus < 2) return out;
  for (const auto& option : spec.target->tcg_of_many) out += "," + option.value;
  return out;
}

void append_machine(Words& words, const GuestSpec& spec) {
  const bool kvm = spec.accelerator == Accelerator::kvm;
  const std::string more = spec.level == nullptr ? "" : "," + spec.level->machine;
  const bool own_cpu = spec.level != nullptr && !spec.level->cpu.empty();
  append(words, {"-accel", accelerator_of(spec), "-M", spec.target->machine + more});
  append(words, {"-cpu", kvm ? "host" : own_cpu ? spec.level->cpu : spec.target->cpu});
  append(words, {"-m", std::to_string(spec.memory_mib) + "M", "-smp", std::to_string(spec.cpus)});
  append(words, {"-display", "none", "-nodefaults", "-no-user-config", "-nic", "none"});
  if (spec.count_instructions) {
    append(words, {"-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2020-01-01T00:00:00,clock=vm"});
  } else {
    append(words, {"-rtc", "base=utc,clock=vm"});  // a machine that was saved yesterday is not to see the time jump
  }
}

void append_streams(Words& words, const GuestSpec& spec, const Wiring& wiring) {
  const auto chardev = [&words](const std::string& id, int fd) {
    append(words, {"-chardev", "socket,id=" + id + ",fd=" + std::to_string(fd)});
  };
  for (unsigned port = 0; port < spec.target->ports_before_console; ++port) append(words, {"-serial", "null"});
  chardev("console", wiring.console);
  append(words, {"-serial", "chardev:console"});
  chardev("channel", wiring.channel);
  for (const auto& word : spec.target->channel.qemu) words.push_back(replaced(word, "{chardev}", "channel"));
  chardev("control", wiring.control);
  append(words, {"-mon", "chardev=control,mode=control"});
}

}  // namespace

Result<std::vector<std::string>> qemu_arguments(const GuestSpec& spec, const Wiring& wiring) {
  if (auto status = check(spec); !status) return tl::unexpected(status.error());
  Words words;
  append_machine(words, spec);
  append_streams(words, spec, wiring);
  for (const auto& more : spec.target->qemu_args) append_split(words, more.value);
  if (spec.firmware != nullptr) append(words, {"-bios", spec.firmware->qemu});
  append(words, {"-kernel", spec.kernel.string()});
  if (!spec.initrd.empty()) append(words, {"-initrd", spec.initrd.string()});
  if (!spec.cmdline.empty()) append(words, {"-append", spec.cmdline});
  // A machine that ended stays to be looked at.
  append(words, {"-action", "reboot=shutdown,shutdown=pause,panic=pause"});
  append(words, {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  if (wiring.incoming) append(words, {"-incoming", "defer"});
  return words;
}

Result<std::string> fingerprint(const GuestSpec& spec, const std::string& qemu_version) {
  GuestSpec sizes = spec;
  for (auto* file : {&sizes.kernel, &sizes.initrd}) {
    std::error_code broken;
    const auto size = file->empty() ? 0 : std::filesystem::file_size(*file, broken);
    if (broken) return fail(Errc::not_found, "look at " + file->string(), broken.message());
    *file = std::to_string(size) + " bytes";
  }
  auto words = qemu_arguments(sizes, {});
  if (!words) return tl::unexpected(words.error());
  std::string text = spec.target->name + '\n' + qemu_version + '\n';
  for (const auto& word : *words) text += word + '\n';
  return text;
}

}  // namespace kexlab::vm
