// SPDX-License-Identifier: Apache-2.0
// kexec_file_load as tables: each rule just inside and just outside, which wins, and what is left behind.
#include "harness/model/file_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace kexlab::model {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t ram_pages = 10'000;
constexpr std::uint64_t kernel_pages = 1000;
constexpr std::uint64_t gib = std::uint64_t{1} << 30;

enum Errno {
  eperm = 1,
  eio = 5,
  enoexec = 8,
  ebadf = 9,
  enomem = 12,
  efault = 14,
  ebusy = 16,
  einval = 22,
  etxtbsy = 26,
  efbig = 27,
  enosys = 38,
  enodata = 61,
  elibbad = 80,
  eaddrnotavail = 99,
  enokey = 126,
  ekeyrejected = 129
};

void put(Bytes& head, std::size_t at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) head.at(at + i) = static_cast<std::byte>(value >> (8 * i));
}

File regular(std::uint64_t size) { return {.kind = File::Kind::regular, .size = size, .head = {}}; }

/// A bzImage of five setup sectors that asks for kernel_pages and takes command lines of 2047 bytes.
File bzimage() {
  File file = regular(600 * page);
  file.head.resize(File::head_bytes);
  put(file.head, 0x1f1, 5, 1);
  put(file.head, 0x1fe, 0xaa55, 2);
  put(file.head, 0x202, 0x53726448, 4);
  put(file.head, 0x206, 0x20c, 2);
  put(file.head, 0x211, 1, 1);
  put(file.head, 0x236, 3, 2);
  put(file.head, 0x238, 2047, 4);
  put(file.head, 0x260, kernel_pages * page, 4);
  return file;
}

File arm64_image() {
  File file = regular(600 * page);
  file.head.resize(File::head_bytes);
  put(file.head, 0x10, kernel_pages * page, 8);
  put(file.head, 0x38, 0x644d5241, 4);
  return file;
}

/// A call and the machine it is made on; the default is accepted.
struct Setting {
  Situation situation;
  FileCall call;
  scenario::Credentials as;

  Setting() {
    situation.arch = "x86_64";
    situation.ram_pages = ram_pages;
    situation.crash_reservation = Range{256 << 20, (256 << 20) + 2 * kernel_pages * page};
    situation.config = {{"KEXEC_FILE", "y"}, {"CRASH_DUMP", "y"}};
    call = {.kernel = bzimage(), .initrd = regular(3 * page), .cmdline_size = 10};
  }
  Setting& crash() {
    call.flags |= FileCall::on_crash;
    situation.state.crash_loaded = true;
    return *this;
  }
  Setting& arm64() {
    situation.arch = "arm64";
    call.kernel = arm64_image();
    return *this;
  }
  Setting& version(unsigned minor) {
    situation.minor = minor;
    return *this;
  }
  Setting& signatures(Signature signature) {
    situation.config["KEXEC_SIG"] = "y";
    situation.config["KEXEC_BZIMAGE_VERIFY_SIG"] = "y";
    call.kernel.signature = signature;
    return *this;
  }
  Setting& force() {
    situation.config["KEXEC_SIG_FORCE"] = "y";
    return *this;
  }
  void header(std::size_t at, std::uint64_t value, std::size_t bytes) { put(call.kernel.head, at, value, bytes); }
};

