// SPDX-License-Identifier: Apache-2.0
// Error codes have names, and an error reads as one line.
#include "kexlab/error.h"

#include <gtest/gtest.h>

#include <set>

namespace kexlab {
namespace {

TEST(Error, ReadsAsAskedBrokeHint) {
  const Error with_hint{Errc::truncated, "parse vmlinuz", "file ends at 512, header says 4096", "fetch it again"};
  EXPECT_EQ(with_hint.str(), "parse vmlinuz: file ends at 512, header says 4096 (fetch it again)");
  const Error bare{Errc::truncated, "parse vmlinuz", "file ends at 512, header says 4096", ""};
  EXPECT_EQ(bare.str(), "parse vmlinuz: file ends at 512, header says 4096");
}

TEST(Error, EveryCodeHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(Errc::cancelled); ++code) {
    const std::string name = to_string(static_cast<Errc>(code));
    EXPECT_NE(name, "unknown") << code;
    EXPECT_TRUE(names.insert(name).second) << name << " stands for two codes";
  }
  EXPECT_EQ(to_string(Errc::wrong_arch), std::string("wrong_arch"));
}

TEST(Error, FailMakesAResultThatHoldsIt) {
  const Result<int> result = fail(Errc::no_space, "place initrd", "no hole of 4096 bytes");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Errc::no_space);
  EXPECT_TRUE(result.error().hint.empty());
}

}  // namespace
}  // namespace kexlab
