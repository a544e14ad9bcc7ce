// SPDX-License-Identifier: Apache-2.0
// Names for files that are no kernels, so that a mistaken path is seen at once. A guess for people, never for
// branching.
#include <algorithm>
#include <array>
#include <cctype>

#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using namespace std::string_view_literals;

struct Look {
  std::uint64_t offset;
  std::string_view magic;
  std::string_view name;
};

// The magic numbers are those of each format's own document; the kernel's:
// arch/arm/boot/compressed/head.S (zImage), include/linux/pe.h (LINUX_PE_MAGIC), all of 6.1 or newer.
constexpr std::array looks{
    Look{0, "070701"sv, "a cpio archive (an initramfs?)"},
    Look{0, "070702"sv, "a cpio archive (an initramfs?)"},
    Look{0, "070707"sv, "a cpio archive"},
    Look{0, "\xc7\x71"sv, "a cpio archive"},
    Look{257, "ustar"sv, "a tar archive"},
    Look{0, "!<arch>\n"sv, "an ar archive (a Debian package or a library)"},
    Look{0, "\xed\xab\xee\xdb"sv, "an RPM package"},
    Look{0, "PK\3\4"sv, "a zip archive"},
    Look{0, "BZh"sv, "a bzip2 file, which is not unpacked here"},
    Look{0, "\x89LZO"sv, "an lzop file, which is not unpacked here"},
    Look{0, "QFI\xfb"sv, "a qcow2 disk image"},
    Look{0, "hsqs"sv, "a squashfs file system"},
    Look{0, "\xd0\x0d\xfe\xed"sv, "a device tree blob"},
    Look{0, "\x27\x05\x19\x56"sv, "a U-Boot uImage; unpack it first"},
    Look{0x24, "\x01\x6f\x28\x18"sv, "a big-endian arm zImage of before BE8, which is not supported"},
    Look{0, "#!"sv, "a script"},
};

bool is_text(ByteView file) {
  const auto head = as_text(file.first(std::min<std::size_t>(file.size(), 512)));
  return std::ranges::all_of(head,
                             [](unsigned char c) { return c >= 0x80 || std::isprint(c) != 0 || std::isspace(c) != 0; });
}

std::string look_of_pe(ByteView file) {
  if (file.size() < 0x206)
    return text::cat("the first ", file.size(), " bytes of an EFI program, too short for a kernel");
  return pe_raw_end(file) ? "an EFI or Windows program without a Linux kernel's header" : "a DOS program";
}

}  // namespace

std::string looks_like(ByteView file) {
  if (file.empty()) return "an empty file";
  for (const Look& look : looks) {
    if (text::has(file, look.offset, look.magic)) return std::string(look.name);
  }
  if (text::has(file, 0, "MZ")) return look_of_pe(file);
  if (std::ranges::all_of(file, [](std::byte b) { return b == std::byte{0}; })) return "a file of zeros";
  if (text::has(file, 0x1fe, "\x55\xaa"sv)) return "a disk image or boot sector";
  if (is_text(file)) return "a text file";
  return "data of an unknown format";
}

}  // namespace kexlab
