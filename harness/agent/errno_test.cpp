// SPDX-License-Identifier: Apache-2.0
// The wire's errnos, on a host whose numbers are the generic ones.
#include "harness/agent/errno.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace kexlab::agent {
namespace {

TEST(GenericErrno, IsTheHostsOwnWhereTheHostNumbersGenerically) {
  for (const int own : {EPERM, EINVAL, ERANGE, ENOSYS, ENODATA, EADDRNOTAVAIL, ETIMEDOUT, ENOKEY, EKEYREJECTED}) {
    EXPECT_EQ(generic_errno(own), own);
  }
}

TEST(GenericErrno, LeavesWhatIsNoErrno) {
  EXPECT_EQ(generic_errno(0), 0);
  EXPECT_EQ(generic_errno(-1), -1);
}

TEST(GenericErrno, DoesNotTakeAnUnknownNumberForAGenericOne) { EXPECT_EQ(generic_errno(4000), 5000); }

}  // namespace
}  // namespace kexlab::agent
