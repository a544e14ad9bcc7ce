// SPDX-License-Identifier: Apache-2.0
// Bootinfo: what the kernel's own reader would find, and what is refused.
#include "loader/plan/bootinfo.h"

#include <gtest/gtest.h>

#include "kexlab/machine.h"

namespace kexlab {
namespace {

Bytes bytes(std::initializer_list<unsigned> values) {
  Bytes out;
  for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

TEST(Bootinfo, ARecordHasItsTagItsSizeAndWholeWords) {
  Bytes list;
  append_record(list, bootinfo::memchunk, record_pair(0x01020304, 0x10000000));
  append_record(list, bootinfo::command_line, as_bytes(std::string_view("abcde\0", 6)));
  append_record(list, bootinfo::last, {});
  EXPECT_EQ(list, bytes({0, 5, 0, 12, 1,   2,   3,   4,   0x10, 0, 0, 0,  //
                         0, 7, 0, 12, 'a', 'b', 'c', 'd', 'e',  0, 0, 0,  //
                         0, 0, 0, 4}));
}

TEST(Bootinfo, IsReadUpToTheRecordThatEndsIt) {
  Bytes list;
  append_record(list, 1, bytes({0, 0, 0, 14}));
  append_record(list, 0x8003, record_pair(0xff008000, 0x1f));
  append_record(list, bootinfo::last, {});
  append_record(list, 9, {});
  const auto records = parse_bootinfo(list);
  ASSERT_TRUE(records.has_value()) << records.error().str();
  ASSERT_EQ(records->size(), 2U);
  EXPECT_EQ((*records)[0].tag, 1U);
  EXPECT_EQ(to_bytes((*records)[0].data), bytes({0, 0, 0, 14}));
  EXPECT_EQ((*records)[1].tag, bootinfo::virt_tty);
  EXPECT_EQ((*records)[1].data.size(), 8U);
}

TEST(Bootinfo, TheLastRecordMayHaveItsTagAlone) {
  const auto records = parse_bootinfo(bytes({0, 2, 0, 8, 0, 0, 0, 4, 0, 0}));
  ASSERT_TRUE(records.has_value()) << records.error().str();
  EXPECT_EQ(records->size(), 1U);
}

TEST(Bootinfo, RefusesWhatReachesBehindItsEnd) {
  for (const Bytes& bad : {bytes({}), bytes({0}), bytes({0, 2, 0, 8, 0, 0, 0, 4}), bytes({0, 2, 0, 8, 0, 0, 0}),
                           bytes({0, 2, 0, 3, 0, 0}), bytes({0, 2, 0, 0, 0, 0}), bytes({0, 2, 0})}) {
    const auto records = parse_bootinfo(bad);
    ASSERT_FALSE(records.has_value()) << bad.size();
    EXPECT_EQ(records.error().code, Errc::corrupt);
  }
}

TEST(Bootinfo, MemoryIsTheSumOfItsChunks) {
  Bytes list;
  append_record(list, bootinfo::memchunk, record_pair(0x8000000, 0x1000000));
  append_record(list, bootinfo::ramdisk, record_pair(0x100000, 0x1000));
  append_record(list, bootinfo::memchunk, record_pair(0, 0x400000));
  append_record(list, bootinfo::memchunk, bytes({0, 0, 0, 1}));  // cut short
  append_record(list, bootinfo::last, {});
  EXPECT_EQ(bootinfo_memory(list), RangeSet({{0, 0x400000}, {0x8000000, 0x9000000}}));
  EXPECT_TRUE(bootinfo_memory({}).ranges().empty());
}

// m68k's /proc/iomem has devices alone.
TEST(Bootinfo, GivesAMachineTheMemoryThatIomemDoesNotTellOf) {
  Bytes list;
  append_record(list, bootinfo::memchunk, record_pair(0, 0x10000000));
  append_record(list, bootinfo::last, {});
  std::string iomem = "ff009000-ff0090ff : virtctrl\n";
  const auto machine = [&] {
    return read_machine("m68k", 4096, [&](const std::string& path) -> std::optional<Bytes> {
      if (path == "/proc/bootinfo") return list;
      if (path == "/proc/iomem") return to_bytes(as_bytes(iomem));
      if (path == "/proc/cmdline" || path == "/proc/sys/kernel/osrelease") return Bytes{};
      return std::nullopt;
    });
  };
  const auto told = machine();
  ASSERT_TRUE(told.has_value()) << told.error().str();
  EXPECT_EQ(told->memory.ram(), RangeSet({{0, 0x10000000}}));
  EXPECT_EQ(told->memory.entries.front().name, "System RAM") << "in the order of addresses";
  EXPECT_EQ(told->boot_params, list);

  iomem = "00000000-0000ffff : System RAM\n";
  const auto heard = machine();
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->memory.ram(), RangeSet({{0, 0x10000}})) << "/proc/iomem is heard first";
}

}  // namespace
}  // namespace kexlab
