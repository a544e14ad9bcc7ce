// SPDX-License-Identifier: Apache-2.0
// Plans turned into arguments. Nothing here calls kexec_load with the right to do so: the tests that call at all do it
// in a child without rights, and with arguments that no kernel accepts.
#include "kexlab/call.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>

namespace kexlab {
namespace {

const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

// How many of `size` bytes at `address` the kernel can read: what a copy from user space would get. By the bare system
// call, since a sanitizer's wrapper would look at the memory first.
std::size_t readable(const void* address, std::size_t size) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  std::size_t done = 0;
  while (done < size) {
    // Byte by byte, for an exact edge.
    if (syscall(SYS_write, ends[1], static_cast<const char*>(address) + done, 1) != 1) break;
    char byte = 0;
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
    ++done;
  }
  close(ends[0]);
  close(ends[1]);
  return done;
}

bool writable(const void* address) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], "x", 1), 1);
  const bool written = syscall(SYS_read, ends[0], address, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return written;
}

ByteView view(const void* address, std::size_t size) { return {static_cast<const std::byte*>(address), size}; }

std::size_t mapped_files(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.ends_with(path);
  return count;
}

class Call : public testing::Test {
 protected:
  Call() {
    std::string name = testing::TempDir() + "kexlab-call-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~Call() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string file(const char* name, std::size_t size) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << as_text(pattern(size));
    return path;
  }
  static Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    fill_pattern(1, 0, bytes);
    return bytes;
  }
  std::string folder_;
};

Plan plan_with(Segment segment) {
  Plan plan;
  plan.entry = 0x100000;
  plan.segments.push_back(std::move(segment));
  return plan;
}

Segment pattern_segment(std::uint64_t size, Pointer kind = Pointer::valid) {
  return {"pattern", {Piece::of_pattern(1, size)}, size, 0x100000, 0x200000, kind};
}

TEST_F(Call, NumbersAndEntriesArriveAsThePlanHasThem) {
  Plan plan = plan_with(pattern_segment(100));
  plan.segments.push_back({"lies", {}, 77, ~std::uint64_t{0}, 3});
  plan.flags = 0x3e0001;
  const auto call = MaterialisedCall::make(plan);
  ASSERT_TRUE(call) << call.error().str();
  EXPECT_EQ(call->entry(), 0x100000u);
  EXPECT_EQ(call->flags(), 0x3e0001u);
  EXPECT_EQ(call->nr_segments(), 2u);
  ASSERT_EQ(call->raw().size(), 2u);
  EXPECT_EQ(call->raw()[0].bufsz, 100u);
  EXPECT_EQ(call->raw()[0].mem, reinterpret_cast<const void*>(0x100000));
  EXPECT_EQ(call->raw()[0].memsz, 0x200000u);
  EXPECT_EQ(call->raw()[1].bufsz, 77u);
  EXPECT_EQ(call->raw()[1].mem, reinterpret_cast<const void*>(~0ul));
  EXPECT_EQ(std::memcmp(call->segments(), call->raw().data(), 2 * sizeof(RawSegment)), 0);
}

TEST_F(Call, ANumberThatTheWordCannotHoldIsRefused) {
  for (std::uint64_t Segment::*field : {&Segment::mem, &Segment::memsz, &Segment::bufsz}) {
    Plan plan = plan_with(pattern_segment(1));
    plan.segments[0].*field = 0x100000000;
    EXPECT_EQ(MaterialisedCall::make(plan).has_value(), sizeof(long) == 8);
    plan.segments[0].*field = ~std::uint64_t{0} - 0xfff;  // "-4096" fits any word
    EXPECT_TRUE(MaterialisedCall::make(plan));
  }
}

