// SPDX-License-Identifier: Apache-2.0
// The fast digest: fixed numbers that stubs and witnesses must reproduce, and pieces against the whole.
#include "kexlab/fast_digest.h"

#include <gtest/gtest.h>

#include <string>

namespace kexlab {
namespace {

struct Vector {
  const char* name;
  std::string bytes;
  std::uint64_t digest;
};

std::string counting(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i & 0xff);
  return text;
}

TEST(FastDigest, FollowsItsDefinitionStepByStep) {
  EXPECT_EQ(fast_digest({}), 0u);
  // One zero word: 0 * multiplier + addend, then the length.
  EXPECT_EQ(fast_digest(as_bytes(std::string(8, '\0'))), 0x165667B19E3779F9u ^ 8u);
  // A one-byte word 0x01: rotl(1, 27) * multiplier + addend, then the length.
  EXPECT_EQ(fast_digest(as_bytes("\x01")), ((std::uint64_t{1} << 27) * 0x9E3779B97F4A7C15u + 0x165667B19E3779F9u) ^ 1u);
}

TEST(FastDigest, FixedVectors) {
  const Vector vectors[] = {
      {"one byte", counting(1), 0x165667b19e3779f8},  {"seven bytes", counting(7), 0x19e16533791ecd46},
      {"a word", counting(8), 0xba753d7e9db6cd49},    {"a word and a byte", counting(9), 0x9e4b3a6a39d03e49},
      {"a page", counting(4096), 0xc64736760b914504},
  };
  for (const Vector& v : vectors) {
    SCOPED_TRACE(v.name);
    EXPECT_EQ(fast_digest(as_bytes(v.bytes)), v.digest);
  }
}

TEST(FastDigest, PiecesOfAnySizeGiveTheDigestOfTheWhole) {
  const std::string text = counting(97);
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); second += 5) {
      FastDigest digest;
      digest.update(as_bytes(std::string_view(text).substr(0, first)));
      digest.update(as_bytes(std::string_view(text).substr(first, second - first)));
      digest.update(as_bytes(std::string_view(text).substr(second)));
      ASSERT_EQ(digest.value(), fast_digest(as_bytes(text))) << first << " " << second;
    }
  }
}

TEST(FastDigest, ZerosAtTheEndCount) {
  EXPECT_NE(fast_digest(as_bytes("kexec")), fast_digest(as_bytes(std::string_view("kexec\0", 6))));
}

}  // namespace
}  // namespace kexlab
