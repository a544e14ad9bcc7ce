// SPDX-License-Identifier: Apache-2.0
// Kernel images: what a file is, and what a loader must know of it. Pure: bytes in, facts out, any host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/bytes.h"
#include "kexlab/error.h"
#include "kexlab/range.h"

namespace kexlab {

enum class Format { bzimage, elf, arm64_image, zimage, sh_zimage, riscv_image, s390_image, loongarch_image };
const char* to_string(Format format);

/// Wrappers that were taken off, outermost first.
enum class Wrapper { gzip, xz, zstd, lz4, efi_zboot, lzma };
const char* to_string(Wrapper wrapper);

/// A part of the image that is to be at a physical address (ELF PT_LOAD) or the whole payload (flat formats).
struct LoadPart {
  std::uint64_t file_offset = 0;      ///< bytes, into Image::bytes
  std::uint64_t file_size = 0;        ///< bytes
  std::uint64_t physical = 0;         ///< p_paddr; 0 for flat, position-independent formats
  std::uint64_t memory_size = 0;      ///< bytes, >= file_size
  std::uint64_t virtual_address = 0;  ///< p_vaddr; 0 for flat formats
  bool operator==(const LoadPart&) const = default;
};

/// Facts of the x86 boot header. Source: Documentation/x86/boot.rst (6.1), arch/x86/include/uapi/asm/bootparam.h.
struct BzImageFacts {
  std::uint16_t protocol = 0;          ///< version, e.g. 0x020f
  std::uint32_t setup_size = 0;        ///< bytes before the protected-mode code: (setup_sects+1)*512
  std::uint64_t pref_address = 0;      ///< preferred load address
  std::uint32_t kernel_alignment = 0;  ///< bytes
  std::uint32_t init_size = 0;         ///< bytes needed from the load address until the kernel has set itself up
  std::uint32_t cmdline_size = 0;      ///< longest command line without its NUL
  std::uint32_t initrd_addr_max = 0;   ///< highest address an initrd byte may have
  std::uint16_t xloadflags = 0;
  bool relocatable = false;
  std::uint32_t setup_header_end = 0;  ///< file offset just behind the setup header (0x202 + byte at 0x201)
  std::string version;                 ///< kernel_version string; empty where the header has none
  std::uint64_t payload_offset =
      0;                           ///< bytes into Image::bytes of the compressed kernel; 0 where the header tells none
  std::uint64_t payload_size = 0;  ///< bytes
};

/// Facts of the arm64 Image header. Source: Documentation/arm64/booting.rst (6.1).
struct Arm64Facts {
  std::uint64_t text_offset = 0;  ///< bytes from a 2 MiB aligned base
  std::uint64_t image_size = 0;   ///< bytes that must be free from the load address, BSS included
  std::uint64_t flags = 0;
  std::uint32_t page_size = 0;  ///< 4096, 16384, 65536; 0 where the header does not say
  bool big_endian = false;
};

/// Facts of arm's zImage. Source: arch/arm/boot/compressed/head.S, vmlinux.lds.S (6.1).
struct ZImageFacts {
  std::uint64_t kernel_size = 0;  ///< bytes of the kernel when unpacked, without BSS; 0 where it does not tell
  std::uint64_t bss_size = 0;     ///< bytes behind it
  std::uint64_t text_offset =
      0x208000;                      ///< bytes from the start of RAM to the unpacked kernel; else the usual ones' most
  std::uint64_t payload_offset = 0;  ///< bytes into Image::bytes of the compressed kernel; 0 where it was not found
  std::uint64_t payload_size = 0;    ///< bytes
  bool big_endian = false;
};

/// Facts of SuperH's zImage, whose one part is where it was linked for, unpacker's memory included, in virtual
/// addresses. Source: arch/sh/boot/compressed/head_32.S (6.1).
struct ShZImageFacts {
  std::uint64_t kernel_entry = 0;    ///< virtual address of the unpacked kernel's entry, a page behind its parameters
  std::uint64_t payload_offset = 0;  ///< bytes into Image::bytes of the compressed kernel; 0 where it was not found
  std::uint64_t payload_size = 0;    ///< bytes, with what follows it
};

/// Facts of an s390 image. Source: arch/s390/include/asm/setup.h, struct parmarea (6.1).
struct S390Facts {
  /// Offsets in the file and addresses in memory: the entry for a start that loads the image from its first byte on or
  /// from here; the parameters: initrd's address and size, the memory of a crashed kernel; the command line.
  static constexpr std::uint64_t start = 0x10000, initrd_at = 0x10408, behind_oldmem = 0x10428, cmdline_at = 0x10480;
  std::uint64_t cmdline_size = 0;  ///< bytes of the command line with its NUL
};

/// Facts of the riscv Image header. Source: Documentation/riscv/boot-image-header.rst (6.1).
struct RiscvFacts {
  std::uint64_t text_offset = 0;  ///< bytes from the start of RAM that firmware loads to; a kexec need not keep it
  std::uint64_t image_size = 0;   ///< bytes that must be free from the load address, BSS included
  std::uint32_t version = 0;      ///< of the header: major << 16 | minor
};

/// Facts of the LoongArch Image header. Source: Documentation/loongarch/booting.rst (6.12).
struct LoongArchFacts {
  std::uint64_t entry = 0;         ///< physical address of the entry for a kernel at load_address
  std::uint64_t image_size = 0;    ///< bytes that must be free from the load address, BSS included
  std::uint64_t load_address = 0;  ///< from the start of RAM, which is 0; a kernel with RELOCATABLE runs anywhere
};

/// Facts of an ELF kernel (vmlinux), of any class and byte order.
struct ElfFacts {
  bool is64 = false;
  std::endian order = std::endian::little;
  std::uint16_t machine = 0;  ///< EM_*
  std::uint64_t entry = 0;
  std::optional<std::uint64_t> pvh_entry;  ///< XEN_ELFNOTE_PHYS32_ENTRY where present
};

struct Image {
  Format format = Format::elf;
  std::string arch;               ///< target name, e.g. "x86_64"; the row it belongs to
  std::vector<Wrapper> wrappers;  ///< taken off, outermost first
  Bytes bytes;                    ///< the image with all wrappers off: what the loader places
  std::vector<LoadPart> parts;
  std::optional<BzImageFacts> bzimage;
  std::optional<Arm64Facts> arm64;
  std::optional<ZImageFacts> zimage;
  std::optional<ShZImageFacts> sh_zimage;
  std::optional<RiscvFacts> riscv;
  std::optional<LoongArchFacts> loongarch;
  std::optional<ElfFacts> elf;
  std::optional<S390Facts> s390;
  std::string version;  ///< release string where the image tells it ("6.1.0-..."), else empty
  /// "bzImage for x86_64, protocol 2.15, 14186432 bytes, version 6.1.0-…" for people.
  [[nodiscard]] std::string str() const;
};

/// Limits that keep a hostile file from taking the host's memory.
struct ImageLimits {
  std::uint64_t unpacked_bytes = std::uint64_t{512} << 20;  ///< most bytes a wrapper may unpack to
  unsigned wrappers = 4;                                    ///< most wrappers around each other
};

/// Parses a kernel image; bytes behind a wrapper's end and behind the image's own size are ignored. `name` is used in
/// messages only. Errors: truncated, corrupt, unsupported (with what the
/// file looks like: "a gzip-compressed cpio archive", "an ELF core", "a script", …), no_space for the limits.
Result<Image> parse_image(ByteView file, std::string_view name, const ImageLimits& limits = {});

/// Reads a whole file and parses it. Errors as parse_image, and io/not_found.
Result<Image> read_image(const std::string& path, const ImageLimits& limits = {});

/// Refuses an image of another architecture (error wrong_arch). `arch` is a target name.
Status expect_arch(const Image& image, std::string_view arch);

/// The kernel inside a bzImage or zImage: its payload, unpacked. Errors: unsupported (neither of them, protocol below
/// 2.08, a zImage before 4.15, or a compression that nothing here unpacks: bzip2, lzo), corrupt, truncated, no_space
/// for the limits.
Result<Bytes> unpack_payload(const Image& image, const ImageLimits& limits = {});

/// The kernel's own .config where it carries one (CONFIG_IKCONFIG: "IKCFG_ST" gzip "IKCFG_ED"), also inside a
/// bzImage's or zImage's compressed payload. Nothing where it carries none.
std::optional<std::string> embedded_config(const Image& image, const ImageLimits& limits = {});

/// "Linux version …" banner inside the image (or its compressed payload) as printable text of at most 512
/// characters, nothing where none is found.
std::optional<std::string> banner(const Image& image, const ImageLimits& limits = {});

/// The same in bytes that are already unpacked: with unpack_payload, one unpacking serves both questions.
std::optional<std::string> embedded_config(ByteView kernel, const ImageLimits& limits = {});
std::optional<std::string> banner(ByteView kernel);

}  // namespace kexlab