TEST_F(Call, AnonymousBuffersHoldTheContentsThenZerosThenNothing) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page - 1, page, page + 1}) {
    SCOPED_TRACE(size);
    const auto call = MaterialisedCall::make(plan_with(pattern_segment(size)));
    ASSERT_TRUE(call) << call.error().str();
    const void* buffer = call->raw()[0].buf;
    const std::size_t pages = size == 0 ? page : (size + page - 1) / page * page;
    ASSERT_EQ(readable(buffer, pages + 1), pages) << "the page behind the last one must fault";
    EXPECT_EQ(to_bytes(view(buffer, size)), pattern(size));
    EXPECT_EQ(to_bytes(view(buffer, pages).subspan(size)), Bytes(pages - size));
  }
}

TEST_F(Call, OneFileIsMappedAndNotCopied) {
  const std::string path = file("kernel", 3 * page + 100);
  struct {
    std::uint64_t offset, size;
  } const rows[] = {{0, 3 * page + 100}, {page, page}, {10, 20}, {page - 1, 2}, {2 * page + 7, page + 93}};
  const Bytes whole = pattern(3 * page + 100);
  for (const auto& row : rows) {
    SCOPED_TRACE(std::to_string(row.offset) + "+" + std::to_string(row.size));
    const auto call =
        MaterialisedCall::make(plan_with({"k", {Piece::of_source(path, row.offset, row.size)}, row.size, 0, 0}));
    ASSERT_TRUE(call) << call.error().str();
    EXPECT_EQ(mapped_files(path), 1u);
    const void* buffer = call->raw()[0].buf;
    EXPECT_EQ(to_bytes(view(buffer, row.size)), to_bytes(ByteView(whole).subspan(row.offset, row.size)));
    const std::size_t to_end = page - (row.offset + row.size) % page;
    EXPECT_LE(readable(buffer, row.size + page), row.size + to_end % page) << "nothing readable behind the last page";
  }
  EXPECT_EQ(mapped_files(path), 0u) << "the mapping ends with its call";
}

TEST_F(Call, SeveralPiecesAreLaidEndToEnd) {
  const std::string path = file("kernel", 1000);
  const Segment segment{"mixed",
                        {Piece::of_source(path, 990, 10), Piece::of(to_bytes(as_bytes("<>"))), Piece::of_pattern(1, 5),
                         Piece::of_source(path, 0, 0)},
                        17,
                        0,
                        0};
  const auto call = MaterialisedCall::make(plan_with(segment));
  ASSERT_TRUE(call) << call.error().str();
  const Bytes whole = pattern(1000);
  EXPECT_EQ(as_text(view(call->raw()[0].buf, 17)),
            std::string(as_text(whole).substr(990)) + "<>" + std::string(as_text(whole).substr(0, 5)));
  EXPECT_EQ(mapped_files(path), 0u);
}

struct PointerRow {
  Pointer kind;
  std::size_t readable;  // of two pages
  bool writable;
};

TEST_F(Call, PointerTable) {
  const PointerRow rows[] = {
      {Pointer::valid, 2 * page, true}, {Pointer::null, 0, false},        {Pointer::unmapped, 0, false},
      {Pointer::half, page, true},      {Pointer::kernel, 0, false},      {Pointer::read_only, 2 * page, false},
      {Pointer::no_access, 0, false},   {Pointer::tight, 2 * page, true},
  };
  for (const PointerRow& row : rows) {
    SCOPED_TRACE(to_string(row.kind));
    const auto call = MaterialisedCall::make(plan_with(pattern_segment(2 * page, row.kind)));
    ASSERT_TRUE(call) << call.error().str();
    const void* buffer = call->raw()[0].buf;
    ASSERT_EQ(readable(buffer, 2 * page), row.readable);
    EXPECT_EQ(to_bytes(view(buffer, row.readable)), to_bytes(ByteView(pattern(2 * page)).first(row.readable)));
    EXPECT_EQ(writable(buffer), row.writable);
    EXPECT_EQ(buffer == nullptr, row.kind == Pointer::null);
  }
}

