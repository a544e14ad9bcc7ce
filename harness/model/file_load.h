// SPDX-License-Identifier: Apache-2.0
// The contract of kexec_file_load(2): (kernel, state, call) → outcome, with the rule that decides.
//
// x86_64 (bzImage), arm64 (Image) and powerpc of 64 bits (ELF), kernels 6.1 to 7.x. Not known here, since nothing
// outside the kernel shows it:
// - ENOMEM from the page allocator, and EADDRNOTAVAIL where RAM is too much in pieces for an image that is smaller than
// it,
// - EACCES and EPERM of security modules (IMA appraisal, LoadPin, SELinux, IPE),
// - arm64's EINVAL for an Image whose page size or byte order the CPU lacks,
// - powerpc's EINVAL where elfcorehdr= and the command line of a crash image are longer than COMMAND_LINE_SIZE
// together.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "harness/model/model.h"
#include "kexlab/bytes.h"

namespace kexlab::model {

/// What the kernel finds where it looks for a signature in a kernel image.
enum class Signature {
  no_pe,    ///< the image is no PE file, which has no place for one, or ends before the one that its headers tell of
  none,     ///< nothing
  trusted,  ///< good, by a key of the running kernel's keyrings
  unknown,  ///< good, by a key that they do not have
  broken,   ///< by a key of theirs, but the image has changed since
};

/// A file as the call finds it behind a descriptor.
struct File {
  enum class Kind {
    none,     ///< nothing can be read: no such descriptor, not open for reading, or O_PATH
    regular,  ///< a regular file
    other,    ///< a directory, a device, a pipe
  };
  Kind kind = Kind::none;
  bool being_written = false;  ///< somebody has it open for writing, be it by this very descriptor
  bool short_of_size = false;  ///< reading ends before the size that it tells, as files of sysfs do
  std::uint64_t size = 0;      ///< bytes, st_size
  Bytes head;                  ///< its first bytes: `head_bytes` of them, or all
  Signature signature = Signature::none;

  static constexpr std::size_t head_bytes = 64 << 10;  ///< enough for every header that the model looks at
};

/// The arguments of a call.
struct FileCall {
  File kernel, initrd;
  std::uint64_t cmdline_size = 0;  ///< cmdline_len: with the byte 0 at the end
  bool readable = true;            ///< all of cmdline_size bytes
  bool terminated = true;          ///< the last of cmdline_size bytes is 0
  std::uint64_t flags = 0;

  // Source: include/uapi/linux/kexec.h, KEXEC_FILE_*.
  static constexpr std::uint64_t unload = 0x1, on_crash = 0x2, no_initramfs = 0x4;
  static constexpr std::uint64_t debug = 0x8;       ///< since 6.8
  static constexpr std::uint64_t no_cma = 0x10;     ///< since 6.17
  static constexpr std::uint64_t force_dtb = 0x20;  ///< since 6.18
};

/// Never fails; for an architecture whose image format is not known here, the rules that all share decide.
Prediction predict(const Situation& situation, const FileCall& call, const scenario::Credentials& as);
/// All rules of kexec_file_load(2) in the order in which the kernel applies them. Their names begin with "file_".
std::vector<const Rule*> file_rules();

/// A number in the header of a kernel image.
struct HeaderField {
  std::uint64_t at = 0;  ///< its offset
  std::size_t size = 0;  ///< bytes
  std::endian order = std::endian::little;
  bool operator==(const HeaderField&) const = default;
};
struct HeaderValue {
  HeaderField field;
  std::uint64_t value = 0;
};
/// What the kernel's own loader reads of an image before it takes it. Constant.
struct FileHeader {
  HeaderField memory;                     ///< how much memory the image asks for, in bytes; it may be lowered at will
  std::span<const HeaderField> others;    ///< that decide as well
  std::span<const HeaderValue> cut = {};  ///< that make the first `cut_bytes` of a kernel a whole image again
  bool takes_programs = false;            ///< a program in ELF is as good as a kernel to it
};
inline constexpr std::uint64_t cut_bytes = 64 << 10;
/// Of an architecture; nullptr where the model knows no format of it.
const FileHeader* file_header(std::string_view arch);

/// What the headers alone tell of the signature of an image of `size` bytes: no_pe, none, or unknown where there is
/// one. Source: crypto/asymmetric_keys/verify_pefile.c.
Signature unverified_signature(ByteView head, std::uint64_t size);

}  // namespace kexlab::model
