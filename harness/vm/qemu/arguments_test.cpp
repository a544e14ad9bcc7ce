// SPDX-License-Identifier: Apache-2.0
// QEMU's command line, row by row.
#include "harness/vm/qemu/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace kexlab::vm {
namespace {

using testing::HasSubstr;
using testing::Not;

Target target() {
  Target out;
  out.name = "toy";
  out.machine = "q35";
  out.cpu = "max";
  out.channel.qemu = {"-device", "isa-serial,chardev={chardev}"};
  return out;
}

GuestSpec spec_for(const Target& row) {
  GuestSpec out;
  out.target = &row;
  out.kernel = "/k/vmlinuz";
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out = " ";
  for (const auto& word : words) out += word + " ";
  return out;
}

struct Row {
  const char* name;
  std::function<void(GuestSpec&, Target&, Wiring&)> change;
  std::vector<std::string> present;
  std::vector<std::string> absent;
};

const Row rows[] = {
    {"plain",
     [](GuestSpec&, Target&, Wiring&) {},
     {" -accel tcg ", " -M q35 ", " -cpu max ", " -m 512M ", " -smp 1 ", " -kernel /k/vmlinuz ",
      " -rtc base=utc,clock=vm "},
     {"-initrd", "-append", "-incoming", "-icount"}},
    {"kvm takes the host's CPU",
     [](GuestSpec& spec, Target&, Wiring&) { spec.accelerator = Accelerator::kvm; },
     {" -accel kvm ", " -cpu host "},
     {"-cpu max", "tcg"}},
    {"TCG has its options with many CPUs",
     [](GuestSpec& spec, Target& target, Wiring&) {
       spec.cpus = 2;
       target.tcg_of_many = {{"thread=single", "a reason"}};
     },
     {" -accel tcg,thread=single ", " -smp 2 "},
     {}},
    {"TCG has none with one CPU",
     [](GuestSpec&, Target& target, Wiring&) {
       target.tcg_of_many = {{"thread=single", "a reason"}};
     },
     {" -accel tcg "},
     {"thread"}},
    {"KVM has none",
     [](GuestSpec& spec, Target& target, Wiring&) {
       spec.accelerator = Accelerator::kvm;
       spec.cpus = 2;
       target.tcg_of_many = {{"thread=single", "a reason"}};
     },
     {" -accel kvm "},
     {"thread"}},
    {"a level is the machine's and may want a CPU",
     [](GuestSpec& spec, Target&, Wiring&) {
       static const Level level{"vhe", "virtualization=on", "neoverse-n1"};
       spec.level = &level;
     },
     {" -M q35,virtualization=on ", " -cpu neoverse-n1 "},
     {"-cpu max"}},
    {"a level that takes the usual CPU",
     [](GuestSpec& spec, Target&, Wiring&) {
       static const Level level{"hypervisor", "virtualization=on", ""};
       spec.level = &level;
     },
     {" -M q35,virtualization=on ", " -cpu max "},
     {}},
    {"firmware is looked up beside QEMU's own files",
     [](GuestSpec& spec, Target&, Wiring&) {
       static const Firmware firmware{"uefi", "ovmf", "../ovmf/OVMF.fd"};
       spec.firmware = &firmware;
     },
     {" -bios ../ovmf/OVMF.fd "},
     {}},
    {"initrd and command line stay whole words",
     [](GuestSpec& spec, Target&, Wiring&) {
       spec.initrd = "/k/i r";
       spec.cmdline = "console=ttyS0 quiet";
     },
     {" -initrd /k/i r ", " -append console=ttyS0 quiet "},
     {}},
    {"counting fixes seed and clock",
     [](GuestSpec& spec, Target&, Wiring&) { spec.count_instructions = true; },
     {" -icount shift=0,sleep=off -seed 1 -rtc base=2020-01-01T00:00:00,clock=vm "},
     {"base=utc"}},
    {"streams",
     [](GuestSpec&, Target&, Wiring& wiring) {
       wiring = {11, 12, 13, false};
     },
     {" -chardev socket,id=console,fd=11 -serial chardev:console ",
      " -chardev socket,id=channel,fd=12 -device isa-serial,chardev=channel ",
      " -chardev socket,id=control,fd=13 -mon chardev=control,mode=control "},
     {"{chardev}"}},
    {"the target's arguments split at blanks",
     [](GuestSpec&, Target& row, Wiring&) {
       row.qemu_args = {{"-device pvpanic", "r"}, {"-s", "r"}};
     },
     {" -device pvpanic -s "},
     {}},
    {"a saved machine is awaited",
     [](GuestSpec&, Target&, Wiring& wiring) { wiring.incoming = true; },
     {" -incoming defer "},
     {}},
    {"shape",
     [](GuestSpec& spec, Target&, Wiring&) {
       spec.memory_mib = 768;
       spec.cpus = 2;
     },
     {" -m 768M ", " -smp 2 "},
     {}},
};

TEST(Arguments, follow_the_spec) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    Target toy = target();
    GuestSpec spec = spec_for(toy);
    Wiring wiring;
    row.change(spec, toy, wiring);
    auto words = qemu_arguments(spec, wiring);
    ASSERT_TRUE(words) << words.error().str();
    const std::string line = joined(*words);
    for (const auto& text : row.present) EXPECT_THAT(line, HasSubstr(text));
    for (const auto& text : row.absent) EXPECT_THAT(line, Not(HasSubstr(text)));
    // What no guest may lack: it is untrusted, and it stays to be looked at when it ends.
    for (const char* always : {" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny ",
                               " -nic none ", " -nodefaults ", " -no-user-config ", " -display none ",
                               " -action reboot=shutdown,shutdown=pause,panic=pause "}) {
      EXPECT_THAT(line, HasSubstr(always));
    }
  }
}

