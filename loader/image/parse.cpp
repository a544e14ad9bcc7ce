// SPDX-License-Identifier: Apache-2.0
// From a file to an image: takes the wrappers off, finds the row of the format table that knows what is left.
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "loader/image/codec.h"
#include "loader/image/format.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

using text::cat;

constexpr std::array rows{
    FormatRow{Format::bzimage, "bzImage", probe_bzimage, parse_bzimage},
    FormatRow{Format::elf, "ELF", probe_elf, parse_elf},
    FormatRow{Format::arm64_image, "arm64 Image", probe_arm64_image, parse_arm64_image},
    FormatRow{Format::zimage, "zImage", probe_zimage, parse_zimage},
    FormatRow{Format::sh_zimage, "SuperH zImage", probe_sh_zimage, parse_sh_zimage},
    FormatRow{Format::s390_image, "s390 image", probe_s390_image, parse_s390_image},
    FormatRow{Format::riscv_image, "riscv Image", probe_riscv_image, parse_riscv_image},
    FormatRow{Format::loongarch_image, "LoongArch Image", probe_loongarch_image, parse_loongarch_image},
};

/// What is left of a file: `view` lies in the caller's bytes, or in `storage` once something was unpacked.
struct Peeled {
  std::vector<Wrapper> wrappers;
  Bytes storage;
  ByteView view;
};

/// Takes one wrapper off. True where there was one.
Result<bool> peel_one(Peeled& peeled, const Ask& ask) {
  const Codec* codec = find_codec(peeled.view);
  const bool zboot = probe_zboot(peeled.view);
  if (codec == nullptr && !zboot) return false;
  if (peeled.wrappers.size() == ask.limits.wrappers) {
    return fail(Errc::no_space, ask.text, cat("more than ", ask.limits.wrappers, " wrappers around each other"));
  }
  if (zboot) {
    const auto payload = zboot_payload(peeled.view, ask);
    if (!payload) return tl::unexpected(payload.error());
    peeled.view = *payload;
    peeled.wrappers.push_back(Wrapper::efi_zboot);
    return true;
  }
  auto unpacked = unpack(*codec, peeled.view, ask.text, ask.limits);
  if (!unpacked) return tl::unexpected(unpacked.error());
  peeled.storage = std::move(*unpacked);
  peeled.view = peeled.storage;
  peeled.wrappers.push_back(codec->wrapper);
  return true;
}

/// "a cpio archive (an initramfs?), inside gzip".
std::string describe(const Peeled& peeled) {
  std::string what = looks_like(peeled.view);
  for (auto wrapper = peeled.wrappers.rbegin(); wrapper != peeled.wrappers.rend(); ++wrapper) {
    what += cat(", inside ", to_string(*wrapper));
  }
  return what;
}

Result<Image> parse_peeled(Peeled peeled, const Ask& ask) {
  for (;;) {
    const auto more = peel_one(peeled, ask);
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
  }
  for (const FormatRow& row : rows) {
    if (!row.probe(peeled.view)) continue;
    auto image = row.parse(peeled.view, ask);
    if (!image) return image;
    image->bytes = peeled.view.data() == peeled.storage.data() ? std::move(peeled.storage) : to_bytes(peeled.view);
    image->wrappers = std::move(peeled.wrappers);
    if (image->version.empty() && row.format != Format::bzimage) image->version = release_in(image->bytes);
    return image;
  }
  return fail(Errc::unsupported, ask.text, cat("it looks like ", describe(peeled)),
              "give a bzImage, a zImage, an arm64, riscv or LoongArch Image, an s390 image or an ELF vmlinux, bare or packed");
}

Ask make_ask(std::string_view name, const ImageLimits& limits) { return {cat("parse kernel image ", name), limits}; }

Result<Bytes> read_file(const std::string& path) {
  const std::string asked = cat("read kernel image ", path);
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return fail(Errc::not_found, asked, "no such file", "check the path");
  }
  if (status.type() != std::filesystem::file_type::regular) return fail(Errc::io, asked, "not a regular file");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail(errno == EACCES ? Errc::permission : Errc::io, asked, std::strerror(errno));
  const auto size = std::filesystem::file_size(path, error);
  if (error) return fail(Errc::io, asked, error.message());
  Bytes bytes(size);
  stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (stream.bad() || static_cast<std::uint64_t>(stream.gcount()) != size) {
    return fail(Errc::io, asked, cat("read ", static_cast<std::uint64_t>(stream.gcount()), " of ", size, " bytes"));
  }
  return bytes;
}

}  // namespace

std::span<const FormatRow> format_rows() { return rows; }

Result<Image> parse_image(ByteView file, std::string_view name, const ImageLimits& limits) {
  return parse_peeled({.wrappers = {}, .storage = {}, .view = file}, make_ask(name, limits));
}

Result<Image> read_image(const std::string& path, const ImageLimits& limits) {
  auto bytes = read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  Peeled peeled{.wrappers = {}, .storage = std::move(*bytes), .view = {}};
  peeled.view = peeled.storage;
  return parse_peeled(std::move(peeled), make_ask(path, limits));
}

tl::unexpected<Error> ends_early(const Ask& ask, ByteView file, std::string_view what, std::uint64_t needed) {
  return fail(Errc::truncated, ask.text, cat("the file ends at byte ", file.size(), ", ", what, " at ", needed),
              "fetch or copy the image again");
}

tl::unexpected<Error> contradicts(const Ask& ask, std::string rule) {
  return fail(Errc::corrupt, ask.text, std::move(rule), "fetch or build the image again");
}

}  // namespace kexlab
