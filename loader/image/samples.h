// SPDX-License-Identifier: Apache-2.0
// Small images made in memory, for tests and fuzzing seeds: as valid as the real ones, a few hundred bytes each.
#pragma once

#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/bytes.h"

namespace kexlab::samples {

inline constexpr auto little = std::endian::little;

inline Bytes text(std::string_view value) { return to_bytes(as_bytes(value)); }

inline Bytes join(const Bytes& left, const Bytes& right) {
  Bytes both = left;
  for (const std::byte each : right) both.push_back(each);  // of insert() g++ 12 warns wrongly
  return both;
}

/// Bytes that no compression makes much smaller, so that packed samples stay long enough to be cut in many places.
inline Bytes noise(std::size_t size) {
  Bytes bytes(size);
  std::uint32_t state = 12345;
  for (auto& byte : bytes) byte = static_cast<std::byte>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

inline void put(Bytes& bytes, std::size_t offset, std::string_view value) {
  std::ranges::copy(as_bytes(value), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

// Packers.

inline Bytes gzip(const Bytes& plain) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, plain.size()) + 32);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline Bytes run_lzma(lzma_stream stream, const Bytes& plain) {
  Bytes packed(plain.size() * 2 + 4096);
  stream.next_in = reinterpret_cast<const std::uint8_t*>(plain.data());
  stream.avail_in = plain.size();
  stream.next_out = reinterpret_cast<std::uint8_t*>(packed.data());
  stream.avail_out = packed.size();
  const bool packed_all = lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END;
  packed.resize(packed_all ? stream.total_out : 0);
  lzma_end(&stream);
  return packed;
}

/// A dictionary of 64 KiB: a decoder sets it all aside at once, which a sample does not need.
inline lzma_options_lzma small_lzma() {
  lzma_options_lzma options{};
  lzma_lzma_preset(&options, 0);
  options.dict_size = 64 << 10;
  return options;
}

inline Bytes xz(const Bytes& plain) {
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_options_lzma options = small_lzma();
  const lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, nullptr}};
  // CRC32, the check that the kernel's own decoder knows. Source: scripts/xz_wrap.sh (6.1).
  if (lzma_stream_encoder(&stream, filters, LZMA_CHECK_CRC32) != LZMA_OK) return {};
  return run_lzma(stream, plain);
}

inline Bytes lzma(const Bytes& plain) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const lzma_options_lzma options = small_lzma();
  if (lzma_alone_encoder(&stream, &options) != LZMA_OK) return {};
  return run_lzma(stream, plain);
}

inline Bytes zstd(const Bytes& plain) {
  Bytes packed(ZSTD_compressBound(plain.size()));
  packed.resize(ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 19));
  return packed;
}

inline Bytes lz4_frame(const Bytes& plain) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  Bytes packed(LZ4F_compressFrameBound(plain.size(), &preferences));
  packed.resize(LZ4F_compressFrame(packed.data(), packed.size(), plain.data(), plain.size(), &preferences));
  return packed;
}

/// One block; the real tool begins a new one after 8 MiB.
inline Bytes lz4_legacy(const Bytes& plain) {
  Bytes packed(8 + static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(plain.size()))));
  const int size =
      LZ4_compress_default(reinterpret_cast<const char*>(plain.data()), reinterpret_cast<char*>(&packed[8]),
                           static_cast<int>(plain.size()), static_cast<int>(packed.size() - 8));
  write_int<std::uint32_t>(packed, 0, 0x184c2102, little);
  write_int<std::uint32_t>(packed, 4, static_cast<std::uint32_t>(size), little);
  packed.resize(8 + static_cast<std::size_t>(size));
  return packed;
}

/// The unpacked size behind a packed payload, as the kernel's build appends it. Source: scripts/Makefile.lib (6.1).
inline Bytes with_size(Bytes packed, std::size_t unpacked) {
  packed.resize(packed.size() + 4);
  write_int(packed, packed.size() - 4, static_cast<std::uint32_t>(unpacked), little);
  return packed;
}

// Kernels.

inline constexpr std::string_view release = "6.1.0-test";
inline constexpr std::string_view banner_text = "Linux version 6.1.0-test (builder@host) (gcc) #1 SMP";
inline constexpr std::string_view config_text = "CONFIG_KEXEC=y\nCONFIG_64BIT=y\n";

