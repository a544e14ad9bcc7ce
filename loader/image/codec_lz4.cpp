// SPDX-License-Identifier: Apache-2.0
// lz4 in both shapes: the legacy one that the kernel's build writes (lz4 -l), and frames. By liblz4.
//
// Legacy: a magic number, then blocks, each a 32-bit little-endian packed size and that many bytes, each unpacking to
// at most 8 MiB. Nothing marks the end: the file ends, or a new magic number stands where a size would. Source:
// lib/decompress_unlz4.c (6.1), doc/lz4_Frame_format.md of lz4 ("Legacy frame").
#include <lz4.h>
#include <lz4frame.h>

#include <array>
#include <memory>

#include "loader/image/codec.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

constexpr std::uint32_t legacy_magic = 0x184c2102;
constexpr std::size_t legacy_block = std::size_t{8} << 20;
constexpr std::size_t chunk_size = std::size_t{256} << 10;

struct ContextEnd {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};

/// Whether what is left is the unpacked size that the kernel's build appends, or no block at all.
bool legacy_ends(ByteView rest, std::uint64_t unpacked) {
  const auto word = read_int<std::uint32_t>(rest, 0, std::endian::little);
  return rest.empty() || (word && *word == 0) || (rest.size() == 4 && *word == (unpacked & 0xffffffff));
}

Result<std::uint64_t> unpack_legacy(ByteView input, Sink& sink, std::string_view asked) {
  const auto block = std::make_unique_for_overwrite<std::array<std::byte, legacy_block>>();
  std::uint64_t at = 4;
  while (!legacy_ends(input.subspan(at), sink.size())) {
    const auto size = read_int<std::uint32_t>(input, at, std::endian::little);
    if (size == legacy_magic) {
      at += 4;
      continue;
    }
    const auto packed = size ? slice(input, at + 4, *size) : std::nullopt;
    // A size no block can have is where lz4's own tool sees the end of the stream too.
    if (size && *size > LZ4_COMPRESSBOUND(legacy_block)) break;
    if (!packed) return stream_truncated(asked, "lz4", sink);
    const int got = LZ4_decompress_safe(reinterpret_cast<const char*>(packed->data()),
                                        reinterpret_cast<char*>(block->data()), static_cast<int>(*size), legacy_block);
    if (got < 0) return stream_corrupt(asked, "lz4", text::cat("the block at byte ", at, " of the stream"));
    if (!sink.add(ByteView(*block).first(static_cast<std::size_t>(got)))) return stream_too_big(asked, "lz4", sink);
    at += 4 + packed->size();
  }
  return at;
}

Result<std::uint64_t> unpack_frame(ByteView input, Sink& sink, std::string_view asked) {
  LZ4F_dctx* raw = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION)) != 0) {
    return fail(Errc::no_space, std::string(asked), "liblz4 found no memory to unpack an lz4 frame");
  }
  const std::unique_ptr<LZ4F_dctx, ContextEnd> context(raw);
  const auto chunk = std::make_unique_for_overwrite<std::array<std::byte, chunk_size>>();
  std::uint64_t at = 0;
  for (std::size_t wanted = 1; wanted != 0;) {
    std::size_t produced = chunk_size;
    std::size_t taken = input.size() - at;
    wanted = LZ4F_decompress(context.get(), chunk->data(), &produced, input.data() + at, &taken, nullptr);
    if (LZ4F_isError(wanted) != 0) return stream_corrupt(asked, "lz4", LZ4F_getErrorName(wanted));
    at += taken;
    if (!sink.add(ByteView(*chunk).first(produced))) return stream_too_big(asked, "lz4", sink);
    if (wanted != 0 && at == input.size() && produced == 0) return stream_truncated(asked, "lz4", sink);
  }
  return at;
}

}  // namespace

Result<std::uint64_t> unpack_lz4(ByteView input, Sink& sink, std::string_view asked) {
  const bool legacy = read_int<std::uint32_t>(input, 0, std::endian::little) == legacy_magic;
  return legacy ? unpack_legacy(input, sink, asked) : unpack_frame(input, sink, asked);
}

}  // namespace kexlab
