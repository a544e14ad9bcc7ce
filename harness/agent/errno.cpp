// SPDX-License-Identifier: Apache-2.0
// The numbers from include/uapi/asm-generic/errno.h (6.1), beside the names that the target's headers number.
#include "harness/agent/errno.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace kexlab::agent {
namespace {

// errno-base.h: the same on every architecture.
constexpr int last_common = 34;
constexpr int unknown_from = 1000;

struct Pair {
  int own, generic;
};

constexpr Pair pairs[] = {
    {EDEADLK, 35},       {ENAMETOOLONG, 36},  {ENOLCK, 37},        {ENOSYS, 38},   {ENOTEMPTY, 39},
    {ELOOP, 40},         {ENODATA, 61},       {ETIME, 62},         {ENOPKG, 65},   {EPROTO, 71},
    {EBADMSG, 74},       {EOVERFLOW, 75},     {EILSEQ, 84},        {EUSERS, 87},   {EMSGSIZE, 90},
    {EOPNOTSUPP, 95},    {EADDRINUSE, 98},    {EADDRNOTAVAIL, 99}, {ENOBUFS, 105}, {ETIMEDOUT, 110},
    {ECONNREFUSED, 111}, {EALREADY, 114},     {EINPROGRESS, 115},  {ESTALE, 116},  {EUCLEAN, 117},
    {EREMOTEIO, 121},    {EDQUOT, 122},       {ECANCELED, 125},    {ENOKEY, 126},  {EKEYEXPIRED, 127},
    {EKEYREVOKED, 128},  {EKEYREJECTED, 129}, {ELIBBAD, 80},       {ELIBACC, 79},  {EHWPOISON, 133},
};

}  // namespace

int generic_errno(int own) {
  if (own <= last_common) return own;
  const auto found =
      std::find_if(std::begin(pairs), std::end(pairs), [&](const Pair& pair) { return pair.own == own; });
  return found == std::end(pairs) ? own + unknown_from : found->generic;
}

}  // namespace kexlab::agent
