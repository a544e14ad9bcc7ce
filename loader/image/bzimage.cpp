// SPDX-License-Identifier: Apache-2.0
// x86's bzImage: a boot sector with the setup header, the real-mode setup, and the protected-mode code that carries the
// compressed kernel. A loader reads the header and places the protected-mode code; it does not unpack.
// Source of every offset and rule here: Documentation/x86/boot.rst (6.1).
#include <algorithm>
#include <array>
#include <bit>

#include "loader/image/codec.h"
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;
constexpr auto little = std::endian::little;

constexpr std::uint16_t oldest_protocol = 0x204;  // below it, syssize is 16 bits and says nothing of a bzImage's size
constexpr std::uint16_t padded_since = 0x208;
constexpr std::uint64_t header_least = 0x230;  // end of the header's fields in protocol 2.04
/// The setup header's place in boot_params ends where edd_mbr_sig_buffer begins. Source: uapi/asm/bootparam.h.
constexpr std::uint32_t header_end_most = 0x290;
constexpr std::uint8_t short_jump = 0xeb;
constexpr std::uint8_t loaded_high = 1;
constexpr std::uint16_t xlf_kernel_64 = 1;
constexpr std::uint32_t cmdline_size_before_2_06 = 255;

/// Ends of the header's fields as protocols grew them.
struct HeaderEnd {
  std::uint16_t protocol;
  std::uint32_t end;
};
constexpr std::array header_ends{HeaderEnd{0x204, 0x230}, HeaderEnd{0x205, 0x235}, HeaderEnd{0x206, 0x23c},
                                 HeaderEnd{0x207, 0x248}, HeaderEnd{0x208, 0x250}, HeaderEnd{0x209, 0x258},
                                 HeaderEnd{0x20a, 0x264}, HeaderEnd{0x20b, 0x268}, HeaderEnd{0x20f, 0x26c}};

/// The setup header; fields that the file's protocol does not have read as 0.
class Header {
 public:
  Header(ByteView file, std::uint16_t protocol) : file_(file), protocol_(protocol) {}
  template <class T>
  [[nodiscard]] T get(std::uint64_t offset, std::uint16_t since = 0) const {
    return protocol_ >= since ? read_int<T>(file_, offset, little).value_or(0) : T{0};
  }

 private:
  ByteView file_;
  std::uint16_t protocol_;
};

std::string version_string(ByteView file, const Header& header, std::uint32_t setup_size) {
  const auto pointer = header.get<std::uint16_t>(0x20e);
  const std::uint64_t at = std::uint64_t{pointer} + 0x200;
  if (pointer == 0 || at >= setup_size) return {};
  return text::printable(file.subspan(at, setup_size - at), 512);
}

BzImageFacts read_facts(ByteView file, std::uint16_t protocol) {
  const Header header(file, protocol);
  BzImageFacts facts;
  facts.protocol = protocol;
  const auto sectors = header.get<std::uint8_t>(0x1f1);
  facts.setup_size = ((sectors != 0 ? sectors : 4U) + 1) * 512;
  facts.setup_header_end = 0x202U + header.get<std::uint8_t>(0x201);
  facts.initrd_addr_max = header.get<std::uint32_t>(0x22c);
  facts.kernel_alignment = header.get<std::uint32_t>(0x230, 0x205);
  facts.relocatable = header.get<std::uint8_t>(0x234, 0x205) != 0;
  facts.xloadflags = header.get<std::uint16_t>(0x236, 0x20c);
  facts.cmdline_size = protocol >= 0x206 ? header.get<std::uint32_t>(0x238) : cmdline_size_before_2_06;
  if (const auto offset = header.get<std::uint32_t>(0x248, 0x208); offset != 0) {
    facts.payload_offset = std::uint64_t{facts.setup_size} + offset;
    facts.payload_size = header.get<std::uint32_t>(0x24c);
  }
  facts.pref_address = header.get<std::uint64_t>(0x258, 0x20a);
  facts.init_size = header.get<std::uint32_t>(0x260, 0x20a);
  return facts;
}

