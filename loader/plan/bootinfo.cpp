// SPDX-License-Identifier: Apache-2.0
// Bootinfo: the records that a loader leaves behind an m68k kernel. Pure.
//
// Each is {tag, size: 2 bytes each; data}, big endian, size with these four bytes. The kernel walks them by their sizes
// up to the tag that ends the list (m68k_parse_bootinfo, arch/m68k/kernel/setup_mm.c), of which /proc/bootinfo has the
// two bytes of its tag alone (save_bootinfo, arch/m68k/kernel/bootinfo_proc.c).
#include "loader/plan/bootinfo.h"

#include <array>

namespace kexlab {
namespace {

constexpr std::size_t head = 4;

std::uint16_t number(ByteView bytes, std::size_t at) {
  return read_int<std::uint16_t>(bytes, at, std::endian::big).value_or(0);
}

}  // namespace

Result<std::vector<BootRecord>> parse_bootinfo(ByteView bytes) {
  std::vector<BootRecord> records;
  std::size_t at = 0;
  while (at + 2 <= bytes.size()) {
    const std::uint16_t tag = number(bytes, at);
    if (tag == bootinfo::last) return records;
    const std::size_t size = number(bytes, at + 2);
    if (size < head || size > bytes.size() - at) {
      return fail(Errc::corrupt, "read bootinfo",
                  "the record at byte " + std::to_string(at) + " has " + std::to_string(size) + " bytes");
    }
    records.push_back({tag, bytes.subspan(at + head, size - head)});
    at += size;
  }
  return fail(Errc::corrupt, "read bootinfo", "nothing ends its records");
}

void append_record(Bytes& list, std::uint16_t tag, ByteView data) {
  const std::size_t at = list.size();
  const std::size_t size = (head + data.size() + 3) & ~std::size_t{3};
  list.resize(at + size);
  write_int<std::uint16_t>(list, at, tag, std::endian::big);
  write_int<std::uint16_t>(list, at + 2, static_cast<std::uint16_t>(size), std::endian::big);
  std::copy(data.begin(), data.end(), list.begin() + static_cast<std::ptrdiff_t>(at + head));
}

Bytes record_pair(std::uint64_t first, std::uint64_t second) {
  Bytes pair(8);
  write_int<std::uint32_t>(pair, 0, static_cast<std::uint32_t>(first), std::endian::big);
  write_int<std::uint32_t>(pair, 4, static_cast<std::uint32_t>(second), std::endian::big);
  return pair;
}

RangeSet bootinfo_memory(ByteView bytes) {
  RangeSet memory;
  const auto records = parse_bootinfo(bytes);
  if (!records) return memory;
  for (const BootRecord& record : *records) {
    const auto start = read_int<std::uint32_t>(record.data, 0, std::endian::big);
    const auto size = read_int<std::uint32_t>(record.data, 4, std::endian::big);
    if (record.tag != bootinfo::memchunk || !start || !size) continue;
    if (const auto range = Range::sized(*start, *size)) memory.add(*range);
  }
  return memory;
}

}  // namespace kexlab
