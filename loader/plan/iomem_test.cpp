// SPDX-License-Identifier: Apache-2.0
// /proc/iomem: real shapes, the sets that loaders ask for, and every way a line can be wrong.
#include <gtest/gtest.h>

#include "kexlab/machine.h"
#include "loader/plan/machine_samples.h"

namespace kexlab {
namespace {

TEST(Iomem, KeepsNestingNamesAndWideAddresses) {
  const auto map = parse_iomem(x86_iomem);
  ASSERT_TRUE(map) << map.error().str();
  ASSERT_EQ(map->entries.size(), 17u);
  EXPECT_EQ(map->entries[0], (MemoryEntry{{0, 0x1000}, 0, "Reserved"}));
  EXPECT_EQ(map->entries[5], (MemoryEntry{{0xf0000, 0x100000}, 1, "System ROM"}));
  EXPECT_EQ(map->entries[13].name, "PCI MMCONFIG 0000 [bus 00-ff]");
  EXPECT_EQ(map->entries[16].range, (Range{0x380000000000, 0x390000000000}));
}

TEST(Iomem, RamIsTopLevelSystemRam) {
  EXPECT_EQ(parse_iomem(x86_iomem)->ram().ranges(), (std::vector<Range>{{0x1000, 0x9fc00}, {0x100000, 0x2ffdc000}}));
  EXPECT_EQ(parse_iomem("00001000-00001fff : Persistent Memory\n  00001000-00001fff : System RAM\n")->ram(),
            RangeSet{});
}

TEST(Iomem, NamedFindsAtAnyDepth) {
  const auto map = parse_iomem(arm64_iomem);
  EXPECT_EQ(map->named("Crash kernel"), (std::vector<Range>{{0x73e00000, 0x7fe00000}}));
  EXPECT_EQ(map->named("System RAM"), (std::vector<Range>{{0x40000000, 0x80000000}}));
  EXPECT_TRUE(map->named("System").empty());
}

TEST(Iomem, ReservedInRamIsWhatTheRunningKernelDoesNotTakeWithIt) {
  EXPECT_EQ(parse_iomem(arm64_iomem)->reserved_in_ram().ranges(),
            (std::vector<Range>{{0x41a90000, 0x42180000}, {0x48000000, 0x48100000}, {0x7fe00000, 0x7fe10000}}));
  EXPECT_EQ(parse_iomem(x86_iomem)->reserved_in_ram(), RangeSet{})
      << "nothing below System RAM, and System ROM is elsewhere";
}

TEST(Iomem, DeepNestingAndTheTopOfTheAddressSpace) {
  const auto map = parse_iomem(
      "00000000-ffffffffffffffff : a\n  10-1f : b\n    10-1e : c\n      10-1d : d\n        10-1c : e\n          10-1b "
      ": f\n  20-2f : g");
  ASSERT_TRUE(map) << map.error().str();
  EXPECT_EQ(map->entries[0].range.end, ~std::uint64_t{0});
  EXPECT_EQ(map->entries[5].depth, 5u);
  EXPECT_EQ(map->entries[6], (MemoryEntry{{0x20, 0x30}, 1, "g"})) << "the last line may lack its newline";
}

TEST(Iomem, AddressesThatAreAllZeroAreALackOfRights) {
  const auto map =
      parse_iomem("00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n  00000000-00000000 : Kernel code\n");
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, Errc::permission);
}

struct BadRow {
  const char* name;
  std::string text;
  const char* message;
};

TEST(Iomem, BadTable) {
  const std::string good = "00001000-00001fff : System RAM\n";
  const BadRow rows[] = {
      {"empty", "", "it has no lines"},
      {"empty line", good + "\n" + good, "line 2 has no \" : \""},
      {"no name", good + "00002000-00002fff\n", "line 2 has no \" : \""},
      {"no dash", "00001000 : System RAM\n", "line 1 has no \"start-end\""},
      {"not hex", "0000g000-00001fff : System RAM\n", "line 1 has no \"start-end\""},
      {"a sign", "-1000-00001fff : System RAM\n", "line 1 has no \"start-end\""},
      {"more than 64 bits", "10000000000000000-10000000000000fff : x\n", "line 1 has no \"start-end\""},
      {"turned round", good + "00002000-00001fff : x\n", "line 2 has no \"start-end\""},
      {"odd indentation", good + " 00001000-00001fff : x\n", "line 2 is indented by an odd number"},
      {"tab", "\t00001000-00001fff : x\n", "line 1 has no \"start-end\""},
      {"child first", "  00001000-00001fff : x\n", "line 1 is indented deeper"},
      {"skips a level", good + "    00001000-00001fff : x\n", "line 2 is indented deeper"},
      {"child outside", good + "  00001000-00002fff : x\n", "line 2 lies outside"},
      {"too deep",
       "0-f : a\n  0-f : b\n    0-f : c\n      0-f : d\n        0-f : e\n          0-f : f\n            0-f : g\n",
       "line 7 is indented deeper"},
      {"endless indentation", good + std::string(100000, ' ') + "0-1 : x", "line 2 is indented deeper"},
      {"escape codes", "00001000-00001fff : \x1b[31mSystem RAM\n", "line 1 has a name"},
      {"long name", "00001000-00001fff : " + std::string(257, 'x') + "\n", "line 1 has a name"},
  };
  for (const BadRow& row : rows) {
    SCOPED_TRACE(row.name);
    const auto map = parse_iomem(row.text);
    ASSERT_FALSE(map);
    EXPECT_EQ(map.error().code, Errc::corrupt);
    EXPECT_NE(map.error().broke.find(row.message), std::string::npos) << map.error().str();
  }
}

TEST(Iomem, StopsAtItsLimit) {
  std::string text;
  for (std::size_t i = 0; i < MemoryMap::most_entries; ++i) text += "1000-1fff : x\n";
  EXPECT_TRUE(parse_iomem(text));
  const auto map = parse_iomem(text + "1000-1fff : x\n");
  ASSERT_FALSE(map);
  EXPECT_NE(map.error().broke.find("line 65537"), std::string::npos) << map.error().str();
}

}  // namespace
}  // namespace kexlab
