// SPDX-License-Identifier: Apache-2.0
// The contract as tables: each rule just inside and just outside, and which rule wins where a call breaks several.
#include "harness/model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace kexlab::model {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t ram = 0x100000;
constexpr Range reservation{0x10000000, 0x10040000};  // 64 pages
constexpr std::uint64_t x86_64 = std::uint64_t{62} << 16;
constexpr std::uint64_t i386 = std::uint64_t{3} << 16;
constexpr std::uint64_t aarch64 = std::uint64_t{183} << 16;

/// A call and the machine it is made on; the default is accepted.
struct Setting {
  Situation situation;
  Plan plan;
  scenario::Credentials as;
  bool compat = false;

  Setting() {
    situation.arch = "x86_64";
    situation.ram_pages = 1001;
    situation.crash_reservation = reservation;
    situation.config = {{"KEXEC", "y"}, {"CRASH_DUMP", "y"}};
    plan.arch = "x86_64";
    plan.flags = x86_64;
    plan.entry = ram;
    add(ram, 4 * page);
  }
  Setting& add(std::uint64_t mem, std::uint64_t memsz) {
    plan.segments.push_back({"s", {}, std::min(memsz, page), mem, memsz, Pointer::valid});
    return *this;
  }
  /// The segments of a crash image: two pages at the reservation's start, entered there.
  Setting& crash() {
    plan.flags |= kexec::on_crash;
    plan.segments.clear();
    plan.entry = reservation.start;
    situation.state.crash_loaded = true;
    return add(reservation.start, 2 * page);
  }
  Segment& first() { return plan.segments.at(0); }
  /// Gives the first segment so many bytes of contents.
  Segment& contents(std::uint64_t size) {
    first().pieces = {Piece::of_pattern(1, size)};
    first().bufsz = size;
    return first();
  }
};

void on_i386(Setting& s) { s.situation.arch = "i386", s.plan.flags = i386; }

/// RAM from 1 GiB on, as QEMU's virt machine has it.
void on_arm(Setting& s) {
  s.situation.arch = "arm";
  s.situation.ram = RangeSet({{0x40000000, 0x60000000}});
  s.plan.flags = std::uint64_t{40} << 16;
  s.plan.entry = s.first().mem = 0x40000000;
  s.contents(page);
}