TEST(Arguments, a_command_line_is_one_argument) {
  Target toy = target();
  GuestSpec spec = spec_for(toy);
  spec.cmdline = "a -b c";
  EXPECT_THAT(*qemu_arguments(spec, {}), testing::Contains("a -b c"));
}

TEST(Arguments, refuse_what_contradicts_itself) {
  Target toy = target();
  const std::pair<const char*, std::function<void(GuestSpec&)>> broken[] = {
      {"no target", [](GuestSpec& spec) { spec.target = nullptr; }},
      {"no kernel", [](GuestSpec& spec) { spec.kernel.clear(); }},
      {"no memory", [](GuestSpec& spec) { spec.memory_mib = 0; }},
      {"no CPU", [](GuestSpec& spec) { spec.cpus = 0; }},
      {"counted KVM",
       [](GuestSpec& spec) {
         spec.count_instructions = true;
         spec.accelerator = Accelerator::kvm;
       }},
  };
  for (const auto& [name, change] : broken) {
    GuestSpec spec = spec_for(toy);
    change(spec);
    auto words = qemu_arguments(spec, {});
    ASSERT_FALSE(words) << name;
    EXPECT_EQ(words.error().code, Errc::invalid_argument) << name;
  }
}

TEST(Fingerprint, tells_apart_what_a_saved_machine_depends_on_and_nothing_else) {
  auto folder = ScratchFolder::make();
  ASSERT_TRUE(folder);
  const auto file = [&folder](const char* name, std::size_t size) {
    std::ofstream(folder->path() / name) << std::string(size, 'k');
    return folder->path() / name;
  };
  Target toy = target();
  GuestSpec base = spec_for(toy);
  base.kernel = file("one", 10);
  const auto print = [](const GuestSpec& spec, const char* version = "QEMU 1") {
    return fingerprint(spec, version).value();
  };

  GuestSpec same = base;
  same.kernel = file("copy", 10);
  same.workdir = "/elsewhere";
  EXPECT_EQ(print(base), print(same));

  const std::pair<const char*, std::function<void(GuestSpec&)>> changes[] = {
      {"kernel", [&](GuestSpec& spec) { spec.kernel = file("longer", 11); }},
      {"initrd", [&](GuestSpec& spec) { spec.initrd = file("initrd", 5); }},
      {"command line", [](GuestSpec& spec) { spec.cmdline = "quiet"; }},
      {"memory", [](GuestSpec& spec) { spec.memory_mib = 513; }},
      {"CPUs", [](GuestSpec& spec) { spec.cpus = 2; }},
      {"accelerator", [](GuestSpec& spec) { spec.accelerator = Accelerator::kvm; }},
      {"counting", [](GuestSpec& spec) { spec.count_instructions = true; }},
  };
  for (const auto& [name, change] : changes) {
    GuestSpec other = base;
    change(other);
    EXPECT_NE(print(base), print(other)) << name;
  }
  EXPECT_NE(print(base), print(base, "QEMU 2"));

  base.kernel = folder->path() / "missing";
  EXPECT_EQ(fingerprint(base, "QEMU 1").error().code, Errc::not_found);
}

}  // namespace
}  // namespace kexlab::vm