/// What stands in a kernel's read-only data: a format string that looks like a banner, the banner, the .config.
inline Bytes kernel_data() {
  Bytes data = text("Linux version %s\n");
  data = join(data, text(std::string(banner_text) + "\n"));
  data = join(data, text("IKCFG_ST"));
  data = join(data, gzip(text(config_text)));
  return join(data, text("IKCFG_ED"));
}

struct ElfSegment {
  std::uint32_t type = 1;  // PT_LOAD
  std::uint64_t physical = 0x1000000;
  std::uint64_t memory_size = 0x2000;
  Bytes bytes = {};
};

struct ElfSpec {
  bool is64 = true;
  std::endian order = little;
  std::uint16_t machine = 62;  // EM_X86_64
  std::uint16_t type = 2;      // ET_EXEC
  std::uint64_t entry = 0x1000000;
  std::vector<ElfSegment> segments{{}};
};

/// Header, program headers, then the segments' bytes in order. Virtual addresses are physical + 0x80000000.
inline Bytes elf(const ElfSpec& spec) {
  const std::size_t header = spec.is64 ? 64 : 52;
  const std::size_t row = spec.is64 ? 56 : 32;
  Bytes file(header + row * spec.segments.size());
  const auto word = [&](std::size_t at, std::uint64_t value) {
    if (spec.is64) return write_int<std::uint64_t>(file, at, value, spec.order);
    write_int<std::uint32_t>(file, at, static_cast<std::uint32_t>(value), spec.order);
  };
  const auto half = [&](std::size_t at, std::size_t value) {
    write_int(file, at, static_cast<std::uint16_t>(value), spec.order);
  };
  put(file, 0,
      "\x7f"
      "ELF");
  file[4] = std::byte{spec.is64 ? std::uint8_t{2} : std::uint8_t{1}};
  file[5] = std::byte{spec.order == little ? std::uint8_t{1} : std::uint8_t{2}};
  file[6] = std::byte{1};
  half(16, spec.type);
  half(18, spec.machine);
  write_int<std::uint32_t>(file, 20, 1, spec.order);
  word(24, spec.entry);
  word(spec.is64 ? 32 : 28, header);
  half(spec.is64 ? 52 : 40, header);
  half(spec.is64 ? 54 : 42, row);
  half(spec.is64 ? 56 : 44, spec.segments.size());
  for (std::size_t i = 0; i < spec.segments.size(); ++i) {
    const ElfSegment& segment = spec.segments[i];
    const std::size_t at = header + row * i;
    const std::size_t step = spec.is64 ? 8 : 4;
    const std::size_t first = at + step;
    write_int<std::uint32_t>(file, at, segment.type, spec.order);
    word(first, file.size());
    word(first + step, segment.physical + 0x80000000);
    word(first + 2 * step, segment.physical);
    word(first + 3 * step, segment.bytes.size());
    word(first + 4 * step, segment.memory_size);
    file.insert(file.end(), segment.bytes.begin(), segment.bytes.end());
  }
  return file;
}

/// An ELF note, padded to 4 bytes.
inline Bytes note(std::string_view name, std::uint32_t type, const Bytes& descriptor, std::endian order = little) {
  Bytes bytes(12);
  write_int(bytes, 0, static_cast<std::uint32_t>(name.size() + 1), order);
  write_int(bytes, 4, static_cast<std::uint32_t>(descriptor.size()), order);
  write_int(bytes, 8, type, order);
  bytes = join(bytes, text(name));
  bytes.resize((bytes.size() + 1 + 3) & ~std::size_t{3});
  bytes = join(bytes, descriptor);
  bytes.resize((bytes.size() + 3) & ~std::size_t{3});
  return bytes;
}

/// A vmlinux for x86_64 with banner and .config.
inline Bytes vmlinux() { return elf({.segments = {{.bytes = kernel_data()}}}); }

struct BzSpec {
  std::uint16_t protocol = 0x20f;
  std::uint8_t setup_sectors = 4;  // 0 in the header means 4
  std::uint16_t header_end = 0x26c;
  std::uint8_t loadflags = 1;  // LOADED_HIGH
  std::uint16_t xloadflags = 0x7f;
  std::uint32_t alignment = 0x200000;
  std::uint32_t init_size = 0x100000;
  std::string version = "6.1.0-test (builder@host) #1 SMP";
  Bytes payload = gzip(vmlinux());
};

