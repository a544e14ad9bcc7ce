// SPDX-License-Identifier: Apache-2.0
// A machine from its kernel's files, and as a saved profile.
#include "kexlab/machine.h"

#include <gtest/gtest.h>

#include <map>

#include "loader/plan/machine_samples.h"

namespace kexlab {
namespace {

using Files = std::map<std::string, std::string>;

Files x86_files() {
  const std::string cpu = "/sys/devices/system/cpu/cpu";
  return {
      {"/proc/iomem", x86_iomem},
      {"/proc/cmdline", "console=ttyS0 crashkernel=160M\n"},
      {"/proc/sys/kernel/osrelease", "6.1.0-56-cloud-amd64\n"},
      {"/sys/kernel/boot_params/data", std::string(4096, '\x5a')},
      {"/sys/kernel/boot_params/version", "0x020f\n"},
      {"/sys/kernel/vmcoreinfo", "0x0000000013a01000 1024\n"},
      {cpu + "0/crash_notes", "2fc1f000\n"},
      {cpu + "0/crash_notes_size", "368\n"},
      {cpu + "1/crash_notes", "10002fd1f000\n"},
      {cpu + "1/crash_notes_size", "368\n"},
      {cpu + "3/crash_notes", "1\n"},  // behind a gap: not asked for
  };
}

Result<Machine> read(const Files& files, std::string_view arch = "x86_64", std::uint64_t page_size = 4096) {
  return read_machine(arch, page_size, [&](const std::string& path) -> std::optional<Bytes> {
    const auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return to_bytes(as_bytes(found->second));
  });
}

TEST(ReadMachine, TakesEachFact) {
  const auto machine = read(x86_files());
  ASSERT_TRUE(machine) << machine.error().str();
  EXPECT_EQ(machine->arch, "x86_64");
  EXPECT_EQ(machine->cmdline, "console=ttyS0 crashkernel=160M");
  EXPECT_EQ(machine->release, "6.1.0-56-cloud-amd64");
  EXPECT_EQ(machine->memory.entries.size(), 17u);
  EXPECT_TRUE(machine->fdt.empty());
  EXPECT_EQ(machine->boot_params.size(), 4096u);
  EXPECT_EQ(machine->boot_params_version, 0x20fu);
  EXPECT_EQ(machine->vmcoreinfo, (CrashNote{0x13a01000, 0x1024})) << "both numbers are hex";
  EXPECT_EQ(machine->crash_notes, (std::vector<CrashNote>{{0x2fc1f000, 368}, {0x10002fd1f000, 368}}));
  EXPECT_EQ(machine->kallsyms_text, std::nullopt);
}

TEST(ReadMachine, DoesWithoutWhatAKernelMayLack) {
  const auto machine = read({{"/proc/iomem", arm64_iomem},
                             {"/proc/cmdline", ""},
                             {"/proc/sys/kernel/osrelease", "6.1.0"},
                             {"/sys/firmware/fdt", "\xd0\x0d\xfe\xed"}},
                            "arm64", 65536);
  ASSERT_TRUE(machine) << machine.error().str();
  EXPECT_EQ(machine->fdt.size(), 4u);
  EXPECT_EQ(machine->page_size, 65536u);
  EXPECT_TRUE(machine->crash_notes.empty());
  EXPECT_EQ(machine->vmcoreinfo, std::nullopt);
}

// powerpc's /proc/iomem tells neither of them.
class FromDeviceTree : public testing::Test {
 protected:
  Files files_{{"/proc/iomem", "00000000-3fffffff : System RAM\n200080000000-2000ffffffff : pci@800000020000000\n"},
               {"/proc/cmdline", ""},
               {"/proc/sys/kernel/osrelease", "6.1.0"},
               {"/proc/device-tree/chosen/linux,kernel-end", bytes({0, 0, 0, 0, 2, 0x88, 0, 0})},
               {"/proc/device-tree/chosen/linux,crashkernel-base", bytes({0, 0, 0, 0, 0x20, 0, 0, 0})},
               {"/proc/device-tree/chosen/linux,crashkernel-size", bytes({0, 0, 0, 0, 0x10, 0, 0, 0})}};

