// SPDX-License-Identifier: Apache-2.0
// zstd frames, by libzstd.
#include <zstd.h>
#include <zstd_errors.h>

#include <array>
#include <memory>

#include "loader/image/codec.h"
#include "loader/image/text.h"

namespace kexlab {
namespace {

constexpr std::size_t chunk_size = std::size_t{256} << 10;

struct ContextEnd {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

tl::unexpected<Error> zstd_failed(std::size_t status, std::string_view asked) {
  const ZSTD_ErrorCode code = ZSTD_getErrorCode(status);
  const bool memory = code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation;
  if (!memory) return stream_corrupt(asked, "zstd", ZSTD_getErrorName(status));
  return fail(Errc::no_space, std::string(asked), text::cat("the zstd stream: ", ZSTD_getErrorName(status)),
              "pack it with a window of at most 128 MiB");
}

}  // namespace

// libzstd refuses windows above 128 MiB (ZSTD_WINDOWLOG_LIMIT_DEFAULT), the most that the kernel's own build uses
// (zstd22 in scripts/Makefile.lib), so its memory is bounded without further ado.
Result<std::uint64_t> unpack_zstd(ByteView input, Sink& sink, std::string_view asked) {
  const std::unique_ptr<ZSTD_DCtx, ContextEnd> context(ZSTD_createDCtx());
  if (!context) return fail(Errc::no_space, std::string(asked), "libzstd found no memory to unpack a zstd stream");
  const auto chunk = std::make_unique_for_overwrite<std::array<std::byte, chunk_size>>();
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  for (std::size_t wanted = 1; wanted != 0;) {
    ZSTD_outBuffer out{chunk->data(), chunk_size, 0};
    wanted = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(wanted) != 0) return zstd_failed(wanted, asked);
    if (!sink.add(ByteView(*chunk).first(out.pos))) return stream_too_big(asked, "zstd", sink);
    const bool starved = wanted != 0 && in.pos == in.size && out.pos < chunk_size;
    if (starved) return stream_truncated(asked, "zstd", sink);
  }
  return in.pos;
}

}  // namespace kexlab
