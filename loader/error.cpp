// SPDX-License-Identifier: Apache-2.0
// Names of error codes, and an error as one line.
#include "kexlab/error.h"

namespace kexlab {

const char* to_string(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::truncated:
      return "truncated";
    case Errc::corrupt:
      return "corrupt";
    case Errc::unsupported:
      return "unsupported";
    case Errc::wrong_arch:
      return "wrong_arch";
    case Errc::no_space:
      return "no_space";
    case Errc::not_found:
      return "not_found";
    case Errc::permission:
      return "permission";
    case Errc::io:
      return "io";
    case Errc::refused:
      return "refused";
    case Errc::timeout:
      return "timeout";
    case Errc::guest_died:
      return "guest_died";
    case Errc::protocol:
      return "protocol";
    case Errc::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string Error::str() const {
  std::string text = asked + ": " + broke;
  if (!hint.empty()) text += " (" + hint + ")";
  return text;
}

}  // namespace kexlab
