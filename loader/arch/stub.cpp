// SPDX-License-Identifier: Apache-2.0
// Entry stubs: assembled code with parameter slots that a plan fills in. Pure.
#include "loader/arch/stub.h"

#include "kexlab/fast_digest.h"
#include "loader/arch/placement.h"

namespace kexlab {
namespace {

// The kernel's bytes are at hand; all other sources are the caller's.
Result<ByteView> source_bytes(void* context, const std::string& source) {
  const auto& request = *static_cast<const LoadRequest*>(context);
  if (source == request.kernel_source) return ByteView(request.kernel->bytes);
  if (request.resolve != nullptr) return request.resolve(request.resolve_context, source);
  return fail(Errc::not_found, asked_of(request),
              "a digest was asked for, and the bytes of " + source + " are not at hand",
              "give the request a resolver, or the initrd as inline bytes");
}

Result<std::uint64_t> digest_of(const LoadRequest& request, const Segment& segment) {
  // The resolver's context is not const, though source_bytes only reads through it.
  auto bytes = segment_bytes(segment, source_bytes, const_cast<LoadRequest*>(&request));
  if (!bytes) return tl::unexpected(bytes.error());
  return fast_digest(*bytes);
}

}  // namespace

Result<Bytes> fill_stub(ByteView code, std::endian order, const LoadRequest& request, const StubValues& values,
                        const std::vector<Segment>& segments) {
  Bytes stub = to_bytes(code);
  const auto put = [&](std::uint64_t at, std::uint64_t value) { write_int<std::uint64_t>(stub, at, value, order); };
  put(stub_slot::entry, values.entry);
  put(stub_slot::argument, values.argument);
  put(stub_slot::console, values.console);
  if (request.digest == LoadRequest::Digest::none) return stub;
  if (segments.size() > stub_slot::rows) {
    return fail(Errc::invalid_argument, asked_of(request), "more segments than the digest's table has rows");
  }
  put(stub_slot::count, segments.size());
  std::uint64_t at = stub_slot::table;
  for (const Segment& segment : segments) {
    const auto digest = digest_of(request, segment);
    if (!digest) return tl::unexpected(digest.error());
    put(at, segment.mem);
    put(at + 8, segment.bufsz);
    put(at + 16, *digest);
    at += stub_slot::row;
  }
  return stub;
}

}  // namespace kexlab
