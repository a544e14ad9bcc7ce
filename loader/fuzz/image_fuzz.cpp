// SPDX-License-Identifier: Apache-2.0
// Fuzz target: parse_image never crashes, what it accepts keeps the promises of image.h, and what it refuses has a
// reason.
#include <cstdlib>

#include "kexlab/image.h"

namespace {

using namespace kexlab;

/// Small, so that a bomb costs the fuzzer little; every limit is met by mutations all the same.
constexpr ImageLimits limits{.unpacked_bytes = 256 << 10, .wrappers = 3};

void require(bool promise) {
  if (!promise) std::abort();
}

void require_printable(std::string_view text) {
  for (const char c : text) require(c >= ' ' && c <= '~');
}

void require_sound(const Image& image) {
  require(!image.parts.empty() && !image.arch.empty());
  for (const LoadPart& part : image.parts) {
    require(slice(image.bytes, part.file_offset, part.file_size).has_value());
    require(part.file_size <= part.memory_size);
  }
  require(image.wrappers.size() <= limits.wrappers);
  if (!image.wrappers.empty() && image.wrappers != std::vector{Wrapper::efi_zboot}) {
    require(image.bytes.size() <= limits.unpacked_bytes);
  }
  require_printable(image.str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto image = parse_image(std::as_bytes(std::span(data, size)), "input", limits);
  if (!image) {
    require(!image.error().asked.empty() && !image.error().broke.empty());
    require_printable(image.error().str());
    return 0;
  }
  require_sound(*image);
  if (const auto text = banner(*image, limits)) require_printable(*text);
  if (const auto config = embedded_config(*image, limits)) require(config->size() <= limits.unpacked_bytes);
  return 0;
}