Status check_header(ByteView file, const BzImageFacts& facts, const Ask& ask) {
  const Header header(file, facts.protocol);
  if ((header.get<std::uint8_t>(0x211) & loaded_high) == 0) {
    return fail(Errc::unsupported, ask.text, "a zImage (LOADED_HIGH is not set), not a bzImage", "build a bzImage");
  }
  if (header.get<std::uint8_t>(0x200) != short_jump) {
    return contradicts(ask, cat("byte 0x200 is ", hex(header.get<std::uint8_t>(0x200)), ", not the jump 0xeb"));
  }
  std::uint32_t least = 0;
  for (const HeaderEnd& row : header_ends) {
    if (facts.protocol >= row.protocol) least = row.end;
  }
  if (facts.setup_header_end < least || facts.setup_header_end > header_end_most) {
    return contradicts(ask, cat("the setup header ends at ", hex(facts.setup_header_end), ", protocol ",
                                text::protocol(facts.protocol), " allows ", hex(least), " to ", hex(header_end_most)));
  }
  if (facts.relocatable && !std::has_single_bit(facts.kernel_alignment)) {
    return contradicts(ask, cat("kernel_alignment ", hex(facts.kernel_alignment), " is not a power of two"));
  }
  return {};
}

/// Size of the protected-mode code, checked against the file. `syssize` counts units of 16 bytes, rounded up; the build
/// pads the file to it only since protocol 2.08, with the checksum. Source: arch/x86/boot/tools/build.c.
Result<std::uint64_t> code_size(ByteView file, const BzImageFacts& facts, const Ask& ask) {
  const std::uint64_t claimed = std::uint64_t{Header(file, facts.protocol).get<std::uint32_t>(0x1f4)} * 16;
  if (claimed == 0) return contradicts(ask, "syssize is 0: no protected-mode code");
  const std::uint64_t rounding = facts.protocol < padded_since ? 15 : 0;
  if (facts.setup_size + claimed > file.size() + rounding) {
    return ends_early(ask, file,
                      cat("the setup of ", facts.setup_size, " bytes and the code of ", claimed, " (syssize)"),
                      facts.setup_size + claimed);
  }
  return std::min(claimed, file.size() - facts.setup_size);
}

Status check_payload(const BzImageFacts& facts, std::uint64_t code, const Ask& ask) {
  const std::uint64_t end = facts.payload_offset + facts.payload_size;
  if (end <= facts.setup_size + code) return {};
  return contradicts(ask, cat("the payload ends at ", end, ", the protected-mode code at ", facts.setup_size + code));
}

/// From 2.12 on a flag tells; before that only the kernel inside does. Where that cannot be unpacked: i386, whose
/// 32-bit entry is the one such a header promises.
std::string arch_of(ByteView file, const BzImageFacts& facts, const Ask& ask) {
  if (facts.protocol >= 0x20c) return (facts.xloadflags & xlf_kernel_64) != 0 ? "x86_64" : "i386";
  const auto payload = slice(file, facts.payload_offset, facts.payload_size);
  const Codec* codec = payload ? find_codec(*payload) : nullptr;
  if (codec == nullptr) return "i386";
  const auto kernel = unpack(*codec, *payload, ask.text, ask.limits);
  return kernel && elf_arch(*kernel) == "x86_64" ? "x86_64" : "i386";
}

tl::unexpected<Error> too_old(std::uint16_t protocol, const Ask& ask) {
  return fail(Errc::unsupported, ask.text,
              cat("boot protocol ", text::protocol(protocol), ", the oldest that is known here is ",
                  text::protocol(oldest_protocol)),
              "use a kernel of 2.6.14 or newer");
}

}  // namespace

bool probe_bzimage(ByteView file) {
  return text::has(file, 0x202, "HdrS") && read_int<std::uint16_t>(file, 0x1fe, little) == 0xaa55;
}

Result<Image> parse_bzimage(ByteView file, const Ask& ask) {
  if (file.size() < header_least) return ends_early(ask, file, "the setup header", header_least);
  const auto protocol = *read_int<std::uint16_t>(file, 0x206, little);
  if (protocol < oldest_protocol) return too_old(protocol, ask);
  const BzImageFacts facts = read_facts(file, protocol);
  if (file.size() <= facts.setup_size) return ends_early(ask, file, "the setup", facts.setup_size);
  if (const Status header = check_header(file, facts, ask); !header) return tl::unexpected(header.error());
  const auto code = code_size(file, facts, ask);
  if (!code) return tl::unexpected(code.error());
  if (const Status payload = check_payload(facts, *code, ask); !payload) return tl::unexpected(payload.error());

  Image image;
  image.format = Format::bzimage;
  image.arch = arch_of(file, facts, ask);
  image.parts = {{.file_offset = facts.setup_size,
                  .file_size = *code,
                  .memory_size = std::max<std::uint64_t>(*code, facts.init_size)}};
  image.bzimage = facts;
  image.bzimage->version = version_string(file, Header(file, protocol), facts.setup_size);
  image.version = first_word(image.bzimage->version);
  return image;
}

}  // namespace kexlab