/// Setup of (4+1)*512 bytes, 64 bytes of code, the payload, padded to 16.
inline Bytes bzimage(const BzSpec& spec = {}) {
  constexpr std::size_t setup = 5 * 512;
  constexpr std::size_t head = 64;
  Bytes file(setup + ((head + spec.payload.size() + 15) & ~std::size_t{15}));
  const auto u32 = [&](std::size_t at, std::size_t value) {
    write_int(file, at, static_cast<std::uint32_t>(value), little);
  };
  file[0x1f1] = std::byte{spec.setup_sectors};
  u32(0x1f4, (file.size() - setup) / 16);
  write_int<std::uint16_t>(file, 0x1fe, 0xaa55, little);
  file[0x200] = std::byte{0xeb};
  file[0x201] = static_cast<std::byte>(spec.header_end - 0x202);
  put(file, 0x202, "HdrS");
  write_int(file, 0x206, spec.protocol, little);
  write_int<std::uint16_t>(file, 0x20e, spec.version.empty() ? 0 : 0x400, little);
  file[0x211] = std::byte{spec.loadflags};
  u32(0x22c, 0x7fffffff);
  u32(0x230, spec.alignment);
  file[0x234] = std::byte{1};
  write_int(file, 0x236, spec.xloadflags, little);
  u32(0x238, 2047);
  u32(0x248, head);
  u32(0x24c, spec.payload.size());
  write_int<std::uint64_t>(file, 0x258, 0x1000000, little);
  u32(0x260, spec.init_size);
  put(file, 0x600, spec.version);
  std::ranges::copy(spec.payload, file.begin() + setup + head);
  return file;
}

struct Arm64Spec {
  std::uint64_t text_offset = 0;
  std::uint64_t image_size = 0x200000;
  std::uint64_t flags = 0xa;  // 4 KiB pages, anywhere in memory
  bool pe = true;
  Bytes data = kernel_data();
};

/// What the flat Images share: 64 bytes for a header, a PE header with one section that covers the data, the data.
inline Bytes flat_image(bool pe, std::uint16_t pe_machine, const Bytes& data) {
  Bytes file(pe ? 0x40 + 24 + 40 : 0x40);
  const std::size_t start = file.size();
  if (pe) {
    put(file, 0, "MZ");
    write_int<std::uint32_t>(file, 0x3c, 0x40, little);
    put(file, 0x40, "PE");
    write_int<std::uint16_t>(file, 0x40 + 4, pe_machine, little);
    write_int<std::uint16_t>(file, 0x40 + 6, 1, little);
    write_int(file, 0x40 + 24 + 16, static_cast<std::uint32_t>(data.size()), little);
    write_int(file, 0x40 + 24 + 20, static_cast<std::uint32_t>(start), little);
  }
  return join(file, data);
}

inline Bytes arm64_image(const Arm64Spec& spec = {}) {
  Bytes file = flat_image(spec.pe, 0xaa64, spec.data);
  write_int(file, 8, spec.text_offset, little);
  write_int(file, 16, spec.image_size, little);
  write_int(file, 24, spec.flags, little);
  put(file, 0x38, "ARM\x64");
  return file;
}

struct RiscvSpec {
  std::uint64_t text_offset = 0x200000;
  std::uint64_t image_size = 0x200000;
  std::uint64_t flags = 0;
  bool pe = true;
  Bytes data = kernel_data();
};

inline Bytes riscv_image(const RiscvSpec& spec = {}) {
  Bytes file = flat_image(spec.pe, 0x5064, spec.data);
  write_int(file, 8, spec.text_offset, little);
  write_int(file, 16, spec.image_size, little);
  write_int(file, 24, spec.flags, little);
  write_int<std::uint32_t>(file, 32, 2, little);
  put(file, 0x30, "RISCV");
  put(file, 0x38, "RSC\x05");
  return file;
}

struct LoongArchSpec {
  std::uint64_t entry = 0x201000;
  std::uint64_t image_size = 0x200000;
  std::uint64_t load_address = 0x200000;
  std::uint16_t machine = 0x6264;
  Bytes data = kernel_data();
};

inline Bytes loongarch_image(const LoongArchSpec& spec = {}) {
  Bytes file = flat_image(true, spec.machine, spec.data);
  write_int(file, 8, spec.entry, little);
  write_int(file, 16, spec.image_size, little);
  write_int(file, 24, spec.load_address, little);
  put(file, 0x38, "\xcd\x23\x82\x81");
  return file;
}