  static std::string bytes(const std::vector<int>& values) { return {values.begin(), values.end()}; }
  std::vector<Range> named(const char* name) {
    const auto machine = read(files_, "ppc64le", 65536);
    EXPECT_TRUE(machine) << machine.error().str();
    return machine ? machine->memory.named(name) : std::vector<Range>{};
  }
};

TEST_F(FromDeviceTree, ComesWhatPowerpcTellsThere) {
  EXPECT_EQ(named("Kernel code"), (std::vector<Range>{{0, 0x2880000}}));
  EXPECT_EQ(named("Crash kernel"), (std::vector<Range>{{0x20000000, 0x30000000}}));
  const auto machine = read(files_, "ppc64le", 65536);
  ASSERT_TRUE(machine) << machine.error().str();
  EXPECT_EQ(machine->memory.entries.at(1).depth, 1u) << "inside System RAM";
  EXPECT_EQ(machine->memory.entries.at(3).name, "pci@800000020000000");
}

TEST_F(FromDeviceTree, AReservationIsAsLargeAsItIsNow) {
  files_["/sys/kernel/kexec_crash_size"] = "134217728\n";
  EXPECT_EQ(named("Crash kernel"), (std::vector<Range>{{0x20000000, 0x28000000}}));
  files_["/sys/kernel/kexec_crash_size"] = "0\n";
  EXPECT_TRUE(named("Crash kernel").empty());
}

TEST_F(FromDeviceTree, IomemIsHeardFirst) {
  files_["/proc/iomem"] = "00000000-3fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n";
  EXPECT_EQ(named("Crash kernel"), (std::vector<Range>{{0x10000000, 0x20000000}}));
}

TEST_F(FromDeviceTree, NumbersMayHaveFourBytes) {
  files_["/proc/device-tree/chosen/linux,kernel-end"] = bytes({1, 0, 0, 0});
  EXPECT_EQ(named("Kernel code"), (std::vector<Range>{{0, 0x1000000}}));
  files_["/proc/device-tree/chosen/linux,kernel-end"] = "odd";
  EXPECT_FALSE(read(files_, "ppc64le", 65536).has_value());
}

Files uefi_files() {
  Files files = x86_files();
  files["/sys/firmware/efi/systab"] = "ACPI20=0x1fb7e014\nACPI=0x1fb7e000\nSMBIOS3=0x2\nSMBIOS=0x1f918000\n";
  files["/sys/firmware/efi/fw_vendor"] = "0x1f9eb618\n";
  files["/sys/firmware/efi/config_table"] = "0xfffffffefea97d98\n";
  const std::string map = "/sys/firmware/efi/runtime-map/";
  const char* mappings[2][5] = {{"0x5", "0x1f8ef000", "0xfffffffefea8f000", "0x100", "0x800000000000000f"},
                                {"0x6", "0x1f7ed000", "0xfffffffefe98d000", "0x1", "0x800000000000000f"}};
  const char* fields[] = {"type", "phys_addr", "virt_addr", "num_pages", "attribute"};
  for (int number = 0; number < 2; ++number) {
    for (int i = 0; i < 5; ++i)
      files[map + std::to_string(number) + "/" + fields[i]] = std::string(mappings[number][i]) + "\n";
  }
  return files;
}

TEST(ReadMachine, KnowsTheUefiThatStartedTheKernel) {
  const auto machine = read(uefi_files());
  ASSERT_TRUE(machine) << machine.error().str();
  ASSERT_TRUE(machine->efi.has_value());
  EXPECT_EQ(machine->efi->vendor, 0x1f9eb618U);
  EXPECT_EQ(machine->efi->tables, 0xfffffffefea97d98U);
  EXPECT_EQ(machine->efi->rsdp, 0x1fb7e014U) << "that of ACPI 2.0";
  EXPECT_EQ(machine->efi->smbios, 0x1f918000U);
  ASSERT_EQ(machine->efi->mappings.size(), 2U);
  EXPECT_EQ(machine->efi->mappings[1], (EfiMapping{6, 0x1f7ed000, 0xfffffffefe98d000, 1, 0x800000000000000f}));
}

TEST(ReadMachine, UefiMayTellLittle) {
  Files files = x86_files();
  files["/sys/firmware/efi/systab"] = "ACPI=0x1fb7e000";
  const auto machine = read(files);
  ASSERT_TRUE(machine) << machine.error().str();
  EXPECT_EQ(machine->efi, (EfiFacts{.rsdp = 0x1fb7e000}));
  EXPECT_EQ(read(x86_files())->efi, std::nullopt) << "no UEFI";
}

TEST(ReadMachine, AsksOnlyForTheFilesThatItNames) {
  const auto named = machine_files();
  const Files files = uefi_files();
  (void)read_machine("x86_64", 4096, [&](const std::string& path) -> std::optional<Bytes> {
    EXPECT_NE(std::find(named.begin(), named.end(), path), named.end()) << path;
    const auto found = files.find(path);
    if (found == files.end()) return std::nullopt;
    return to_bytes(as_bytes(found->second));
  });
}

struct BadRow {
  const char* name;
  const char* path;
  const char* content;  // nullptr: the file is absent
  Errc code;
};

TEST(ReadMachine, BadTable) {
  const BadRow rows[] = {
      {"no iomem", "/proc/iomem", nullptr, Errc::not_found},
      {"no cmdline", "/proc/cmdline", nullptr, Errc::not_found},
      {"no release", "/proc/sys/kernel/osrelease", nullptr, Errc::not_found},
      {"hidden iomem", "/proc/iomem", "00000000-00000000 : System RAM\n", Errc::permission},
      {"garbage iomem", "/proc/iomem", "\x7f\x45\x4c\x46", Errc::corrupt},
      {"vmcoreinfo without size", "/sys/kernel/vmcoreinfo", "0x1000\n", Errc::corrupt},
      {"vmcoreinfo empty", "/sys/kernel/vmcoreinfo", "", Errc::corrupt},
      {"vmcoreinfo with more", "/sys/kernel/vmcoreinfo", "0x1000 400 400\n", Errc::corrupt},
      {"vmcoreinfo too wide", "/sys/kernel/vmcoreinfo", "0x10000000000000000 400\n", Errc::corrupt},
      {"note address", "/sys/devices/system/cpu/cpu1/crash_notes", "none\n", Errc::corrupt},
      {"note size", "/sys/devices/system/cpu/cpu0/crash_notes_size", "0x170\n", Errc::corrupt},
      {"note without size", "/sys/devices/system/cpu/cpu0/crash_notes_size", nullptr, Errc::not_found},
      {"boot_params version", "/sys/kernel/boot_params/version", "2.15\n", Errc::corrupt},
      {"no address of tables", "/sys/firmware/efi/config_table", "none\n", Errc::corrupt},
      {"mapping without a number", "/sys/firmware/efi/runtime-map/1/num_pages", "\n", Errc::corrupt},
      {"mapping without a file", "/sys/firmware/efi/runtime-map/1/attribute", nullptr, Errc::not_found},
  };
  for (const BadRow& row : rows) {
    SCOPED_TRACE(row.name);
    Files files = uefi_files();
    if (row.content == nullptr) {
      files.erase(row.path);
    } else {
      files[row.path] = row.content;
    }
    const auto machine = read(files);
    ASSERT_FALSE(machine);
    EXPECT_EQ(machine.error().code, row.code) << machine.error().str();
  }
  EXPECT_EQ(read(x86_files(), "x86_64", 3000).error().code, Errc::invalid_argument);
}

TEST(ReadMachine, MessagesNeverCarryRawBytesFromTheGuest) {
  Files files = x86_files();
  files["/sys/kernel/vmcoreinfo"] = "\x1b[2J" + std::string(1000, 'x');
  const std::string text = read(files).error().str();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 200u);
}

TEST(ReadMachine, EndlessCpusEnd) {
  Files files = x86_files();
  std::size_t asked = 0;
  const auto endless = read_machine("x86_64", 4096, [&](const std::string& path) -> std::optional<Bytes> {
    if (path.find("crash_notes") != std::string::npos) return ++asked, to_bytes(as_bytes("16"));
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(to_bytes(as_bytes(found->second)));
  });
  ASSERT_TRUE(endless) << endless.error().str();
  EXPECT_EQ(endless->crash_notes.size(), Machine::most_cpus);
  EXPECT_EQ(asked, 2 * Machine::most_cpus);
}

TEST(ReadMachine, EndlessMappingsEnd) {
  Files files = uefi_files();
  const auto endless = read_machine("x86_64", 4096, [&](const std::string& path) -> std::optional<Bytes> {
    if (path.find("runtime-map") != std::string::npos) return to_bytes(as_bytes("0x1"));
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(to_bytes(as_bytes(found->second)));
  });
  ASSERT_TRUE(endless) << endless.error().str();
  EXPECT_EQ(endless->efi->mappings.size(), EfiFacts::most_mappings);
}

TEST(Kallsyms, FindsASymbolByItsWholeName) {
  const char* text =
      "0000000000000000 A fixed_percpu_data\n"
      "ffffffff9a000000 T startup_64\n"
      "ffffffff9a000000 T _text\n"
      "ffffffff9a000040 T _text_end\n"
      "ffffffffc0000000 t helper\t[virtio]\n";
  EXPECT_EQ(find_kallsyms(text, "_text"), 0xffffffff9a000000u);
  EXPECT_EQ(find_kallsyms(text, "_text_end"), 0xffffffff9a000040u);
  EXPECT_EQ(find_kallsyms(text, "text"), std::nullopt);
  EXPECT_EQ(find_kallsyms(text, "fixed_percpu_data"), std::nullopt) << "hidden addresses are no addresses";
  EXPECT_EQ(find_kallsyms("garbage\n\n \nffff", "_text"), std::nullopt);
  EXPECT_EQ(find_kallsyms(std::string_view(text).substr(0, 88), "_text"), std::nullopt)
      << "a beginning that is cut short";
}

TEST(Profile, ReadingBackGivesAnEqualMachine) {
  Machine machine = *read(uefi_files());
  EXPECT_EQ(load_profile(save_profile(machine)), machine);
  machine.kallsyms_text = 0xffffffff81000000;
  machine.vmcoreinfo.reset();
  machine.boot_params.clear();
  machine.fdt = to_bytes(as_bytes(std::string_view("\xd0\x0d\xfe\xed\0\xff", 6)));
  machine.cmdline = "quote=\"x\" latin1=\xe9 nul=" + std::string(1, '\0');
  machine.memory.entries.back().range.end = ~std::uint64_t{0};
  const auto loaded = load_profile(save_profile(machine));
  ASSERT_TRUE(loaded) << loaded.error().str();
  EXPECT_EQ(*loaded, machine);
  EXPECT_EQ(load_profile(save_profile(Machine{})), Machine{});
}

TEST(Profile, IsForPeopleToo) {
  const std::string json = save_profile(*read(x86_files()));
  EXPECT_NE(json.find("\"0x25000000\""), std::string::npos);
  EXPECT_NE(json.find("\"Crash kernel\""), std::string::npos);
}

struct ProfileRow {
  const char* name;
  const char* from;
  const char* to;
};

TEST(Profile, BadTable) {
  const std::string good = save_profile(*read(x86_files()));
  const ProfileRow rows[] = {
      {"no JSON", "{", "["},
      {"other format", "kexlab-machine-1", "kexlab-machine-9"},
      {"no arch", "\"arch\"", "\"arsch\""},
      {"arch is a number", "\"x86_64\"", "64"},
      {"page size of no power of two", "4096", "4097"},
      {"page size negative", "4096", "-4096"},
      {"page size as a fraction", "4096", "4096.5"},
      {"range turned round", "\"0x2f000000\"", "\"0x1\""},
      {"address without 0x", "\"0x2f000000\"", "\"2f000000\""},
      {"address too wide", "\"0x2f000000\"", "\"0x12f00000000000000\""},
      {"odd digits", "\"fdt\": \"\"", "\"fdt\": \"f\""},
      {"no digits", "\"fdt\": \"\"", "\"fdt\": \"zz\""},
      {"notes are no list", "\"crash_notes\": [", "\"crash_notes\": 1, \"x\": ["},
      {"depth", "\"depth\": 1", "\"depth\": 17"},
  };
  for (const ProfileRow& row : rows) {
    SCOPED_TRACE(row.name);
    std::string json = good;
    const auto at = json.find(row.from);
    ASSERT_NE(at, std::string::npos);
    json.replace(at, std::string_view(row.from).size(), row.to);
    const auto machine = load_profile(json);
    ASSERT_FALSE(machine);
    EXPECT_EQ(machine.error().code, Errc::corrupt) << machine.error().str();
  }
  EXPECT_FALSE(load_profile(""));
  EXPECT_FALSE(load_profile("null"));
  EXPECT_FALSE(load_profile(std::string(100000, '[')));
}

}  // namespace
}  // namespace kexlab
