// SPDX-License-Identifier: Apache-2.0
// The witness's common part on the host: memory and registers are the test's, the console is a string.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "harness/wire/frame.h"
#include "harness/witness/machine.h"
#include "harness/witness/report.h"
#include "kexlab/fast_digest.h"

namespace {

std::string console;
// Called with each byte that was written so far; a test may let the CPU fault there.
void (*on_write)(std::size_t written) = nullptr;

}  // namespace

extern "C" void witness_putc(char c) {
  console += c;
  if (on_write != nullptr) on_write(console.size());
}

namespace kexlab::witness {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char names[] = "r0\0r1\0flags\0";
constexpr std::uintptr_t registers[] = {0, 0x1234abcd, static_cast<std::uintptr_t>(-1)};
constexpr const char* nonce = "00112233445566778899aabbccddeeff";

constexpr std::size_t image_size = 8192;
constexpr std::size_t ro_size = 4096;

/// Segments and a witness's image in the test's own memory, page-aligned.
class Memory {
 public:
  Memory() : pages_(new (std::align_val_t(4096)) std::byte[size]) {
    std::memset(pages_.get(), 0xaa, size);
    std::memset(image().data(), 0, image_size);
    table.nonce = nonce;
    table.base = address(image().data());
    witness_header header{};
    header.magic = WITNESS_MAGIC;
    header.version = WITNESS_VERSION;
    header.ro_size = ro_size;
    header.image_size = image_size;
    std::strcpy(header.target, "host");
    std::memcpy(image().data() + WITNESS_HEADER_OFFSET, &header, sizeof header);
  }
  static std::uint64_t address(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }
  std::span<std::byte> image() { return {pages_.get(), image_size}; }
  /// The bytes where segments are put.
  std::span<std::byte> ram() { return {pages_.get() + image_size, size - image_size}; }

  /// Lays a segment: bufsz bytes of a pattern, zeros up to memsz, and the entry that tells of it.
  WitnessEntry& add(std::size_t offset, std::size_t bufsz, std::size_t memsz) {
    const auto place = ram().subspan(offset, memsz);
    for (std::size_t i = 0; i < memsz; ++i) place[i] = static_cast<std::byte>(i < bufsz ? i * 37 + 11 : 0);
    table.entries.push_back({address(place.data()), bufsz, memsz, fast_digest(ByteView(place).first(bufsz))});
    return table.entries.back();
  }
  /// Puts the table into the image, as the host would.
  void load() {
    const auto made = make_witness(image(), table);
    ASSERT_TRUE(made) << made.error().str();
    std::memcpy(image().data(), made->data(), made->size());
  }
  witness_header& header() { return *reinterpret_cast<witness_header*>(image().data() + WITNESS_HEADER_OFFSET); }

  WitnessTable table;

