// SPDX-License-Identifier: Apache-2.0
// The compressions a kernel may be wrapped in, as a table. Internal.
#pragma once

#include <span>
#include <string_view>

#include "kexlab/image.h"

namespace kexlab {

/// Where unpacked bytes go: refuses to grow past its limit, so a bomb costs no more than that.
class Sink {
 public:
  explicit Sink(std::uint64_t limit) : limit_(limit) {}
  /// False where the bytes would pass the limit; nothing is added then.
  bool add(ByteView bytes) {
    if (bytes.size() > limit_ - bytes_.size()) return false;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return true;
  }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
  Bytes take() { return std::move(bytes_); }

 private:
  std::uint64_t limit_;
  Bytes bytes_;
};

struct Codec {
  Wrapper wrapper;
  std::string_view name;  ///< also how EFI zboot headers begin to name it
  bool (*probe)(ByteView input);
  /// Unpacks one stream from the start of `input`, returns how many bytes it took.
  /// Errors: truncated, corrupt, unsupported, no_space; `asked` goes into them.
  Result<std::uint64_t> (*unpack_stream)(ByteView input, Sink& sink, std::string_view asked);
};

std::span<const Codec> codecs();
/// The codec whose magic number `input` begins with, or nullptr.
const Codec* find_codec(ByteView input);

/// Unpacks all streams that stand one behind the other and ignores what follows them: the kernel's build appends the
/// unpacked size to its payloads. Source: scripts/Makefile.lib (size_append).
Result<Bytes> unpack(const Codec& codec, ByteView input, std::string_view asked, const ImageLimits& limits);

// The streams, one file for each library.
Result<std::uint64_t> unpack_gzip(ByteView input, Sink& sink, std::string_view asked);
Result<std::uint64_t> unpack_xz(ByteView input, Sink& sink, std::string_view asked);
Result<std::uint64_t> unpack_lzma(ByteView input, Sink& sink, std::string_view asked);
Result<std::uint64_t> unpack_zstd(ByteView input, Sink& sink, std::string_view asked);
Result<std::uint64_t> unpack_lz4(ByteView input, Sink& sink, std::string_view asked);

// Their common errors.
tl::unexpected<Error> stream_too_big(std::string_view asked, std::string_view codec, const Sink& sink);
tl::unexpected<Error> stream_truncated(std::string_view asked, std::string_view codec, const Sink& sink);
tl::unexpected<Error> stream_corrupt(std::string_view asked, std::string_view codec, std::string_view reason);

}  // namespace kexlab
