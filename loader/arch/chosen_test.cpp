// SPDX-License-Identifier: Apache-2.0
// Editing /chosen on trees made here, so that every property and reservation is known.
#include "loader/arch/chosen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libfdt.h>

namespace kexlab {
namespace {

using testing::HasSubstr;

struct Sample {
  std::uint32_t cells = 2;
  bool chosen = true;
  const char* stdout_path = "/uart@9000000:115200";
  const char* uart = "arm,pl011\0arm,primecell";
};

constexpr std::uint64_t old_initrd = 0x48000000;
constexpr std::uint64_t firmware = 0x4f000000;

void chosen_node(void* fdt, const Sample& sample) {
  fdt_begin_node(fdt, "chosen");
  fdt_property_string(fdt, "bootargs", "old=1");
  fdt_property_u32(fdt, "linux,initrd-start", static_cast<std::uint32_t>(old_initrd));
  fdt_property_u32(fdt, "linux,initrd-end", static_cast<std::uint32_t>(old_initrd + 0x1000));
  fdt_property_u64(fdt, "kaslr-seed", 0x1234);
  fdt_property_u64(fdt, "rng-seed", 0x1234);
  fdt_property_u64(fdt, "linux,elfcorehdr", 0x1234);
  fdt_property_u64(fdt, "linux,usable-memory-range", 0x1234);
  fdt_property_u64(fdt, "linux,uefi-system-table", 0x7777);
  if (sample.stdout_path != nullptr) fdt_property_string(fdt, "stdout-path", sample.stdout_path);
  fdt_end_node(fdt);
}

Bytes tree(const Sample& sample = {}) {
  Bytes bytes(4096);
  void* fdt = bytes.data();
  fdt_create(fdt, static_cast<int>(bytes.size()));
  fdt_add_reservemap_entry(fdt, old_initrd, 0x1000);
  fdt_add_reservemap_entry(fdt, firmware, 0x2000);
  fdt_finish_reservemap(fdt);
  fdt_begin_node(fdt, "");
  fdt_property_u32(fdt, "#address-cells", sample.cells);
  fdt_property_u32(fdt, "#size-cells", sample.cells);
  if (sample.chosen) chosen_node(fdt, sample);
  fdt_begin_node(fdt, "uart@9000000");
  fdt_property(fdt, "compatible", sample.uart, 24);
  if (sample.cells == 1) fdt_property_u32(fdt, "reg", 0x9000000);
  if (sample.cells == 2) fdt_property_u64(fdt, "reg", 0x9000000);
  fdt_end_node(fdt);
  fdt_end_node(fdt);
  EXPECT_EQ(fdt_finish(fdt), 0);
  bytes.resize(fdt_totalsize(fdt));
  return bytes;
}

std::optional<Bytes> property(const Bytes& fdt, const char* name) {
  int size = 0;
  const int node = fdt_path_offset(fdt.data(), "/chosen");
  const auto* value = static_cast<const std::byte*>(fdt_getprop(fdt.data(), node, name, &size));
  if (value == nullptr) return std::nullopt;
  return Bytes(value, value + size);
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> reservations(const Bytes& fdt) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  for (int i = 0; i < fdt_num_mem_rsv(fdt.data()); ++i) {
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    fdt_get_mem_rsv(fdt.data(), i, &address, &size);
    all.emplace_back(address, size);
  }
  return all;
}

// Big-endian 32-bit cells.
Bytes cells(std::initializer_list<std::uint32_t> values) {
  Bytes bytes(values.size() * 4);
  std::size_t at = 0;
  for (const std::uint32_t value : values) {
    write_int<std::uint32_t>(bytes, at, value, std::endian::big);
    at += 4;
  }
  return bytes;
}

const Range initrd{0x50000000, 0x50000123};
const Range header{0x58000000, 0x58000200};

TEST(Chosen, ForgetsTheFirstBootAndKeepsTheFirmware) {
  const auto edited = edit_chosen(tree(), {"new=1", {}, {}, {}}, "test");
  ASSERT_TRUE(edited.has_value()) << edited.error().str();
  for (const char* gone : {"linux,initrd-start", "linux,initrd-end", "kaslr-seed", "rng-seed", "linux,elfcorehdr",
                           "linux,usable-memory-range"}) {
    EXPECT_EQ(property(*edited, gone), std::nullopt) << gone;
  }
  EXPECT_EQ(property(*edited, "bootargs"), to_bytes(as_bytes(std::string_view("new=1\0", 6))));
  EXPECT_NE(property(*edited, "linux,uefi-system-table"), std::nullopt);
  using Reservations = std::vector<std::pair<std::uint64_t, std::uint64_t>>;
  EXPECT_EQ(reservations(*edited), (Reservations{{firmware, 0x2000}})) << "the old initrd's is gone";
}

TEST(Chosen, SaysWhereTheInitrdIsToTheByte) {
  const auto edited = edit_chosen(tree(), {"", initrd, {}, {}}, "test");
  ASSERT_TRUE(edited.has_value()) << edited.error().str();
  EXPECT_EQ(property(*edited, "linux,initrd-start"), cells({0, 0x50000000}));
  EXPECT_EQ(property(*edited, "linux,initrd-end"), cells({0, 0x50000123}));
  EXPECT_THAT(reservations(*edited), testing::Contains(std::pair<std::uint64_t, std::uint64_t>(0x50000000, 0x123)));
}

struct Width {
  std::uint32_t cells;
  Bytes header;
  Bytes usable;
};

TEST(Chosen, WritesCrashRangesInTheRootsCells) {
  const Width widths[] = {
      {1, cells({0x58000000, 0x200}), cells({0x50000000, 0x10000000, 0x40000000, 0x1000})},
      {2, cells({0, 0x58000000, 0, 0x200}), cells({0, 0x50000000, 0, 0x10000000, 0, 0x40000000, 0, 0x1000})},
      {3, cells({0, 0, 0x58000000, 0, 0, 0x200}),
       cells({0, 0, 0x50000000, 0, 0, 0x10000000, 0, 0, 0x40000000, 0, 0, 0x1000})},
  };
  for (const Width& width : widths) {
    const ChosenValues values{"", {}, header, {{0x50000000, 0x60000000}, {0x40000000, 0x40001000}}};
    const auto edited = edit_chosen(tree({.cells = width.cells}), values, "test");
    ASSERT_TRUE(edited.has_value()) << edited.error().str();
    EXPECT_EQ(property(*edited, "linux,elfcorehdr"), width.header) << width.cells;
    EXPECT_EQ(property(*edited, "linux,usable-memory-range"), width.usable) << width.cells;
  }
}

TEST(Chosen, RefusesAHighReservationInNarrowCells) {
  const ChosenValues values{"", {}, {0x158000000, 0x158000200}, {{0x150000000, 0x160000000}}};
  const auto edited = edit_chosen(tree({.cells = 1}), values, "test");
  ASSERT_FALSE(edited.has_value());
  EXPECT_EQ(edited.error().code, Errc::unsupported);
  EXPECT_THAT(edited.error().str(), HasSubstr("#address-cells"));
}

TEST(Chosen, IsMadeWhereTheTreeHasNone) {
  const auto edited = edit_chosen(tree({.chosen = false}), {"new=1", initrd, {}, {}}, "test");
  ASSERT_TRUE(edited.has_value()) << edited.error().str();
  EXPECT_NE(property(*edited, "bootargs"), std::nullopt);
}

TEST(Chosen, HasRoomForALongCommandLine) {
  const auto edited = edit_chosen(tree(), {std::string(2047, 'x'), initrd, header, {header}}, "test");
  ASSERT_TRUE(edited.has_value()) << edited.error().str();
  EXPECT_EQ(property(*edited, "bootargs")->size(), 2048U);
}

TEST(Chosen, RefusesEveryCutOfATree) {
  const Bytes whole = tree();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto edited = edit_chosen(ByteView(whole).first(size), {"new=1", initrd, {}, {}}, "test");
    ASSERT_FALSE(edited.has_value()) << size;
    EXPECT_EQ(pl011_console(ByteView(whole).first(size)), 0U);
  }
}

struct Console {
  const char* name;
  Sample sample;
  std::uint64_t address;
};

TEST(Chosen, FindsAPl011ConsoleOnly) {
  const Console consoles[] = {
      {"two cells", {}, 0x9000000},
      {"one cell", {.cells = 1}, 0x9000000},
      {"without options", {.stdout_path = "/uart@9000000"}, 0x9000000},
      {"another UART", {.uart = "ns16550a\0aaaaaaaaaaaaaaa"}, 0},
      {"no console", {.stdout_path = nullptr}, 0},
      {"a path to nowhere", {.stdout_path = "/uart@1"}, 0},
      {"no chosen", {.chosen = false}, 0},
  };
  for (const Console& row : consoles) EXPECT_EQ(pl011_console(tree(row.sample)), row.address) << row.name;
}

// A UART behind a bus, as QEMU's mpc8544ds describes it, or with other `ranges` of the bus.
Bytes behind_a_bus(const std::vector<std::uint32_t>* ranges, const char* path_name = "linux,stdout-path") {
  Bytes bytes(1024);
  void* fdt = bytes.data();
  const auto cells = [&](const char* name, const std::vector<std::uint32_t>& values) {
    Bytes value(values.size() * 4);
    for (std::size_t i = 0; i < values.size(); ++i) write_int<std::uint32_t>(value, 4 * i, values[i], std::endian::big);
    fdt_property(fdt, name, value.data(), static_cast<int>(value.size()));
  };
  fdt_create(fdt, static_cast<int>(bytes.size()));
  fdt_finish_reservemap(fdt);
  fdt_begin_node(fdt, "");
  cells("#address-cells", {2});
  cells("#size-cells", {2});
  fdt_begin_node(fdt, "chosen");
  fdt_property_string(fdt, path_name, "/soc@e0000000/serial@4500");
  fdt_end_node(fdt);
  fdt_begin_node(fdt, "soc@e0000000");
  cells("#address-cells", {1});
  cells("#size-cells", {1});
  if (ranges != nullptr) cells("ranges", *ranges);
  fdt_begin_node(fdt, "serial@4500");
  fdt_property_string(fdt, "compatible", "ns16550");
  cells("reg", {0x4500, 0x100});
  for (int level = 0; level < 3; ++level) fdt_end_node(fdt);
  fdt_finish(fdt);
  return bytes;
}

TEST(Chosen, FindsAConsoleBehindABusByItsRanges) {
  const std::vector<std::uint32_t> mpc8544ds{0, 0, 0xe0000000, 0x100000},
      second{0x8000, 1, 0, 0x1000, 0x4000, 2, 0, 0x1000}, elsewhere{0x8000, 0, 0xe0000000, 0x1000}, one_to_one{};
  EXPECT_EQ(ns16550_console(behind_a_bus(&mpc8544ds)), 0xe0004500U);
  EXPECT_EQ(ns16550_console(behind_a_bus(&mpc8544ds, "stdout-path")), 0xe0004500U);
  EXPECT_EQ(ns16550_console(behind_a_bus(&second)), 0x200000500U);
  EXPECT_EQ(ns16550_console(behind_a_bus(&one_to_one)), 0x4500U);
  EXPECT_EQ(ns16550_console(behind_a_bus(&elsewhere)), 0U);
  EXPECT_EQ(ns16550_console(behind_a_bus(nullptr)), 0U) << "its bus maps nothing";
}

}  // namespace
}  // namespace kexlab