 private:
  static constexpr std::size_t size = 64 * 1024;
  struct Delete {
    void operator()(std::byte* at) const { ::operator delete[](at, std::align_val_t(4096)); }
  };
  std::unique_ptr<std::byte[], Delete> pages_;
};

struct Told {
  std::vector<std::string> records;
  std::uint64_t damaged = 0;
  unsigned bad = 0;
};

Told run(Memory& memory, std::uint32_t round = 0) {
  const witness_state state{
      &memory.header(), static_cast<std::uintptr_t>(Memory::address(memory.image().data())), registers, names, 3, round,
      round > 1};
  console.clear();
  Told told;
  told.bad = witness_run(&state);
  wire::Decoder decoder;
  std::vector<wire::Frame> frames;
  decoder.feed(console, frames, nullptr);
  for (const auto& frame : frames) {
    EXPECT_EQ(frame.kind, 'W');
    told.records.emplace_back(as_text(frame.payload));
  }
  told.damaged = decoder.damaged();
  return told;
}

WitnessReport report_of(const Memory& memory, const Told& told) {
  WitnessReport report(memory.table);
  for (const auto& record : told.records) EXPECT_TRUE(report.take(as_bytes(record))) << record;
  return report;
}

TEST(Witness, FindsIntactMemoryIntact) {
  Memory memory;
  memory.add(0, 4096, 8192);
  memory.add(8192, 0, 4096);
  memory.load();
  const auto told = run(memory);
  EXPECT_EQ(told.bad, 0u);
  EXPECT_EQ(told.damaged, 0u);
  const auto report = report_of(memory, told);
  EXPECT_TRUE(report.complete());
  EXPECT_THAT(report.problems(), IsEmpty());
  EXPECT_EQ(report.target(), "host");
  EXPECT_EQ(report.findings().size(), 3u);
}

TEST(Witness, TellsTheRegisters) {
  Memory memory;
  memory.load();
  const auto report = report_of(memory, run(memory));
  EXPECT_THAT(report.registers(), ElementsAre(testing::Pair("flags", static_cast<std::uintptr_t>(-1)),
                                              testing::Pair("r0", 0), testing::Pair("r1", 0x1234abcd)));
}

TEST(Witness, TellsItsEntriesWhereItIsToComeBack) {
  for (const unsigned round : {1u, 2u, 7u}) {
    Memory memory;
    memory.table.round = round;
    memory.load();
    EXPECT_EQ(memory.header().flags, WITNESS_RETURN);
    const auto report = report_of(memory, run(memory, round));
    EXPECT_TRUE(report.complete());
    EXPECT_THAT(report.problems(), IsEmpty());
  }
}

TEST(Witness, SplitsManyRegistersIntoRecords) {
  std::string many;
  std::vector<std::uintptr_t> values;
  for (int i = 0; i < 100; ++i) {
    many += "register_no" + std::to_string(i) + '\0';
    values.push_back(~std::uintptr_t{0} - static_cast<std::uintptr_t>(i));
  }
  Memory memory;
  memory.load();
  const witness_state state{
      &memory.header(), static_cast<std::uintptr_t>(memory.table.base), values.data(), many.c_str(), 100, 0, 0};
  console.clear();
  witness_run(&state);
  wire::Decoder decoder;
  std::vector<wire::Frame> frames;
  decoder.feed(console, frames, nullptr);
  WitnessReport report(memory.table);
  for (const auto& frame : frames) EXPECT_TRUE(report.take(frame.payload));
  EXPECT_EQ(report.registers().size(), 100u);
  EXPECT_EQ(report.registers().at("register_no99"), values[99]);
}

TEST(Witness, DigestIsTheLoaders) {
  for (const std::size_t size : {0, 1, 7, 8, 9, 15, 4095, 4096, 4097, 10001}) {
    for (const std::size_t offset : {0, 1, 4}) {
      Memory memory;
      memory.add(offset, size, size);
      memory.load();
      const auto report = report_of(memory, run(memory));
      EXPECT_EQ(report.findings().at(0).found, memory.table.entries[0].digest) << size << " bytes at +" << offset;
      EXPECT_TRUE(report.findings().at(0).contents_ok);
    }
  }
}

TEST(Witness, FindsEveryChangedByte) {
  for (const std::size_t at : {0, 7, 8, 4095, 4100}) {
    Memory memory;
    memory.add(0, 4101, 8192);
    memory.load();
    memory.ram()[at] ^= std::byte{0x10};
    const auto told = run(memory);
    EXPECT_EQ(told.bad, 1u) << at;
    EXPECT_THAT(report_of(memory, told).problems(), ElementsAre(HasSubstr("contents differ"))) << at;
  }
}

TEST(Witness, FindsTheFirstByteThatIsNotZero) {
  for (const std::size_t at : {5, 6, 7, 8, 9, 4095, 4096, 8191}) {
    Memory memory;
    memory.add(0, 5, 8192);
    memory.load();
    memory.ram()[at] = std::byte{1};
    if (at < 8191) memory.ram()[8191] = std::byte{2};
    const auto told = run(memory);
    EXPECT_EQ(told.bad, 1u) << at;
    const auto report = report_of(memory, told);
    EXPECT_TRUE(report.findings().at(0).contents_ok) << at;
    EXPECT_EQ(report.findings().at(0).nonzero_at, memory.table.entries[0].dest + at);
  }
}

TEST(Witness, LooksNoFurtherThanMemsz) {
  Memory memory;
  memory.add(0, 5, 8192);
  memory.load();
  memory.ram()[8192] = std::byte{1};
  EXPECT_EQ(run(memory).bad, 0u);
}

TEST(Witness, SkipsWhatItIsToldToSkip) {
  Memory memory;
  memory.add(0, 16, 4096).skip = true;
  memory.load();
  memory.ram()[0] ^= std::byte{1};
  const auto told = run(memory);
  EXPECT_EQ(told.bad, 0u);
  EXPECT_THAT(told.records, testing::Contains("seg index=0 skip"));
  EXPECT_THAT(report_of(memory, told).problems(), IsEmpty());
}

TEST(Witness, TellsOfSegmentsItCannotReach) {
  Memory memory;
  memory.add(0, 16, 4096);
  memory.load();
  memory.header().entries[0].dest = ~std::uint64_t{4095};
  memory.header().entries[0].memsz = 8192;
  const auto told = run(memory);
  EXPECT_THAT(told.records, testing::Contains("seg index=0 unreachable"));
  EXPECT_THAT(report_of(memory, told).problems(), testing::Contains(HasSubstr("cannot reach")));
}

TEST(Witness, ChecksItsOwnConstantPart) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{WITNESS_HEADER_OFFSET + 20}, ro_size - 1}) {
    Memory memory;
    memory.load();
    memory.image()[at] ^= std::byte{1};
    const auto told = run(memory);
    EXPECT_EQ(told.bad, 1u) << at;
    EXPECT_THAT(report_of(memory, told).problems(), ElementsAre(HasSubstr("its code or table differs"))) << at;
  }
}