TEST_F(Call, HalfEndsAtTheExactByte) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{101}, 2 * page, 3 * page + 2}) {
    const auto call = MaterialisedCall::make(plan_with(pattern_segment(size, Pointer::half)));
    ASSERT_TRUE(call) << call.error().str();
    EXPECT_EQ(readable(call->raw()[0].buf, size), size / 2);
    EXPECT_EQ(to_bytes(view(call->raw()[0].buf, size / 2)), pattern(size / 2));
  }
}

TEST_F(Call, TightAndOneShortEndAtTheExactByte) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{101}, page, 2 * page + 1}) {
    const auto tight = MaterialisedCall::make(plan_with(pattern_segment(size, Pointer::tight)));
    const auto one_short = MaterialisedCall::make(plan_with(pattern_segment(size, Pointer::one_short)));
    ASSERT_TRUE(tight && one_short);
    EXPECT_EQ(readable(tight->raw()[0].buf, size + 1), size);
    EXPECT_EQ(to_bytes(view(tight->raw()[0].buf, size)), pattern(size));
    EXPECT_EQ(readable(one_short->raw()[0].buf, size), size == 0 ? 0 : size - 1);
  }
}

TEST_F(Call, ATagStandsInTheTopByteOfAnAddressThatIsMapped) {
  if (sizeof(void*) < 8) GTEST_SKIP() << "a 32-bit address has no room for a tag";
  const auto call = MaterialisedCall::make(plan_with(pattern_segment(100, Pointer::tagged)));
  ASSERT_TRUE(call) << call.error().str();
  const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(call->raw()[0].buf));
  EXPECT_EQ(address >> 56, 0x2au);
  const std::uint64_t plain = address << 8 >> 8;
  EXPECT_EQ(to_bytes(view(reinterpret_cast<const void*>(static_cast<std::uintptr_t>(plain)), 100)), pattern(100));
}

TEST_F(Call, AnAddressOfItsOwnIsPassedOnWhereNothingIsMapped) {
  Plan plan = plan_with(pattern_segment(100, Pointer::address));
  plan.array = Pointer::address;
  for (const std::uint64_t number : {std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{0x7ffff001}}) {
    plan.segments[0].buf_address = plan.array_address = number;
    const auto call = MaterialisedCall::make(plan);
    ASSERT_TRUE(call) << call.error().str();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(call->raw()[0].buf), static_cast<std::uintptr_t>(number));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(call->segments()), static_cast<std::uintptr_t>(number));
  }
  plan.array_address = reinterpret_cast<std::uintptr_t>(&plan);
  EXPECT_FALSE(MaterialisedCall::make(plan)) << "this process has memory there";
}

TEST_F(Call, AFileCanBeHalfToo) {
  const std::string path = file("kernel", 2 * page);
  const auto call =
      MaterialisedCall::make(plan_with({"k", {Piece::of_source(path, 0, 2 * page)}, 2 * page, 0, 0, Pointer::half}));
  ASSERT_TRUE(call) << call.error().str();
  EXPECT_EQ(readable(call->raw()[0].buf, 2 * page), page);
}

TEST_F(Call, UnmappedStaysUnmapped) {
  const auto call = MaterialisedCall::make(plan_with(pattern_segment(64 * page, Pointer::unmapped)));
  ASSERT_TRUE(call) << call.error().str();
  // Whatever is mapped in the meantime, the hole is not taken.
  std::vector<Bytes> memory;
  for (std::size_t size = page; size < 64 * page; size += page) memory.emplace_back(size);
  EXPECT_EQ(readable(call->raw()[0].buf, 1), 0u);
  unsigned char resident = 0;
  EXPECT_EQ(mincore(const_cast<void*>(call->raw()[0].buf), page, &resident), -1);
  EXPECT_EQ(errno, ENOMEM) << "a mapping, if one without access";
}

