// SPDX-License-Identifier: Apache-2.0
// Names of image formats and wrappers, and an image in one line for people.
#include "kexlab/image.h"

#include "loader/image/text.h"

namespace kexlab {

const char* to_string(Format format) {
  switch (format) {
    case Format::bzimage:
      return "bzImage";
    case Format::elf:
      return "ELF";
    case Format::arm64_image:
      return "arm64 Image";
    case Format::zimage:
      return "zImage";
    case Format::sh_zimage:
      return "SuperH zImage";
    case Format::s390_image:
      return "s390 image";
    case Format::riscv_image:
      return "riscv Image";
    case Format::loongarch_image:
      return "LoongArch Image";
  }
  return "unknown";
}

const char* to_string(Wrapper wrapper) {
  switch (wrapper) {
    case Wrapper::gzip:
      return "gzip";
    case Wrapper::xz:
      return "xz";
    case Wrapper::zstd:
      return "zstd";
    case Wrapper::lz4:
      return "lz4";
    case Wrapper::efi_zboot:
      return "EFI zboot";
    case Wrapper::lzma:
      return "lzma";
  }
  return "unknown";
}

namespace {

std::string facts_of(const Image& image) {
  if (image.bzimage) return text::cat(", protocol ", text::protocol(image.bzimage->protocol));
  if (image.arm64 && image.arm64->page_size != 0) {
    return text::cat(", ", image.arm64->page_size / 1024, " KiB pages", image.arm64->big_endian ? ", big-endian" : "");
  }
  if (image.zimage) return image.zimage->big_endian ? ", big-endian" : "";
  if (image.elf) return text::cat(image.elf->is64 ? ", 64-bit" : ", 32-bit", image.elf->pvh_entry ? ", PVH entry" : "");
  return {};
}

}  // namespace

std::string Image::str() const {
  std::string out = text::cat(to_string(format), " for ", arch);
  for (const Wrapper wrapper : wrappers)
    out += text::cat(wrapper == wrappers.front() ? ", packed in " : " and ", to_string(wrapper));
  out += text::cat(facts_of(*this), ", ", bytes.size(), " bytes");
  if (!version.empty()) out += text::cat(", version ", version);
  return out;
}

Status expect_arch(const Image& image, std::string_view arch) {
  if (image.arch == arch) return {};
  return fail(Errc::wrong_arch, text::cat("use ", image.str(), " on ", arch),
              text::cat("the image is for ", image.arch, ", the target is ", arch), "give an image for the target");
}

}  // namespace kexlab