struct Row {
  const char* name;
  const char* rule;
  long value;
  int error;
  void (*change)(Setting& s);
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
std::string name_of(const testing::TestParamInfo<Row>& row) { return row.param.name; }

/// The state that the contract leaves behind, told from the rule alone.
void expect_state(const Setting& s, const Prediction& p) {
  const bool crash = (s.plan.flags & kexec::on_crash) != 0;
  const std::set<std::string_view> before_drop{"configured",  "capability", "load_disabled", "load_limit",
                                               "lockdown",    "flags",      "count",         "arch",
                                               "compat_arch", "array",      "compat_array",  "lock"};
  const bool kept = before_drop.contains(p.rule->name);
  const bool accepted = p.rule->name == "accepted", unloaded = p.rule->name == "unload";
  EXPECT_EQ(p.after.crash_loaded, crash && !kept ? accepted : s.situation.state.crash_loaded);
  EXPECT_EQ(p.after.loaded, crash      ? s.situation.state.loaded
                            : accepted ? true
                            : unloaded ? false
                                       : s.situation.state.loaded);
}

class Contract : public testing::TestWithParam<Row> {};
TEST_P(Contract, DecidesTheCall) {
  for (const bool loaded : {false, true}) {
    Setting s;
    s.situation.state.loaded = loaded;
    GetParam().change(s);
    const Prediction p = predict(s.situation, s.plan, s.as, s.compat);
    ASSERT_NE(p.rule, nullptr);
    EXPECT_EQ(p.rule->name, GetParam().rule);
    EXPECT_EQ(p.value, GetParam().value);
    EXPECT_EQ(p.error, GetParam().error);
    EXPECT_EQ(p.value == -1, p.error != 0) << "an errno goes with -1 and only with it";
    expect_state(s, p);
  }
}

constexpr int eperm = 1, enomem = 12, efault = 14, ebusy = 16, einval = 22, enosys = 38, eaddr = 99;

INSTANTIATE_TEST_SUITE_P(
    Caller, Contract,
    testing::Values(
        Row{"sane", "accepted", 0, 0, [](Setting&) {}},
        Row{"no_kexec", "configured", -1, enosys,
            [](Setting& s) {
              s.situation.config = {{"SMP", "y"}};
            }},
        Row{"kexec_is_n", "configured", -1, enosys, [](Setting& s) { s.situation.config["KEXEC"] = "n"; }},
        Row{"config_not_known", "accepted", 0, 0, [](Setting& s) { s.situation.config.clear(); }},
        Row{"without_sys_boot", "capability", -1, eperm,
            [](Setting& s) {
              s.as.drop = {"sys_admin", "sys_boot"};
            }},
        Row{"without_another_capability", "accepted", 0, 0, [](Setting& s) { s.as.drop = {"sys_admin"}; }},
        Row{"root_of_a_user_namespace", "capability", -1, eperm, [](Setting& s) { s.as.user_namespace = true; }},
        Row{"pid_namespace", "accepted", 0, 0, [](Setting& s) { s.as.pid_namespace = true; }},
        Row{"uid_0", "accepted", 0, 0, [](Setting& s) { s.as.uid = 0; }},
        Row{"uid_1", "capability", -1, eperm, [](Setting& s) { s.as.uid = 1; }},
        Row{"disabled", "load_disabled", -1, eperm, [](Setting& s) { s.situation.state.load_disabled = true; }},
        Row{"disabled_blocks_unload", "load_disabled", -1, eperm,
            [](Setting& s) { s.situation.state.load_disabled = true, s.plan.segments.clear(); }},
        Row{"limit_used_up", "load_limit", -1, eperm,
            [](Setting& s) { s.situation.minor = 3, s.situation.state.load_limit_reboot = 0; }},
        Row{"limit_left", "accepted", 0, 0,
            [](Setting& s) { s.situation.minor = 3, s.situation.state.load_limit_reboot = 1; }},
        Row{"no_limit", "accepted", 0, 0,
            [](Setting& s) { s.situation.minor = 3, s.situation.state.load_limit_reboot = -1; }},
        Row{"limit_of_the_other_slot", "accepted", 0, 0,
            [](Setting& s) { s.situation.minor = 3, s.situation.state.load_limit_panic = 0; }},
        Row{"crash_limit", "load_limit", -1, eperm,
            [](Setting& s) { s.crash().situation.minor = 3, s.situation.state.load_limit_panic = 0; }},
        Row{"locked_down", "lockdown", -1, eperm, [](Setting& s) { s.situation.lockdown = true; }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Arguments, Contract,
    testing::Values(
        Row{"unknown_flag", "flags", -1, einval, [](Setting& s) { s.plan.flags |= 0x8000; }},
        Row{"flag_bits_32_to_63", "accepted", 0, 0, [](Setting& s) { s.plan.flags |= 0xffffffff00000000; }},
        Row{"jump_without_config", "flags", -1, einval, [](Setting& s) { s.plan.flags |= kexec::preserve_context; }},
        Row{"jump_without_config_unload", "flags", -1, einval,
            [](Setting& s) { s.plan.flags |= kexec::preserve_context, s.plan.segments.clear(); }},
        Row{"jump_with_config", "accepted", 0, 0,
            [](Setting& s) { s.plan.flags |= kexec::preserve_context, s.situation.config["KEXEC_JUMP"] = "y"; }},
        Row{"elfcorehdr_6_5", "flags", -1, einval,
            [](Setting& s) { s.plan.flags |= kexec::update_elfcorehdr, s.situation.minor = 5; }},
        Row{"elfcorehdr_6_6", "accepted", 0, 0,
            [](Setting& s) { s.plan.flags |= kexec::update_elfcorehdr, s.situation.minor = 6; }},
        Row{"hotplug_6_9", "flags", -1, einval,
            [](Setting& s) { s.plan.flags |= kexec::crash_hotplug_support, s.situation.minor = 9; }},
        Row{"hotplug_6_10", "accepted", 0, 0,
            [](Setting& s) { s.plan.flags |= kexec::crash_hotplug_support, s.situation.minor = 10; }},
        Row{"hotplug_7_0", "accepted", 0, 0,
            [](Setting& s) {
              s.plan.flags |= kexec::crash_hotplug_support, s.situation.major = 7, s.situation.minor = 0;
            }},
        Row{"sixteen_segments", "accepted", 0, 0,
            [](Setting& s) {
              for (int i = 1; i < 16; ++i) s.add(0x1000000 + 2 * i * page, page);
            }},
        Row{"seventeen_segments", "count", -1, einval,
            [](Setting& s) {
              for (int i = 1; i < 17; ++i) s.add(0x1000000 + 2 * i * page, page);
            }},
        Row{"nr_17_reads_no_pointer", "count", -1, einval,
            [](Setting& s) { s.plan.nr_segments = 17, s.plan.array = Pointer::null; }},
        Row{"nr_2_to_the_32", "count", -1, einval, [](Setting& s) { s.plan.nr_segments = std::uint64_t{1} << 32; }},
        Row{"arch_default", "accepted", 0, 0, [](Setting& s) { s.plan.flags = 0; }},
        Row{"arch_386_natively", "arch", -1, einval, [](Setting& s) { s.plan.flags = i386; }},
        Row{"arch_of_arm64", "arch", -1, einval, [](Setting& s) { s.plan.flags = aarch64; }},
        Row{"arch_wrong_for_unload", "arch", -1, einval,
            [](Setting& s) { s.plan.flags = i386, s.plan.segments.clear(); }},
        Row{"arm64_own", "accepted", 0, 0, [](Setting& s) { s.situation.arch = "arm64", s.plan.flags = aarch64; }},
        Row{"arm64_refuses_x86_64", "arch", -1, einval, [](Setting& s) { s.situation.arch = "arm64"; }},
        Row{"compat_386", "accepted", 0, 0, [](Setting& s) { s.compat = true, s.plan.flags = i386; }},
        Row{"compat_any_arch", "accepted", 0, 0, [](Setting& s) { s.compat = true, s.plan.flags = 0x12340000; }},
        Row{"compat_default", "compat_arch", -1, einval, [](Setting& s) { s.compat = true, s.plan.flags = 0; }},
        Row{"array_null", "array", -1, efault, [](Setting& s) { s.plan.array = Pointer::null; }},
        Row{"array_half", "array", -1, efault, [](Setting& s) { s.plan.array = Pointer::half; }},
        Row{"array_read_only", "accepted", 0, 0, [](Setting& s) { s.plan.array = Pointer::read_only; }},
        Row{"array_guarded", "accepted", 0, 0, [](Setting& s) { s.plan.array = Pointer::guarded; }},
        Row{"array_null_unload", "unload", 0, 0,
            [](Setting& s) { s.plan.array = Pointer::null, s.plan.segments.clear(); }},
        Row{"compat_array_null", "compat_array", 16, 0,
            [](Setting& s) { s.compat = true, s.plan.array = Pointer::null; }},
        Row{"compat_array_half_of_one", "compat_array", 8, 0,
            [](Setting& s) { s.compat = true, s.plan.array = Pointer::half; }},
        Row{"compat_array_one_short", "compat_array", 1, 0,
            [](Setting& s) { s.add(0x1000000, page).compat = true, s.plan.array = Pointer::one_short; }},
        Row{"compat_array_tight", "accepted", 0, 0,
            [](Setting& s) { s.compat = true, s.plan.flags = i386, s.plan.array = Pointer::tight; }},
        Row{"compat_array_half_of_three_for_one", "accepted", 0, 0,
            [](Setting& s) {
              s.add(0x1000000, page).add(0x2000000, page).compat = true;
              s.plan.flags = i386, s.plan.array = Pointer::half, s.plan.nr_segments = 1;
            }},
        Row{"array_tight", "accepted", 0, 0, [](Setting& s) { s.plan.array = Pointer::tight; }},
        Row{"array_one_short", "array", -1, efault, [](Setting& s) { s.plan.array = Pointer::one_short; }},
        Row{"array_tagged", "array", -1, efault, [](Setting& s) { s.plan.array = Pointer::tagged; }},
        Row{"array_at_an_address", "array", -1, efault, [](Setting& s) { s.plan.array = Pointer::address; }},
        Row{"compat_array_half_of_two", "compat_array", 16, 0,
            [](Setting& s) { s.add(0x1000000, page).compat = true, s.plan.array = Pointer::half; }},
        Row{"locked", "lock", -1, ebusy, [](Setting& s) { s.situation.lock_held = true; }},
        Row{"locked_unload", "lock", -1, ebusy,
            [](Setting& s) { s.situation.lock_held = true, s.plan.segments.clear(); }},
        Row{"unload", "unload", 0, 0, [](Setting& s) { s.plan.segments.clear(); }},
        Row{"unload_by_nr", "unload", 0, 0, [](Setting& s) { s.plan.nr_segments = 0; }},
        Row{"unload_crash", "unload", 0, 0, [](Setting& s) { s.crash().plan.segments.clear(); }},
        Row{"unload_crash_without_reservation", "unload", 0, 0,
            [](Setting& s) { s.crash().plan.segments.clear(), s.situation.crash_reservation.reset(); }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Segments, Contract,
    testing::Values(
        Row{"wraps", "wrap", -1, eaddr, [](Setting& s) { s.first().mem = -2 * page, s.first().memsz = 4 * page; }},
        Row{"ends_at_the_top", "wrap", -1, eaddr, [](Setting& s) { s.first().mem = -4 * page; }},
        Row{"unaligned_start", "alignment", -1, eaddr, [](Setting& s) { s.first().mem += 1; }},
        Row{"unaligned_end", "alignment", -1, eaddr, [](Setting& s) { s.first().memsz += 1; }},
        Row{"unaligned_both", "alignment", -1, eaddr, [](Setting& s) { s.first().mem += 1, s.first().memsz -= 1; }},
        Row{"unaligned_empty", "alignment", -1, eaddr,
            [](Setting& s) { s.first().mem += 1, s.first().memsz = 0, s.first().bufsz = 0; }},
        Row{"page_4k_on_64k", "alignment", -1, eaddr,
            [](Setting& s) { s.situation.arch = "arm64", s.plan.flags = aarch64, s.situation.page_size = 65536; }},
        Row{"page_64k_on_64k", "accepted", 0, 0,
            [](Setting& s) {
              s.situation.arch = "arm64", s.plan.flags = aarch64, s.situation.page_size = 65536,
              s.first().memsz = 65536;
            }},
        Row{"x86_64_ends_at_2_46", "limit", -1, eaddr,
            [](Setting& s) { s.first().mem = (std::uint64_t{1} << 46) - 4 * page; }},
        Row{"x86_64_ends_a_page_below", "accepted", 0, 0,
            [](Setting& s) { s.first().mem = (std::uint64_t{1} << 46) - 5 * page; }},
        Row{"la57_ends_at_2_46", "accepted", 0, 0,
            [](Setting& s) { s.situation.la57 = true, s.first().mem = (std::uint64_t{1} << 46) - 4 * page; }},
        Row{"la57_ends_at_2_52", "limit", -1, eaddr,
            [](Setting& s) { s.situation.la57 = true, s.first().mem = (std::uint64_t{1} << 52) - 4 * page; }},
        Row{"i386_up_to_its_last_page_but_one", "accepted", 0, 0,
            [](Setting& s) { on_i386(s), s.first().mem = 0xffffe000, s.first().memsz = page; }},
        Row{"i386_last_page_ends_at_0", "wrap", -1, eaddr,
            [](Setting& s) { on_i386(s), s.first().mem = 0xfffff000, s.first().memsz = page; }},
        Row{"i386_sees_32_bits", "accepted", 0, 0,
            [](Setting& s) { on_i386(s), s.first().mem = 0xffffffff00000000 | ram; }},
        Row{"arm64_has_no_such_limit", "accepted", 0, 0,
            [](Setting& s) {
              s.situation.arch = "arm64", s.plan.flags = aarch64, s.first().mem = std::uint64_t{1} << 60;
            }},
        Row{"touch", "accepted", 0, 0, [](Setting& s) { s.add(ram + 4 * page, page); }},
        Row{"overlap_by_a_page", "overlap", -1, einval, [](Setting& s) { s.add(ram + 3 * page, page); }},
        Row{"overlap_out_of_order", "overlap", -1, einval, [](Setting& s) { s.add(ram - page, 2 * page); }},
        Row{"touch_below", "accepted", 0, 0, [](Setting& s) { s.add(ram - page, page); }},
        Row{"same_twice", "overlap", -1, einval, [](Setting& s) { s.add(ram, 4 * page); }},
        Row{"empty_inside", "overlap", -1, einval, [](Setting& s) { s.add(ram + page, 0); }},
        Row{"empty_on_the_start", "accepted", 0, 0, [](Setting& s) { s.add(ram, 0); }},
        Row{"empty_on_the_end", "accepted", 0, 0, [](Setting& s) { s.add(ram + 4 * page, 0); }},
        Row{"two_empty_ones", "accepted", 0, 0, [](Setting& s) { s.add(0x2000000, 0).add(0x2000000, 0); }},
        Row{"bufsz_is_memsz", "accepted", 0, 0,
            [](Setting& s) { s.first().bufsz = 4 * page, s.first().pieces = {Piece::of_pattern(1, 4 * page)}; }},
        Row{"bufsz_one_more", "bufsz", -1, einval, [](Setting& s) { s.first().bufsz = 4 * page + 1; }},
        Row{"half_of_ram", "accepted", 0, 0, [](Setting& s) { s.first().memsz = 500 * page; }},
        Row{"a_page_more", "half_of_ram", -1, einval, [](Setting& s) { s.first().memsz = 501 * page; }},
        Row{"half_by_the_sum", "accepted", 0, 0,
            [](Setting& s) { s.first().memsz = 250 * page, s.add(0x2000000, 250 * page); }},
        Row{"more_by_the_sum", "half_of_ram", -1, einval,
            [](Setting& s) { s.first().memsz = 250 * page, s.add(0x2000000, 251 * page); }},
        Row{"ram_not_known", "accepted", 0, 0,
            [](Setting& s) { s.situation.ram_pages = 0, s.first().memsz = 5000 * page; }},
        Row{"empty_at_zero_6_1", "accepted", 0, 0, [](Setting& s) { s.add(0, 0); }},
        Row{"empty_at_zero_6_7", "accepted", 0, 0, [](Setting& s) { s.add(0, 0).situation.minor = 7; }},
        Row{"empty_at_zero_6_8", "empty_at_zero", -1, enomem, [](Setting& s) { s.add(0, 0).situation.minor = 8; }},
        Row{"nr_past_the_segments_6_1", "accepted", 0, 0, [](Setting& s) { s.plan.nr_segments = 2; }},
        Row{"buf_null", "buffer", -1, efault, [](Setting& s) { s.first().buf = Pointer::null; }},
        Row{"buf_half", "buffer", -1, efault, [](Setting& s) { s.first().buf = Pointer::half; }},
        Row{"buf_kernel", "buffer", -1, efault, [](Setting& s) { s.first().buf = Pointer::kernel; }},
        Row{"buf_tight", "accepted", 0, 0, [](Setting& s) { s.contents(100).buf = Pointer::tight; }},
        Row{"buf_one_short", "buffer", -1, efault, [](Setting& s) { s.contents(100).buf = Pointer::one_short; }},
        Row{"buf_half_is_read_less", "accepted", 0, 0,
            [](Setting& s) { s.contents(100).buf = Pointer::half, s.first().bufsz = 50; }},
        Row{"buf_read_to_its_last_page", "accepted", 0, 0, [](Setting& s) { s.contents(100).bufsz = page; }},
        Row{"buf_read_past_its_last_page", "buffer", -1, efault, [](Setting& s) { s.contents(100).bufsz = page + 1; }},
        Row{"buf_of_a_file_in_its_middle", "buffer", -1, efault,
            [](Setting& s) {
              s.contents(100).pieces = {Piece::of_source("f", 100, 100)};
              s.first().bufsz = page - 99;
            }},
        Row{"buf_tagged", "buffer", -1, efault, [](Setting& s) { s.first().buf = Pointer::tagged; }},
        Row{"buf_at_an_address", "buffer", -1, efault, [](Setting& s) { s.first().buf = Pointer::address; }},
        Row{"buf_no_access", "buffer", -1, efault, [](Setting& s) { s.first().buf = Pointer::no_access; }},
        Row{"buf_read_only", "accepted", 0, 0, [](Setting& s) { s.first().buf = Pointer::read_only; }},
        Row{"buf_guarded", "accepted", 0, 0, [](Setting& s) { s.first().buf = Pointer::guarded; }},
        Row{"buf_null_of_no_bytes", "accepted", 0, 0,
            [](Setting& s) { s.first().buf = Pointer::null, s.first().bufsz = 0; }},
        Row{"second_buf_faults", "buffer", -1, efault,
            [](Setting& s) { s.add(0x2000000, page).plan.segments[1].buf = Pointer::unmapped; }},
        Row{"entry_outside_every_segment", "accepted", 0, 0, [](Setting& s) { s.plan.entry = ~std::uint64_t{0}; }},
        Row{"into_the_reservation_without_flag", "accepted", 0, 0,
            [](Setting& s) { s.first().mem = reservation.start; }},
        Row{"compat_top_page_does_not_wrap", "accepted", 0, 0,
            [](Setting&
                   s) { s.compat = true, s.plan.flags = i386, s.first().mem = 0xfffff000, s.first().memsz = page; }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Crash, Contract,
    testing::Values(
        Row{"sane_crash", "accepted", 0, 0, [](Setting& s) { s.crash(); }},
        Row{"entry_at_the_last_byte", "accepted", 0, 0, [](Setting& s) { s.crash().plan.entry = reservation.end - 1; }},
        Row{"entry_at_the_end", "crash_entry", -1, eaddr, [](Setting& s) { s.crash().plan.entry = reservation.end; }},
        Row{"entry_below", "crash_entry", -1, eaddr, [](Setting& s) { s.crash().plan.entry = reservation.start - 1; }},
        Row{"segment_below", "crash_range", -1, eaddr, [](Setting& s) { s.crash().first().mem -= page; }},
        Row{"segment_ends_at_the_end", "accepted", 0, 0,
            [](Setting& s) { s.crash().first().mem = reservation.end - 2 * page; }},
        Row{"segment_ends_past_it", "crash_range", -1, eaddr,
            [](Setting& s) { s.crash().first().mem = reservation.end - page; }},
        Row{"empty_at_the_end", "accepted", 0, 0, [](Setting& s) { s.crash().add(reservation.end, 0); }},
        Row{"empty_past_the_end", "crash_range", -1, eaddr,
            [](Setting& s) { s.crash().add(reservation.end + page, 0); }},
        Row{"filled", "control_pages", -1, enomem, [](Setting& s) { s.crash().first().memsz = 64 * page; }},
        Row{"all_but_two_pages", "control_pages", -1, enomem, [](Setting& s) { s.crash().first().memsz = 62 * page; }},
        Row{"all_but_three_pages", "control_pages", -1, enomem,
            [](Setting& s) { s.crash().first().memsz = 61 * page; }},
        Row{"all_but_four_pages", "accepted", 0, 0, [](Setting& s) { s.crash().first().memsz = 60 * page; }},
        Row{"all_but_one_page_arm64", "control_pages", -1, enomem,
            [](Setting& s) {
              s.crash().first().memsz = 63 * page, s.situation.arch = "arm64", s.plan.flags = aarch64 | 1;
            }},
        Row{"all_but_two_pages_arm64", "accepted", 0, 0,
            [](Setting& s) {
              s.crash().first().memsz = 62 * page, s.situation.arch = "arm64", s.plan.flags = aarch64 | 1;
            }},
        Row{"holes_between_segments", "accepted", 0, 0,
            [](Setting& s) { s.crash().first().memsz = 10 * page, s.add(reservation.start + 12 * page, 51 * page); }},
        Row{"entry_0_without_reservation", "crash_range", -1, eaddr,
            [](Setting& s) { s.crash().situation.crash_reservation.reset(), s.plan.entry = 0; }},
        Row{"entry_1_without_reservation", "crash_entry", -1, eaddr,
            [](Setting& s) { s.crash().situation.crash_reservation.reset(), s.plan.entry = 1; }},
        Row{"empty_at_0_without_reservation", "crash_range", -1, eaddr,
            [](Setting& s) {
              s.crash().situation.crash_reservation.reset(), s.plan.entry = 0,
                                                             s.first() = {"s", {}, 0, 0, 0, Pointer::valid};
            }}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    WhichErrorWins, Contract,
    testing::Values(
        Row{"capability_over_flags", "capability", -1, eperm,
            [](Setting& s) { s.as.drop = {"sys_boot"}, s.plan.flags |= 0x8000; }},
        Row{"flags_over_count", "flags", -1, einval,
            [](Setting& s) { s.plan.flags |= 0x8000, s.plan.nr_segments = 17; }},
        Row{"count_over_arch", "count", -1, einval, [](Setting& s) { s.plan.nr_segments = 17, s.plan.flags = i386; }},
        Row{"arch_over_array", "arch", -1, einval,
            [](Setting& s) { s.plan.flags = i386, s.plan.array = Pointer::null; }},
        Row{"array_over_lock", "array", -1, efault,
            [](Setting& s) { s.situation.lock_held = true, s.plan.array = Pointer::null; }},
        Row{"capability_over_lock", "capability", -1, eperm,
            [](Setting& s) { s.situation.lock_held = true, s.as.user_namespace = true; }},
        Row{"flags_over_lock", "flags", -1, einval,
            [](Setting& s) { s.situation.lock_held = true, s.plan.flags |= 0x8000; }},
        Row{"lock_over_segments", "lock", -1, ebusy,
            [](Setting& s) { s.situation.lock_held = true, s.first().mem += 1; }},
        Row{"crash_entry_over_bufsz", "crash_entry", -1, eaddr,
            [](Setting& s) { s.crash().plan.entry = 0, s.first().bufsz = s.first().memsz + 1; }},
        Row{"unaligned_over_overlap", "alignment", -1, eaddr, [](Setting& s) { s.add(ram + page + 1, page); }},
        Row{"wrap_of_the_first_over_unaligned_second", "wrap", -1, eaddr,
            [](Setting& s) { s.first().mem = -2 * page, s.add(ram + 1, page); }},
        Row{"unaligned_first_over_wrap_of_the_second", "alignment", -1, eaddr,
            [](Setting& s) { s.first().mem += 1, s.add(-page, 4 * page); }},
        Row{"overlap_over_bufsz", "overlap", -1, einval, [](Setting& s) { s.add(ram, page).first().bufsz = 5 * page; }},
        Row{"bufsz_over_half_of_ram", "bufsz", -1, einval,
            [](Setting& s) { s.first().memsz = 501 * page, s.first().bufsz = 502 * page; }},
        Row{"bufsz_over_crash_range", "bufsz", -1, einval,
            [](Setting& s) { s.crash().first().mem = ram, s.first().bufsz = s.first().memsz + 1; }},
        Row{"half_of_ram_over_crash_range", "half_of_ram", -1, einval,
            [](Setting& s) { s.crash().first().memsz = 501 * page; }},
        Row{"crash_range_over_buffer", "crash_range", -1, eaddr,
            [](Setting& s) { s.crash().first().mem = ram, s.first().buf = Pointer::null; }},
        Row{"overlap_without_reservation", "overlap", -1, einval,
            [](Setting& s) {
              s.crash().situation.crash_reservation.reset(), s.plan.entry = 0, s.add(reservation.start, page);
            }},
        Row{"control_pages_over_buffer", "control_pages", -1, enomem,
            [](Setting& s) { s.crash().first().memsz = 64 * page, s.first().buf = Pointer::null; }}),
    name_of);

TEST(Contract, AFailedCrashLoadDropsTheOldImageOnlyOnceItsSegmentsAreLookedAt) {
  Setting s;
  s.crash();
  s.first().bufsz = s.first().memsz + 1;
  EXPECT_FALSE(predict(s.situation, s.plan, s.as, false).after.crash_loaded);
  s.plan.flags |= 0x8000;
  EXPECT_TRUE(predict(s.situation, s.plan, s.as, false).after.crash_loaded);
}

TEST(Contract, AFailedNormalLoadKeepsTheOldImage) {
  Setting s;
  s.situation.state.loaded = true;
  s.first().buf = Pointer::null;
  EXPECT_TRUE(predict(s.situation, s.plan, s.as, false).after.loaded);
}

TEST(Contract, WithoutCrashDumpTheFlagMeansNothingSince69) {
  Setting s;
  s.situation.config.erase("CRASH_DUMP");
  s.plan.flags |= kexec::on_crash;
  s.situation.minor = 8;
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).rule->name, "crash_entry");
  s.situation.minor = 9;
  const Prediction p = predict(s.situation, s.plan, s.as, false);
  EXPECT_EQ(p.rule->name, "accepted");
  EXPECT_TRUE(p.after.loaded);
  EXPECT_FALSE(p.after.crash_loaded);
}

TEST(Contract, CompatCutsNumbersToTheCallersWord) {
  Setting s;
  s.compat = true;
  s.plan.flags = i386;
  s.first().mem = 0xf00000000 + ram;
  EXPECT_EQ(predict(s.situation, s.plan, s.as, true).rule->name, "accepted");
  s.add(ram, page);
  EXPECT_EQ(predict(s.situation, s.plan, s.as, true).rule->name, "overlap");
}

TEST(Limits, EveryCallThatPassesTheLimitTakesOneWhateverBecomesOfIt) {
  Setting s;
  s.situation.minor = 12;
  s.situation.state.load_limit_reboot = 2;
  s.situation.state.load_limit_panic = 5;
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).after.load_limit_reboot, 1);
  s.plan.flags |= 0x40;
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).after.load_limit_reboot, 1) << "refused for its flags";
  s.as.drop = {"sys_boot"};
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).after.load_limit_reboot, 2) << "refused before the limit";
  s.as.drop.clear();
  s.situation.state.load_limit_reboot = -1;
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).after.load_limit_reboot, -1) << "there is no limit";
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).after.load_limit_panic, 5) << "the other's";
  s.situation.minor = 1;
  s.situation.state.load_limit_reboot = 2;
  EXPECT_EQ(predict(s.situation, s.plan, s.as, false).after.load_limit_reboot, 2) << "a kernel that has no limits";
}