TEST_F(Call, MistakenPointersNeedNoSources) {
  for (const Pointer kind : {Pointer::null, Pointer::unmapped, Pointer::kernel}) {
    EXPECT_TRUE(MaterialisedCall::make(plan_with({"k", {Piece::of_source("/nonexistent", 0, 1)}, 1, 0, 0, kind})));
  }
}

TEST_F(Call, GuardedMemoryIsLeftUntouchedAndShown) {
  Plan plan = plan_with(pattern_segment(page + 5, Pointer::guarded));
  plan.array = Pointer::guarded;
  const auto call = MaterialisedCall::make(plan);
  ASSERT_TRUE(call) << call.error().str();
  ASSERT_EQ(call->guarded().size(), 2u);
  const auto& buffer = call->guarded()[0];
  EXPECT_EQ(buffer.address, call->raw()[0].buf);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.address) % page, 0u);
  EXPECT_EQ(buffer.size, 2 * page);
  EXPECT_EQ(buffer.contents, pattern(page + 5));
  EXPECT_EQ(to_bytes(view(buffer.address, buffer.size)), Bytes(2 * page)) << "contents come later";
  EXPECT_EQ(call->guarded()[1].address, call->segments());
  EXPECT_EQ(call->guarded()[1].contents, to_bytes(std::as_bytes(call->raw())));
}

TEST_F(Call, TheArrayHoldsTheEntriesThatAreCounted) {
  struct {
    std::uint64_t nr;
    std::size_t entries;
  } const rows[] = {{0, 1}, {1, 1}, {17, 17}, {64, 64}, {65, 64}, {~std::uint64_t{0}, 64}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.nr);
    Plan plan = plan_with(pattern_segment(1));
    plan.nr_segments = row.nr;
    const auto call = MaterialisedCall::make(plan);
    ASSERT_TRUE(call) << call.error().str();
    EXPECT_EQ(call->nr_segments(), static_cast<unsigned long>(row.nr));
    const std::size_t bytes = row.entries * sizeof(RawSegment);
    ASSERT_EQ(readable(call->segments(), bytes), bytes);
    EXPECT_EQ(to_bytes(view(call->segments(), bytes).subspan(sizeof(RawSegment))), Bytes(bytes - sizeof(RawSegment)));
  }
}

TEST_F(Call, TheArrayPointerCanBeAnyKind) {
  for (const PointerRow& row : {PointerRow{Pointer::null, 0, false}, PointerRow{Pointer::unmapped, 0, false},
                                PointerRow{Pointer::kernel, 0, false}, PointerRow{Pointer::no_access, 0, false},
                                PointerRow{Pointer::half, sizeof(RawSegment), true},
                                PointerRow{Pointer::read_only, 2 * sizeof(RawSegment), false}}) {
    SCOPED_TRACE(to_string(row.kind));
    Plan plan = plan_with(pattern_segment(1));
    plan.segments.push_back(pattern_segment(2));
    plan.array = row.kind;
    const auto call = MaterialisedCall::make(plan);
    ASSERT_TRUE(call) << call.error().str();
    EXPECT_EQ(readable(call->segments(), 2 * sizeof(RawSegment)), row.readable);
  }
}

TEST_F(Call, SeventeenSegmentsAreNoMistakeHere) {
  Plan plan;
  plan.segments.resize(17, pattern_segment(10));
  const auto call = MaterialisedCall::make(plan);
  ASSERT_TRUE(call) << call.error().str();
  EXPECT_EQ(call->nr_segments(), 17u);
  EXPECT_EQ(readable(call->segments(), 17 * sizeof(RawSegment)), 17 * sizeof(RawSegment));
}

TEST_F(Call, MovingKeepsThePointersGood) {
  auto first = MaterialisedCall::make(plan_with(pattern_segment(100)));
  ASSERT_TRUE(first);
  const void* buffer = first->raw()[0].buf;
  const MaterialisedCall second = std::move(*first);
  EXPECT_EQ(second.raw()[0].buf, buffer);
  EXPECT_EQ(to_bytes(view(buffer, 100)), pattern(100));
}

