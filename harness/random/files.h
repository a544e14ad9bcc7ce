// SPDX-License-Identifier: Apache-2.0
// Random calls of kexec_file_load(2). Internal to the library.
#pragma once

#include "harness/random/random.h"
#include "harness/random/source.h"

namespace kexlab::random {

/// A call that loads a small image cut from the kernel under test, with none to three mistakes; `world.header` is
/// there. Left out, since the model does not know what the kernel does: images that may find no place in RAM though RAM
/// is larger.
Attempt make_file_call(const World& world, Source& source, bool crash);
/// Who makes a call other than root with all it can: one of the ways in which that can be.
void change_caller(const World& world, Source& source, scenario::Credentials& as);

}  // namespace kexlab::random
