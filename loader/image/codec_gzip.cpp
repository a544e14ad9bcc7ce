// SPDX-License-Identifier: Apache-2.0
// gzip streams, by zlib.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "loader/image/codec.h"

namespace kexlab {
namespace {

/// 15 bits of window, and 16 for a gzip header and trailer with its checksum. Source: zlib.h, inflateInit2.
constexpr int gzip_window = 15 + 16;
/// zlib counts its input in an unsigned int.
constexpr std::size_t most_input = std::size_t{1} << 30;
constexpr std::size_t chunk_size = std::size_t{256} << 10;

struct InflateEnd {
  void operator()(z_stream* stream) const { inflateEnd(stream); }
};

}  // namespace

Result<std::uint64_t> unpack_gzip(ByteView input, Sink& sink, std::string_view asked) {
  z_stream stream{};
  if (inflateInit2(&stream, gzip_window) != Z_OK) {
    return fail(Errc::no_space, std::string(asked), "zlib found no memory to unpack a gzip stream");
  }
  const std::unique_ptr<z_stream, InflateEnd> guard(&stream);
  const auto chunk = std::make_unique_for_overwrite<std::array<std::byte, chunk_size>>();
  std::uint64_t fed = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    if (stream.avail_in == 0) {
      const auto part = input.subspan(fed, std::min(input.size() - fed, most_input));
      // zlib never writes through next_in; its type lacks the const.
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(part.data()));
      stream.avail_in = static_cast<uInt>(part.size());
      fed += part.size();
    }
    stream.next_out = reinterpret_cast<Bytef*>(chunk->data());
    stream.avail_out = chunk_size;
    status = inflate(&stream, Z_NO_FLUSH);
    if (status == Z_BUF_ERROR) return stream_truncated(asked, "gzip", sink);
    if (status != Z_OK && status != Z_STREAM_END) {
      return stream_corrupt(asked, "gzip", stream.msg != nullptr ? stream.msg : "zlib gives no reason");
    }
    if (!sink.add(ByteView(*chunk).first(chunk_size - stream.avail_out))) return stream_too_big(asked, "gzip", sink);
  }
  return fed - stream.avail_in;
}

}  // namespace kexlab