struct ZSpec {
  Bytes payload = with_size(xz(kernel_data()), kernel_data().size());
  bool table = true;        // tells sizes, as 4.15 and later do
  std::uint32_t words = 6;  // of the table's tag; 4 before 5.10
  std::uint32_t order = 0x04030201;
};

/// arm's zImage: the header, a table of one tag, what an xz unpacker looks for, the payload, 8 bytes of data.
inline Bytes zimage(const ZSpec& spec = {}) {
  constexpr std::size_t table = 0x60, code = 0xa0;
  Bytes file(code);
  const auto u32 = [&](std::size_t at, std::size_t value) {
    write_int(file, at, static_cast<std::uint32_t>(value), little);
  };
  for (std::size_t at = 0; at < 0x20; at += 4) u32(at, 0xe1a00000);  // nop
  u32(0x24, 0x016f2818);
  u32(0x2c, code + spec.payload.size() + 8);
  u32(0x30, spec.order);
  if (spec.table) {
    u32(0x34, 0x45454545);
    u32(0x38, table);
    u32(table, spec.words);
    put(file, table + 4, "KLSZ");
    u32(table + 8, code + spec.payload.size() - 4);
    u32(table + 12, 0x12000);
    if (spec.words >= 6) u32(table + 16, 0x8000);
  }
  put(file, 0x80,
      std::string_view("\xfd"
                       "7zXZ\0",
                       6));
  return join(join(file, spec.payload), Bytes(8));
}

struct ShZSpec {
  Bytes payload = gzip(kernel_data());
  std::uint32_t linked = 0x8c800000, entry = 0x8c011000;
  std::uint32_t heap = 0x9000;  // behind the payload: what the unpacker writes to
  std::uint16_t mova = 0xc70e;  // the word at 0x40
  std::uint32_t magic = 0x400000f0;
};

/// SuperH's zImage: code that knows its own address, words, no-ops, what looks like x86's header, the payload.
inline Bytes sh_zimage(const ShZSpec& spec = {}) {
  constexpr std::size_t own_address = 0x40, last = 0xec, code = 0x240;
  Bytes file(code);
  const auto u32 = [&](std::size_t at, std::uint32_t value) { write_int(file, at, value, little); };
  for (std::size_t at = 0; at < 0x200; at += 4) u32(at, 0x00090009);
  write_int<std::uint16_t>(file, 4, spec.mova, little);
  u32(own_address, spec.linked + own_address);
  const auto size = static_cast<std::uint32_t>(code + spec.payload.size());
  u32(last - 24, spec.linked + size);              // where what the unpacker writes to begins
  u32(last - 20, spec.linked + size + spec.heap);  // and ends
  u32(last - 16, 0x500000f0);
  u32(last - 12, spec.magic);
  u32(last - 8, spec.linked + 0x300);
  u32(last - 4, spec.linked + 0x200);
  u32(last, spec.entry);
  put(file, 0x202, "HdrS");
  return join(file, spec.payload);
}

struct S390Spec {
  std::uint64_t cmdline_size = 512;
  std::uint64_t version = 0x10700;  // address of its text
};

/// Entry points at 64 KiB, parameters, a command line, the version, the data.
inline Bytes s390_image(const S390Spec& spec = {}) {
  Bytes file(0x10800);
  put(file, 0x10008, "S390EP");
  write_int(file, 0x10428, spec.version, std::endian::big);
  write_int(file, 0x10430, spec.cmdline_size, std::endian::big);
  put(file, 0x10480, "root=/dev/ram0 ro");
  put(file, 0x10700, "6.1.0-test (builder@host) #1 SMP");
  return join(file, kernel_data());
}

/// An EFI zboot file around a payload that is packed already; `behind` follows it, as the appended size does.
inline Bytes zboot(const Bytes& payload, std::string_view compression, const Bytes& behind = Bytes(4)) {
  Bytes file(0x80);
  put(file, 0, "MZ");
  put(file, 4, "zimg");
  write_int<std::uint32_t>(file, 8, 0x80, little);
  write_int(file, 12, static_cast<std::uint32_t>(payload.size()), little);
  put(file, 24, compression);
  write_int<std::uint32_t>(file, 0x3c, 0x40, little);
  put(file, 0x40, "PE");
  return join(join(file, payload), behind);
}

}  // namespace kexlab::samples