INSTANTIATE_TEST_SUITE_P(
    Arm, Contract,
    testing::Values(
        Row{"in_ram", "accepted", 0, 0, on_arm},
        Row{"to_the_end_of_ram", "accepted", 0, 0,
            [](Setting& s) { on_arm(s), s.first().mem = 0x60000000 - s.first().memsz; }},
        Row{"a_page_behind_ram", "ram", -1, einval,
            [](Setting& s) { on_arm(s), s.first().mem = 0x60001000 - s.first().memsz; }},
        Row{"a_page_before_ram", "ram", -1, einval, [](Setting& s) { on_arm(s), s.first().mem = 0x40000000 - page; }},
        Row{"nothing_outside_of_ram", "ram", -1, einval,
            [](Setting& s) { on_arm(s), s.first().mem = 0x60000000, s.first().memsz = s.first().bufsz = 0; }},
        Row{"ram_not_known", "accepted", 0, 0,
            [](Setting& s) { on_arm(s), s.situation.ram = {}, s.first().mem = 0x60000000; }},
        Row{"null_with_nothing_to_read", "first_word", -1, efault,
            [](Setting& s) { on_arm(s), s.first().bufsz = 0, s.first().buf = Pointer::null; }},
        Row{"three_bytes_up_to_an_edge", "first_word", -1, efault,
            [](Setting& s) { on_arm(s), s.contents(3).buf = Pointer::tight; }},
        Row{"four_bytes_up_to_an_edge", "accepted", 0, 0,
            [](Setting& s) { on_arm(s), s.contents(4).buf = Pointer::tight; }},
        Row{"the_first_segment_decides", "first_word", -1, efault,
            [](Setting& s) { on_arm(s), s.first().buf = Pointer::null, s.add(0x70000000, page); }},
        Row{"half_of_ram_comes_before", "half_of_ram", -1, einval,
            [](Setting& s) { on_arm(s), s.first().mem = 0x70000000, s.first().memsz = 501 * page; }}),
    name_of);

}  // namespace
}  // namespace kexlab::model