struct Row {
  const char* name;
  const char* rule;
  int error;
  void (*change)(Setting& s);
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
std::string name_of(const testing::TestParamInfo<Row>& row) { return row.param.name; }

/// The state that the contract leaves behind, told from the rule alone.
void expect_state(const Setting& s, const Prediction& p) {
  const std::set<std::string_view> before_limit{"file_configured", "file_capability", "file_load_disabled",
                                                "file_load_limit"};
  const std::set<std::string_view> before_drop{"file_flags", "file_lock"};
  const std::string_view rule = p.rule->name;
  State want = s.situation.state;
  const bool crash = (s.call.flags & FileCall::on_crash) != 0;
  auto& limit = crash ? want.load_limit_panic : want.load_limit_reboot;
  if (!before_limit.contains(rule) && limit && *limit > 0) --*limit;
  bool& slot = crash ? want.crash_loaded : want.loaded;
  if (rule == "file_accepted") {
    slot = true;
  } else if (rule == "file_unload" || (crash && !before_limit.contains(rule) && !before_drop.contains(rule))) {
    slot = false;
  }
  EXPECT_TRUE(p.after == want);
}

class FileContract : public testing::TestWithParam<Row> {};

TEST_P(FileContract, IsPredicted) {
  Setting setting;
  GetParam().change(setting);
  const auto p = predict(setting.situation, setting.call, setting.as);
  ASSERT_NE(p.rule, nullptr);
  EXPECT_EQ(p.rule->name, GetParam().rule);
  EXPECT_EQ(p.error, GetParam().error);
  EXPECT_EQ(p.value, GetParam().error == 0 ? 0 : -1);
  expect_state(setting, p);
}

INSTANTIATE_TEST_SUITE_P(
    Permission, FileContract,
    testing::Values(
        Row{"accepted", "file_accepted", 0, [](Setting&) {}},
        Row{"not_configured", "file_configured", enosys, [](Setting& s) { s.situation.config.erase("KEXEC_FILE"); }},
        Row{"config_unknown", "file_accepted", 0, [](Setting& s) { s.situation.config.clear(); }},
        Row{"no_capability", "file_capability", eperm, [](Setting& s) { s.as.drop = {"sys_boot"}; }},
        Row{"user_namespace", "file_capability", eperm, [](Setting& s) { s.as.user_namespace = true; }},
        Row{"pid_namespace", "file_accepted", 0, [](Setting& s) { s.as.pid_namespace = true; }},
        Row{"disabled", "file_load_disabled", eperm, [](Setting& s) { s.situation.state.load_disabled = true; }},
        Row{"disabled_unload", "file_load_disabled", eperm,
            [](Setting& s) {
              s.situation.state.load_disabled = true;
              s.call.flags = FileCall::unload;
            }},
        Row{"limit_before_6_3", "file_accepted", 0, [](Setting& s) { s.situation.state.load_limit_reboot = 0; }},
        Row{"limit", "file_load_limit", eperm, [](Setting& s) { s.version(12).situation.state.load_limit_reboot = 0; }},
        Row{"limit_of_crash", "file_accepted", 0,
            [](Setting& s) { s.version(12).crash().situation.state.load_limit_reboot = 0; }},
        Row{"limit_spent_by_unload", "file_unload", 0,
            [](Setting& s) {
              s.version(12).situation.state.load_limit_reboot = 2;
              s.call.flags = FileCall::unload;
            }},
        Row{"limit_spent_by_flags", "file_flags", einval,
            [](Setting& s) {
              s.version(12).situation.state.load_limit_reboot = 2;
              s.call.flags = 0x40;
            }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Arguments, FileContract,
    testing::Values(
        Row{"high_flag", "file_flags", einval, [](Setting& s) { s.call.flags = std::uint64_t{1} << 63; }},
        Row{"debug_6_7", "file_flags", einval, [](Setting& s) { s.version(7).call.flags = FileCall::debug; }},
        Row{"debug_6_8", "file_accepted", 0, [](Setting& s) { s.version(8).call.flags = FileCall::debug; }},
        Row{"no_cma_6_16", "file_flags", einval, [](Setting& s) { s.version(16).call.flags = FileCall::no_cma; }},
        Row{"no_cma_6_17", "file_accepted", 0, [](Setting& s) { s.version(17).call.flags = FileCall::no_cma; }},
        Row{"dtb_6_17", "file_flags", einval, [](Setting& s) { s.version(17).call.flags = FileCall::force_dtb; }},
        Row{"dtb_6_18", "file_accepted", 0, [](Setting& s) { s.version(18).call.flags = FileCall::force_dtb; }},
        Row{"locked", "file_lock", ebusy, [](Setting& s) { s.situation.lock_held = true; }},
        Row{"crash_locked", "file_lock", ebusy, [](Setting& s) { s.crash().situation.lock_held = true; }},
        Row{"locked_flags", "file_flags", einval,
            [](Setting& s) {
              s.situation.lock_held = true;
              s.call.flags = 0x40;
            }},
        Row{"locked_unload", "file_lock", ebusy,
            [](Setting& s) {
              s.situation.lock_held = true;
              s.call.flags = FileCall::unload;
            }},
        Row{"unload_of_nonsense", "file_unload", 0,
            [](Setting& s) {
              s.situation.state.loaded = true;
              s.call = {.kernel = {}, .initrd = {}, .cmdline_size = 9, .readable = false, .flags = 1};
            }},
        Row{"unload_crash", "file_unload", 0, [](Setting& s) { s.crash().call.flags |= FileCall::unload; }},
        Row{"crash_slot_not_compiled", "file_accepted", 0,
            [](Setting& s) {
              s.version(9).crash().situation.config.erase("CRASH_DUMP");
              s.call.flags = 0;
            }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Files, FileContract,
    testing::Values(
        Row{"no_kernel", "file_kernel_descriptor", ebadf, [](Setting& s) { s.call.kernel = {}; }},
        Row{"crash_no_kernel", "file_kernel_descriptor", ebadf, [](Setting& s) { s.crash().call.kernel = {}; }},
        Row{"folder", "file_kernel_regular", einval, [](Setting& s) { s.call.kernel.kind = File::Kind::other; }},
        Row{"written", "file_kernel_writers", etxtbsy, [](Setting& s) { s.call.kernel.being_written = true; }},
        Row{"written_empty", "file_kernel_writers", etxtbsy,
            [](Setting& s) {
              s.call.kernel = regular(0);
              s.call.kernel.being_written = true;
            }},
        Row{"empty", "file_kernel_empty", einval, [](Setting& s) { s.call.kernel = regular(0); }},
        Row{"four_gib", "file_kernel_memory", enomem, [](Setting& s) { s.call.kernel = regular(4 * gib); }},
        Row{"over_four_gib", "file_kernel_size", efbig, [](Setting& s) { s.call.kernel = regular(4 * gib + 1); }},
        Row{"all_ram", "file_format", enoexec, [](Setting& s) { s.call.kernel = regular((ram_pages + 1) * page - 1); }},
        Row{"over_all_ram", "file_kernel_memory", enomem,
            [](Setting& s) { s.call.kernel = regular((ram_pages + 1) * page); }},
        Row{"short", "file_kernel_read", eio, [](Setting& s) { s.call.kernel.short_of_size = true; }},
        Row{"no_initrd", "file_initrd_descriptor", ebadf, [](Setting& s) { s.call.initrd = {}; }},
        Row{"no_initrd_asked", "file_accepted", 0,
            [](Setting& s) {
              s.call.initrd = {};
              s.call.flags = FileCall::no_initramfs;
            }},
        Row{"initrd_folder", "file_initrd_regular", einval, [](Setting& s) { s.call.initrd.kind = File::Kind::other; }},
        Row{"initrd_written", "file_initrd_writers", etxtbsy, [](Setting& s) { s.call.initrd.being_written = true; }},
        Row{"initrd_empty", "file_initrd_empty", einval, [](Setting& s) { s.call.initrd = regular(0); }},
        Row{"initrd_over_four_gib", "file_initrd_size", efbig,
            [](Setting& s) { s.call.initrd = regular(4 * gib + 1); }},
        Row{"initrd_over_all_ram", "file_initrd_memory", enomem,
            [](Setting& s) { s.call.initrd = regular((ram_pages + 1) * page); }},
        Row{"initrd_short", "file_initrd_read", eio, [](Setting& s) { s.call.initrd.short_of_size = true; }},
        Row{"kernel_before_initrd", "file_format", enoexec,
            [](Setting& s) {
              s.call.initrd = {};
              s.header(0x202, 0, 4);
            }},
        Row{"initrd_before_cmdline", "file_initrd_descriptor", ebadf,
            [](Setting& s) {
              s.call.initrd = {};
              s.call.readable = false;
            }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Image, FileContract,
    testing::Values(
        Row{"two_sectors_less_one", "file_format", enoexec, [](Setting& s) { s.call.kernel.size = 1023; }},
        Row{"two_sectors", "file_image_whole", enoexec, [](Setting& s) { s.call.kernel.size = 1024; }},
        Row{"setup_less_one", "file_image_whole", enoexec, [](Setting& s) { s.call.kernel.size = 6 * 512 - 1; }},
        Row{"setup", "file_accepted", 0, [](Setting& s) { s.call.kernel.size = 6 * 512; }},
        Row{"no_setup_sects_is_four", "file_image_whole", enoexec,
            [](Setting& s) {
              s.header(0x1f1, 0, 1);
              s.call.kernel.size = 5 * 512 - 1;
            }},
        Row{"boot_flag", "file_format", enoexec, [](Setting& s) { s.header(0x1fe, 0xaa54, 2); }},
        Row{"protocol", "file_format", enoexec, [](Setting& s) { s.header(0x206, 0x20b, 2); }},
        Row{"zimage", "file_format", enoexec, [](Setting& s) { s.header(0x211, 0, 1); }},
        Row{"no_64_bit_entry", "file_format", enoexec, [](Setting& s) { s.header(0x236, 2, 2); }},
        Row{"not_above_4g", "file_format", enoexec, [](Setting& s) { s.header(0x236, 1, 2); }},
        Row{"no_five_levels", "file_format", enoexec, [](Setting& s) { s.situation.la57 = true; }},
        Row{"five_levels", "file_accepted", 0,
            [](Setting& s) {
              s.situation.la57 = true;
              s.header(0x236, 0x23, 2);
            }},
        Row{"arm64", "file_accepted", 0, [](Setting& s) { s.arm64(); }},
        Row{"arm64_magic", "file_format", einval, [](Setting& s) { s.arm64().header(0x38, 0, 1); }},
        Row{"arm64_header_less_one", "file_format", einval, [](Setting& s) { s.arm64().call.kernel.size = 63; }},
        Row{"arm64_header", "file_accepted", 0, [](Setting& s) { s.arm64().call.kernel.size = 64; }},
        Row{"arm64_memory_that_wraps", "file_bufsz", einval,
            [](Setting& s) { s.arm64().header(0x10, ~std::uint64_t{0}, 8); }},
        Row{"arm64_no_image_size", "file_image_whole", einval, [](Setting& s) { s.arm64().header(0x10, 0, 8); }},
        Row{"foreign_image", "file_format", enoexec, [](Setting& s) { s.call.kernel = arm64_image(); }},
        Row{"memory_that_wraps", "file_bufsz", einval, [](Setting& s) { s.header(0x260, 0xfffff001, 4); }},
        Row{"file_larger", "file_bufsz", einval, [](Setting& s) { s.header(0x260, 599 * page - 2 * 4096, 4); }},
        Row{"other_arch", "file_accepted", 0,
            [](Setting& s) {
              s.situation.arch = "s390x";
              s.call.kernel = regular(1);
            }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Signatures, FileContract,
    testing::Values(
        Row{"not_checked", "file_accepted", 0,
            [](Setting& s) {
              s.force();
              s.situation.lockdown = true;
            }},
        Row{"not_forced", "file_accepted", 0, [](Setting& s) { s.signatures(Signature::broken); }},
        Row{"forced_trusted", "file_accepted", 0, [](Setting& s) { s.signatures(Signature::trusted).force(); }},
        Row{"forced_no_pe", "file_signature", elibbad, [](Setting& s) { s.signatures(Signature::no_pe).force(); }},
        Row{"forced_none", "file_signature", enodata, [](Setting& s) { s.signatures(Signature::none).force(); }},
        Row{"forced_unknown", "file_signature", enokey, [](Setting& s) { s.signatures(Signature::unknown).force(); }},
        Row{"forced_broken", "file_signature", ekeyrejected,
            [](Setting& s) { s.signatures(Signature::broken).force(); }},
        Row{"forced_without_means", "file_signature", ekeyrejected,
            [](Setting& s) {
              s.signatures(Signature::trusted).force();
              s.situation.config.erase("KEXEC_BZIMAGE_VERIFY_SIG");
            }},
        Row{"lockdown_trusted", "file_accepted", 0,
            [](Setting& s) { s.signatures(Signature::trusted).situation.lockdown = true; }},
        Row{"lockdown_none", "file_lockdown", eperm,
            [](Setting& s) { s.signatures(Signature::none).situation.lockdown = true; }},
        Row{"forced_before_lockdown", "file_signature", enodata,
            [](Setting& s) { s.signatures(Signature::none).force().situation.lockdown = true; }},
        Row{"signature_before_initrd", "file_signature", enodata,
            [](Setting& s) { s.signatures(Signature::none).force().call.initrd = {}; }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    CommandLine, FileContract,
    testing::Values(Row{"none", "file_accepted", 0,
                        [](Setting& s) {
                          s.call.cmdline_size = 0;
                          s.call.readable = false;
                          s.call.terminated = false;
                        }},
                    Row{"unreadable", "file_cmdline", efault, [](Setting& s) { s.call.readable = false; }},
                    Row{"open_end", "file_cmdline_end", einval, [](Setting& s) { s.call.terminated = false; }},
                    Row{"longest", "file_accepted", 0, [](Setting& s) { s.call.cmdline_size = 2017; }},
                    Row{"too_long", "file_cmdline_limit", einval, [](Setting& s) { s.call.cmdline_size = 2018; }},
                    Row{"long_on_arm64", "file_accepted", 0, [](Setting& s) { s.arm64().call.cmdline_size = 5000; }},
                    Row{"too_large_to_copy", "file_cmdline_memory", enomem,
                        [](Setting& s) {
                          s.call.cmdline_size = (4 << 20) + 1;
                          s.call.readable = false;
                        }},
                    Row{"large_enough_to_copy", "file_cmdline", efault,
                        [](Setting& s) {
                          s.call.cmdline_size = 4 << 20;
                          s.call.readable = false;
                        }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Memory, FileContract,
    testing::Values(Row{"crash", "file_accepted", 0, [](Setting& s) { s.crash(); }},
                    Row{"crash_without_reservation", "file_place", eaddrnotavail,
                        [](Setting& s) { s.crash().situation.crash_reservation.reset(); }},
                    Row{"crash_larger", "file_place", eaddrnotavail,
                        [](Setting& s) { s.crash().header(0x260, 2 * kernel_pages * page + 1, 4); }},
                    Row{"crash_initrd_larger", "file_place", eaddrnotavail,
                        [](Setting& s) { s.crash().call.initrd.size = 2 * kernel_pages * page + 1; }},
                    Row{"larger_than_ram", "file_place", eaddrnotavail,
                        [](Setting& s) { s.header(0x260, ram_pages * page + 1, 4); }},
                    Row{"half_of_ram", "file_accepted", 0,
                        [](Setting& s) { s.call.initrd.size = (ram_pages / 2 - kernel_pages) * page; }},
                    Row{"over_half_of_ram", "file_half_of_ram", einval,
                        [](Setting& s) { s.call.initrd.size = (ram_pages / 2 - kernel_pages) * page + 1; }},
                    Row{"ram_unknown", "file_accepted", 0,
                        [](Setting& s) {
                          s.situation.ram_pages = 0;
                          s.call.initrd.size = ram_pages * page;
                        }}),
    name_of);

TEST(FileRules, AreToldOnceEachWithSourceAndText) {
  std::set<std::string_view> names;
  for (const Rule* rule : file_rules()) {
    EXPECT_TRUE(rule->name.starts_with("file_"));
    EXPECT_TRUE(names.insert(rule->name).second) << rule->name;
    EXPECT_FALSE(rule->text.empty());
    EXPECT_FALSE(rule->source.empty());
    EXPECT_EQ(find_rule(rule->name), rule);
  }
  EXPECT_EQ(file_rules().back()->name, "file_accepted");
}

TEST(CertificateTable, IsTheFifthDirectory) {
  Bytes head(512);
  constexpr std::uint64_t size = 0x1100;
  EXPECT_EQ(unverified_signature(head, size), Signature::no_pe);
  put(head, 0, 0x5a4d, 2);
  put(head, 0x3c, 0x80, 4);
  EXPECT_EQ(unverified_signature(head, size), Signature::no_pe);
  put(head, 0x80, 0x4550, 4);
  put(head, 0x98, 0x20b, 2);
  EXPECT_EQ(unverified_signature(head, size), Signature::none);
  put(head, 0x98 + 112 + 32, 0x1000, 4);
  EXPECT_EQ(unverified_signature(head, size), Signature::none);
  put(head, 0x98 + 112 + 36, 0x100, 4);
  EXPECT_EQ(unverified_signature(head, size), Signature::unknown);
  EXPECT_EQ(unverified_signature(head, size - 1), Signature::no_pe) << "it ends inside the table";
  put(head, 0x98 + 60, 0x400, 4);
  EXPECT_EQ(unverified_signature(head, 0x401), Signature::no_pe);
  EXPECT_EQ(unverified_signature(head, 0x400), Signature::no_pe) << "nothing behind the headers";
  head.resize(0x98 + 112 + 36);
  EXPECT_EQ(unverified_signature(head, size), Signature::none) << "a head that ends before the size";
}

}  // namespace
}  // namespace kexlab::model
