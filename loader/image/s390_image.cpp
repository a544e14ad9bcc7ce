// SPDX-License-Identifier: Apache-2.0
// s390's image: what lies at absolute address 0 when the kernel starts, so that a byte's offset in the file is its
// address. The first 64 KiB are for loading from a device; behind them stand the entry points, "S390EP" right behind
// the first of them, and the area for parameters.
//
// Source: arch/s390/boot/head.S, arch/s390/include/asm/setup.h (struct parmarea), arch/s390/boot/vmlinux.lds.S (6.1).
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto big = std::endian::big;

constexpr std::uint64_t marker_at = 0x10008;
constexpr std::uint64_t version_at = 0x10428;         // address of the version's text, 0 before 4.20
constexpr std::uint64_t cmdline_size_at = 0x10430;    // 0 before 5.17
constexpr std::uint64_t old_cmdline_size = 896;       // LEGACY_COMMAND_LINE_SIZE
constexpr std::uint64_t most_cmdline_size = 1 << 20;  // CONFIG_COMMAND_LINE_SIZE goes up to 1 MiB
constexpr std::size_t longest_version = 256;

}  // namespace

bool probe_s390_image(ByteView file) { return text::has(file, marker_at, "S390EP"); }

Result<Image> parse_s390_image(ByteView file, const Ask& ask) {
  if (file.size() <= S390Facts::cmdline_at) return ends_early(ask, file, "the command line", S390Facts::cmdline_at);
  const std::uint64_t told = *read_int<std::uint64_t>(file, cmdline_size_at, big);
  if (told > most_cmdline_size) return contradicts(ask, cat("room for a command line of ", told, " bytes"));
  S390Facts facts{.cmdline_size = told == 0 ? old_cmdline_size : told};
  const std::uint64_t behind = S390Facts::cmdline_at + facts.cmdline_size;
  if (behind > file.size()) return ends_early(ask, file, "the command line", behind);

  Image image;
  image.format = Format::s390_image;
  image.arch = "s390x";
  const std::uint64_t size = file.size() - S390Facts::start;
  image.parts = {
      {.file_offset = S390Facts::start, .file_size = size, .physical = S390Facts::start, .memory_size = size}};
  image.s390 = facts;
  const std::uint64_t version = *read_int<std::uint64_t>(file, version_at, big);
  if (version != 0 && version < file.size())
    image.version = first_word(text::printable(file.subspan(version), longest_version));
  return image;
}

}  // namespace kexlab
