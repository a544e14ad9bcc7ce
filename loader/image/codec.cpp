// SPDX-License-Identifier: Apache-2.0
// The table of compressions, told apart by their magic numbers.
#include "loader/image/codec.h"

#include <array>

#include "loader/image/text.h"

namespace kexlab {
namespace {

using namespace std::string_view_literals;
using text::cat;
using text::has;

/// Properties 0x5d (lc=3 lp=0 pb=2, what every encoder writes), a dictionary of whole 64 KiB, and a size that is
/// unknown or below 2^40: there is no magic number. Source: doc/lzma-file-format.txt of xz.
bool is_lzma(ByteView input) {
  if (!has(input, 0, "\x5d\0\0"sv)) return false;
  const auto size = read_int<std::uint64_t>(input, 5, std::endian::little);
  return size && (*size == ~std::uint64_t{0} || *size >> 40 == 0);
}

// Source of the magic numbers: lib/decompress.c (6.1), RFC 1952, RFC 8878, lz4_Frame_format.md.
constexpr std::array table{
    Codec{Wrapper::gzip, "gzip", [](ByteView b) { return has(b, 0, "\x1f\x8b"sv); }, unpack_gzip},
    Codec{Wrapper::xz, "xz",
          [](ByteView b) {
            return has(b, 0,
                       "\xfd"sv
                       "7zXZ\0"sv);
          },
          unpack_xz},
    Codec{Wrapper::zstd, "zstd", [](ByteView b) { return has(b, 0, "\x28\xb5\x2f\xfd"sv); }, unpack_zstd},
    Codec{Wrapper::lz4, "lz4",
          [](ByteView b) { return has(b, 0, "\x02\x21\x4c\x18"sv) || has(b, 0, "\x04\x22\x4d\x18"sv); }, unpack_lz4},
    Codec{Wrapper::lzma, "lzma", is_lzma, unpack_lzma},
};

}  // namespace

std::span<const Codec> codecs() { return table; }

const Codec* find_codec(ByteView input) {
  for (const Codec& codec : table) {
    if (codec.probe(input)) return &codec;
  }
  return nullptr;
}

Result<Bytes> unpack(const Codec& codec, ByteView input, std::string_view asked, const ImageLimits& limits) {
  Sink sink(limits.unpacked_bytes);
  do {
    const auto taken = codec.unpack_stream(input, sink, asked);
    if (!taken) return tl::unexpected(taken.error());
    input = input.subspan(*taken);
  } while (codec.probe(input));
  return sink.take();
}

tl::unexpected<Error> stream_too_big(std::string_view asked, std::string_view codec, const Sink& sink) {
  return fail(Errc::no_space, std::string(asked),
              cat("the ", codec, " stream unpacks to more than the limit of ", sink.limit(), " bytes"),
              "raise the limit if the file is to be trusted");
}

tl::unexpected<Error> stream_truncated(std::string_view asked, std::string_view codec, const Sink& sink) {
  return fail(Errc::truncated, std::string(asked),
              cat("the file ends inside the ", codec, " stream, after ", sink.size(), " unpacked bytes"),
              "fetch or copy the image again");
}

tl::unexpected<Error> stream_corrupt(std::string_view asked, std::string_view codec, std::string_view reason) {
  return fail(Errc::corrupt, std::string(asked), cat("the ", codec, " stream is damaged: ", reason),
              "fetch or copy the image again");
}

}  // namespace kexlab