TEST(Witness, MayWriteBehindItsConstantPart) {
  Memory memory;
  memory.load();
  memory.image()[ro_size] ^= std::byte{1};
  EXPECT_EQ(run(memory).bad, 0u);
}

TEST(Witness, NoticesThatItRunsElsewhere) {
  Memory memory;
  memory.table.base = 0x100000;
  memory.load();
  const auto told = run(memory);
  EXPECT_EQ(told.bad, 1u);
  EXPECT_THAT(report_of(memory, told).problems(),
              ElementsAre(HasSubstr("the witness runs at"), HasSubstr("runs elsewhere")));
}

TEST(Witness, BelievesNoCountBeyondItsTable) {
  Memory memory;
  memory.load();
  memory.header().count = 0xffffffff;
  for (auto& entry : memory.header().entries) entry = {0, 0, 0, 0, WITNESS_SKIP, 0};
  EXPECT_THAT(run(memory).records, testing::Contains("end count=64 bad=0"));
}

TEST(Witness, WritesNothingButPrintableLines) {
  Memory memory;
  memory.add(0, 16, 4096);
  memory.load();
  run(memory);
  for (const char c : console) EXPECT_TRUE(c == '\n' || (c > ' ' && c <= '~')) << static_cast<int>(c);
  EXPECT_TRUE(console.starts_with("\n@KW:"));
  EXPECT_TRUE(console.ends_with("\n"));
}

// A fault in the middle of a frame: the broken frame is dropped, the fault is told once.
TEST(Witness, TellsOfAFaultInTheMiddleOfARecord) {
  Memory memory;
  memory.add(0, 16, 4096);
  memory.load();
  on_write = [](std::size_t written) {
    if (written == 300) witness_fault(14, 0x4001234, 0x7ff000000000);
  };
  const auto told = run(memory);
  on_write = nullptr;
  EXPECT_EQ(told.damaged, 1u);
  const auto fault =
      std::find_if(told.records.begin(), told.records.end(), [](const auto& r) { return r.starts_with("fault"); });
  ASSERT_NE(fault, told.records.end());
  EXPECT_THAT(*fault, HasSubstr(" cause=0xe pc=0x4001234 address=0x7ff000000000"));
  console.clear();
  witness_fault(1, 2, 3);
  EXPECT_EQ(console, "") << "a fault while a fault is told";
}

}  // namespace
}  // namespace kexlab::witness
