// SPDX-License-Identifier: Apache-2.0
// xz streams and bare LZMA streams, by liblzma.
#include <lzma.h>

#include <algorithm>
#include <array>
#include <memory>

#include "loader/image/codec.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

constexpr std::size_t chunk_size = std::size_t{256} << 10;
/// A decoder's memory is its dictionary and some tables. Kernels are packed with 128 MiB of dictionary since 6.12,
/// however small they are (scripts/xz_wrap.sh); a larger one than that and than what may be unpacked is of no use.
constexpr std::uint64_t decoder_tables = std::uint64_t{16} << 20;
constexpr std::uint64_t usual_dictionary = std::uint64_t{128} << 20;

std::uint64_t most_memory(const Sink& sink) {
  return std::max<std::uint64_t>(sink.limit(), usual_dictionary) + decoder_tables;
}

struct LzmaEnd {
  void operator()(lzma_stream* stream) const { lzma_end(stream); }
};

tl::unexpected<Error> lzma_failed(lzma_ret status, const lzma_stream& stream, std::string_view codec, const Sink& sink,
                                  std::string_view asked) {
  switch (status) {
    case LZMA_BUF_ERROR:
      return stream_truncated(asked, codec, sink);
    case LZMA_MEMLIMIT_ERROR:
    case LZMA_MEM_ERROR:
      return fail(Errc::no_space, std::string(asked),
                  text::cat("the ", codec, " stream needs ", lzma_memusage(&stream), " bytes to unpack, allowed are ",
                            most_memory(sink)),
                  "raise the limit if the file is to be trusted");
    case LZMA_OPTIONS_ERROR:
      return fail(Errc::unsupported, std::string(asked),
                  text::cat("liblzma does not know this ", codec, " stream's options"));
    default:
      return stream_corrupt(asked, codec, text::cat("liblzma's error ", unsigned{status}));
  }
}

/// Runs a decoder that has been set up, to the end of its stream.
Result<std::uint64_t> run(lzma_stream& stream, std::string_view codec, ByteView input, Sink& sink,
                          std::string_view asked) {
  const auto chunk = std::make_unique_for_overwrite<std::array<std::byte, chunk_size>>();
  stream.next_in = reinterpret_cast<const std::uint8_t*>(input.data());
  stream.avail_in = input.size();
  for (lzma_ret status = LZMA_OK; status != LZMA_STREAM_END;) {
    stream.next_out = reinterpret_cast<std::uint8_t*>(chunk->data());
    stream.avail_out = chunk_size;
    // Where the input ends before the stream does, there is no progress twice in a row: LZMA_BUF_ERROR.
    status = lzma_code(&stream, LZMA_RUN);
    if (status != LZMA_OK && status != LZMA_STREAM_END) return lzma_failed(status, stream, codec, sink, asked);
    if (!sink.add(ByteView(*chunk).first(chunk_size - stream.avail_out))) return stream_too_big(asked, codec, sink);
  }
  return stream.total_in;
}

}  // namespace

Result<std::uint64_t> unpack_xz(ByteView input, Sink& sink, std::string_view asked) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, LzmaEnd> guard(&stream);
  const lzma_ret status = lzma_stream_decoder(&stream, most_memory(sink), 0);
  if (status != LZMA_OK) return lzma_failed(status, stream, "xz", sink, asked);
  return run(stream, "xz", input, sink, asked);
}

Result<std::uint64_t> unpack_lzma(ByteView input, Sink& sink, std::string_view asked) {
  lzma_stream stream = LZMA_STREAM_INIT;
  const std::unique_ptr<lzma_stream, LzmaEnd> guard(&stream);
  const lzma_ret status = lzma_alone_decoder(&stream, most_memory(sink));
  if (status != LZMA_OK) return lzma_failed(status, stream, "lzma", sink, asked);
  return run(stream, "lzma", input, sink, asked);
}

}  // namespace kexlab
