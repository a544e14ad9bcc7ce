// SPDX-License-Identifier: Apache-2.0
// SHA-256 against the examples that NIST publishes for FIPS 180-4, and pieces against the whole.
#include "kexlab/sha256.h"

#include <gtest/gtest.h>

namespace kexlab {
namespace {

struct Vector {
  const char* name;
  std::string text;
  const char* digest;
};

TEST(Sha256, PublishedVectors) {
  const Vector vectors[] = {
      {"nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"one block", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"a million a", std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const Vector& v : vectors) {
    SCOPED_TRACE(v.name);
    EXPECT_EQ(to_hex(sha256(as_bytes(v.text))), v.digest);
  }
}

TEST(Sha256, PiecesOfAnySizeGiveTheDigestOfTheWhole) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += static_cast<char>(i);
  const Sha256Digest whole = sha256(as_bytes(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Sha256 stream;
    stream.update(as_bytes(std::string_view(text).substr(0, cut)));
    (void)stream.digest();  // looking on the way changes nothing
    stream.update(as_bytes(std::string_view(text).substr(cut)));
    ASSERT_EQ(stream.digest(), whole) << cut;
  }
}

// Lengths around the end of a block, where padding takes one block or two. Digests: sha256sum(1) of that many 'x'.
TEST(Sha256, PaddingAroundTheEndOfABlock) {
  const Vector vectors[] = {
      {"55", std::string(55, 'x'), "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072"},
      {"56", std::string(56, 'x'), "04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e"},
      {"57", std::string(57, 'x'), "ae14a2563ccf969d99aca69ce6bb74981f734bbf9f655f73b8f06db68cab5217"},
      {"63", std::string(63, 'x'), "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2"},
      {"64", std::string(64, 'x'), "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c"},
      {"65", std::string(65, 'x'), "9537c5fdf120482f7d58d25e9ed583f52c02b4e304ea814db1633ad565aed7e9"},
      {"119", std::string(119, 'x'), "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c"},
      {"120", std::string(120, 'x'), "13f05a0b594787f5ecd315edc96141bd3243203d1b7d4f0836f37308b276ba98"},
  };
  for (const Vector& v : vectors) {
    SCOPED_TRACE(v.name);
    EXPECT_EQ(to_hex(sha256(as_bytes(v.text))), v.digest);
  }
}

}  // namespace
}  // namespace kexlab
