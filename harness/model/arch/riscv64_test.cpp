// SPDX-License-Identifier: Apache-2.0
// riscv64's own rule, just inside and just outside: which buffers pass for a device tree.
#include <gtest/gtest.h>

#include "harness/model/model.h"
#include "kexlab/arch.h"

namespace kexlab::model {
namespace {

constexpr int efault = 14, einval = 22, eaddrnotavail = 99;
constexpr std::uint64_t page = 4096;

Bytes tree() { return find_arch("riscv64")->demanded(Machine{}); }

/// One page of pattern, then a page that begins with a tree; that is accepted.
struct Setting {
  Situation situation{.arch = "riscv64", .minor = 12, .config = {{"KEXEC", "y"}}, .ram_pages = 1000};
  Plan plan{.arch = "riscv64", .flags = std::uint64_t{243} << 16};

  Setting() {
    plan.segments.push_back({"pattern", {Piece::of_pattern(1, page)}, page, 0x80000000, page});
    plan.segments.push_back({"tree", {Piece::of(tree())}, tree().size(), 0x80010000, page});
  }
  Segment& with_tree() { return plan.segments[1]; }
  void word(std::size_t index, std::uint32_t value) {
    write_int(with_tree().pieces.front().bytes, index * 4, value, std::endian::big);
  }
};

struct Row {
  const char* name;
  const char* rule;
  int error;
  void (*change)(Setting& s);
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }

class Riscv64Contract : public testing::TestWithParam<Row> {};

TEST_P(Riscv64Contract, Holds) {
  Setting s;
  GetParam().change(s);
  const auto predicted = predict(s.situation, s.plan, {}, false);
  EXPECT_EQ(predicted.rule->name, GetParam().rule);
  EXPECT_EQ(predicted.error, GetParam().error);
}

// The words of the header: magic, totalsize, off_dt_struct, off_dt_strings, off_mem_rsvmap, version, last_comp_version,
// boot_cpuid_phys, size_dt_strings, size_dt_struct.
INSTANTIATE_TEST_SUITE_P(
    Rows, Riscv64Contract,
    testing::Values(Row{"with_a_tree", "accepted", 0, [](Setting&) {}},
                    Row{"with_none", "device_tree", einval, [](Setting& s) { s.plan.segments.pop_back(); }},
                    Row{"without_the_magic", "device_tree", einval, [](Setting& s) { s.word(0, 0xd00dfeee); }},
                    Row{"of_a_version_to_come", "device_tree", einval, [](Setting& s) { s.word(6, 18); }},
                    Row{"of_version_17_read_by_17", "accepted", 0, [](Setting& s) { s.word(6, 17); }},
                    Row{"larger_than_its_segment", "accepted", 0, [](Setting& s) { s.word(1, 0x7fffffff); }},
                    Row{"of_more_than_2_gib", "device_tree", einval, [](Setting& s) { s.word(1, 0x80000000); }},
                    Row{"structure_inside_the_header", "device_tree", einval, [](Setting& s) { s.word(2, 39); }},
                    Row{"structure_past_the_end", "device_tree", einval, [](Setting& s) { s.word(9, 17); }},
                    Row{"strings_past_the_end", "device_tree", einval, [](Setting& s) { s.word(8, 1); }},
                    Row{"reservations_past_the_end", "device_tree", einval, [](Setting& s) { s.word(4, 73); }},
                    Row{"at_address_0", "device_tree", einval, [](Setting& s) { s.with_tree().mem = 0; }},
                    Row{"for_a_segment_of_no_length", "device_tree", einval,
                        [](Setting& s) { s.with_tree().memsz = s.with_tree().bufsz = 0; }},
                    Row{"behind_the_buffers_end", "accepted", 0, [](Setting& s) { s.with_tree().bufsz = 1; }},
                    Row{"not_readable", "device_tree", einval,
                        [](Setting& s) { s.with_tree().buf = Pointer::unmapped; }},
                    Row{"beside_a_buffer_not_readable", "buffer", efault,
                        [](Setting& s) { s.plan.segments[0].buf = Pointer::unmapped; }},
                    Row{"unaligned_goes_first", "alignment", eaddrnotavail, [](Setting& s) { s.with_tree().mem = 1; }},
                    Row{"not_asked_for_by_an_unload", "unload", 0, [](Setting& s) { s.plan.segments.clear(); }}),
    [](const auto& row) { return std::string(row.param.name); });

// The first tree counts, even where a second one is at a good address.
TEST(Riscv64Contract, TakesTheFirstTree) {
  Setting s;
  s.plan.segments.insert(s.plan.segments.begin(), {"first", {Piece::of(tree())}, tree().size(), 0, page});
  EXPECT_EQ(predict(s.situation, s.plan, {}, false).rule->name, "device_tree");
}

}  // namespace
}  // namespace kexlab::model
