// SPDX-License-Identifier: Apache-2.0
// Errnos as the wire has them: in the generic numbering, whatever the target's own is.
#pragma once

namespace kexlab::agent {

/// The number in include/uapi/asm-generic/errno.h of an errno of this target; mips, parisc and others number those
/// above 34 their own way. 0 and what is negative stay; a number that the table does not know, by 1000 more.
int generic_errno(int own);

}  // namespace kexlab::agent
