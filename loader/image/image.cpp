// SPDX-License-Identifier: Apache-2.0
// Names of image formats and wrappers, and an image in one line for people.
#include "kexlab/image.h"

namespace kexlab {

const char* to_string(Format format) {
  switch (format) {
    case Format::bzimage: return "bzImage";
    case Format::elf: return "ELF";
    case Format::arm64_image: return "arm64 Image";
  }
  return "unknown";
}

const char* to_string(Wrapper wrapper) {
  switch (wrapper) {
    case Wrapper::gzip: return "gzip";
    case Wrapper::xz: return "xz";
    case Wrapper::zstd: return "zstd";
    case Wrapper::lz4: return "lz4";
    case Wrapper::efi_zboot: return "EFI zboot";
  }
  return "unknown";
}

}  // namespace kexlab