struct FailRow {
  const char* name;
  std::vector<Piece> pieces;
  Errc code;
};

TEST_F(Call, SourcesThatFailTable) {
  const std::string path = file("kernel", 1000);
  const Piece inlined = Piece::of(Bytes(1));
  const FailRow rows[] = {
      {"absent", {Piece::of_source(folder_ + "/none", 0, 1)}, Errc::not_found},
      {"absent, copied", {Piece::of_source(folder_ + "/none", 0, 1), inlined}, Errc::not_found},
      {"too short", {Piece::of_source(path, 0, 1001)}, Errc::truncated},
      {"too short, copied", {Piece::of_source(path, 0, 1001), inlined}, Errc::truncated},
      {"offset past the end", {Piece::of_source(path, 1001, 1)}, Errc::truncated},
      {"offset that wraps", {Piece::of_source(path, ~std::uint64_t{0}, 2)}, Errc::truncated},
      {"a folder", {Piece::of_source(folder_, 0, 1)}, Errc::io},
      {"more than memory", {Piece::of_pattern(1, std::uint64_t{1} << 40)}, Errc::no_space},
  };
  for (const FailRow& row : rows) {
    SCOPED_TRACE(row.name);
    const auto call = MaterialisedCall::make(plan_with({"k", row.pieces, 1, 0, 0}));
    ASSERT_FALSE(call);
    EXPECT_EQ(call.error().code, row.code) << call.error().str();
  }
}

TEST_F(Call, LoadRefusesWhatIsNotSaneBeforeAnyCall) {
  Plan plan = plan_with(pattern_segment(100));
  plan.nr_segments = 0;  // as a call this would unload
  const auto result = load(plan);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::invalid_argument);
}

// Runs `check` in a child that has given up root and with it CAP_SYS_BOOT; true where the child says so.
bool without_rights(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
    if (getuid() == 0 || geteuid() == 0) _exit(3);
    _exit(check() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool no_right(const CallResult& result) {
  return result.value == -1 && (result.error == EPERM || result.error == ENOSYS);
}

TEST_F(Call, WithoutRightsTheKernelRefuses) {
  Plan plan = plan_with(pattern_segment(100));
  plan.flags = 0xfff0;  // flags that no kernel knows: refused with rights too
  const auto call = MaterialisedCall::make(plan);
  ASSERT_TRUE(call);
  EXPECT_TRUE(without_rights([&] { return no_right(call->load()); }));
  EXPECT_TRUE(without_rights([] { return no_right(raw_kexec_file_load(-1, -1, "", 1, 0xfff0)); }));
  EXPECT_TRUE(without_rights([] { return no_right(raw_reboot(0, 0, 0)); }));
}

TEST_F(Call, ARefusalPrintsTheWholeCall) {
  Plan plan = plan_with(pattern_segment(100));
  plan.flags = 1;
  const Error error = refusal(plan, EADDRNOTAVAIL, 4096);
  EXPECT_EQ(error.code, Errc::refused);
  for (const char* part : {"entry=0x100000", "nr_segments=1", "KEXEC_ON_CRASH", "pattern 1:0x64",
                           "Cannot assign requested address", "reservation"}) {
    EXPECT_NE(error.str().find(part), std::string::npos) << part << " in\n" << error.str();
  }
}

TEST_F(Call, ObservingTakesNothingForGranted) {
  const State state = observe();
  EXPECT_EQ(state.loaded.has_value(), std::filesystem::exists("/sys/kernel/kexec_loaded"));
  EXPECT_EQ(state.load_disabled.has_value(), std::filesystem::exists("/proc/sys/kernel/kexec_load_disabled"));
}

}  // namespace
}  // namespace kexlab
