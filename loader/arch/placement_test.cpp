// SPDX-License-Identifier: Apache-2.0
// Bytes laid over a segment that was placed already.
#include "loader/arch/placement.h"

#include <gtest/gtest.h>

namespace kexlab {
namespace {

Bytes text(std::string_view bytes) { return to_bytes(as_bytes(bytes)); }

class Overlay : public testing::Test {
 protected:
  Overlay() : placement_(RangeSet({{0x10000, 0x40000}}), 0x1000) {
    placement_.add("first", {0x10000, 0x11000}, {Piece::of(text("other"))});
    placement_.add("kernel", {0x20000, 0x21000}, {Piece::of(text("0123")), Piece::of_source("k", 100, 50)});
  }
  const std::vector<Piece>& pieces() { return placement_.segments().at(1).pieces; }
  Placement placement_;
};

TEST_F(Overlay, SplitsWhatComesFromASource) {
  placement_.overlay(0x20000 + 4 + 10, text("ab"));
  EXPECT_EQ(pieces(), (std::vector<Piece>{Piece::of(text("0123")), Piece::of_source("k", 100, 10),
                                          Piece::of(text("ab")), Piece::of_source("k", 112, 38)}));
  EXPECT_EQ(placement_.segments().at(1).bufsz, 54U);
  EXPECT_EQ(placement_.segments().at(0).pieces, (std::vector<Piece>{Piece::of(text("other"))}));
}

TEST_F(Overlay, LeavesNoEmptyPieces) {
  placement_.overlay(0x20004, text("ab"));
  placement_.overlay(0x20000, text("wxyz"));
  EXPECT_EQ(pieces(),
            (std::vector<Piece>{Piece::of(text("wxyz")), Piece::of(text("ab")), Piece::of_source("k", 102, 48)}));
}

TEST_F(Overlay, SplitsInlineBytes) {
  placement_.overlay(0x20001, text("--"));
  EXPECT_EQ(pieces().at(0), Piece::of(text("0")));
  EXPECT_EQ(pieces().at(1), Piece::of(text("--")));
  EXPECT_EQ(pieces().at(2), Piece::of(text("3")));
}

}  // namespace
}  // namespace kexlab
