// SPDX-License-Identifier: Apache-2.0
// Errors are values: what was asked, which rule it broke, and what to do about it.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace kexlab {

/// What kind of thing went wrong; callers branch on this, people read the texts beside it.
enum class Errc {
  invalid_argument,  ///< the request itself makes no sense
  truncated,         ///< an input ends before its own headers say it does
  corrupt,           ///< an input contradicts itself
  unsupported,       ///< well formed, but nothing here knows how to use it
  wrong_arch,        ///< well formed, but for another architecture
  no_space,          ///< no memory, disk or address range satisfies the request
  not_found,         ///< a file, package, segment or name that does not exist
  permission,        ///< the system refused for lack of rights
  io,                ///< a read, write or system call failed
  refused,           ///< the kernel answered a call with an error
  timeout,           ///< a deadline passed
  guest_died,        ///< the guest or its QEMU ended while something was expected of it
  protocol,          ///< a peer sent something that is not in its protocol
  cancelled,         ///< the user interrupted the work
};

/// Stable lower-case name of an error code, e.g. "wrong_arch".
const char* to_string(Errc code);

/// An error with its cause. `asked` and `broke` are never empty; `hint` may be.
struct Error {
  Errc code;
  std::string asked;  ///< what was asked, e.g. "parse kernel image boot/vmlinuz"
  std::string broke;  ///< the rule that was broken, with the values, e.g. "file ends at 512, header says 4096"
  std::string hint;   ///< what to do, e.g. "fetch the image again"; empty where nothing helps

  /// One line: "<asked>: <broke> (<hint>)".
  [[nodiscard]] std::string str() const;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// Shorthand for returning an error from a function that returns a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string asked, std::string broke,
                                                std::string hint = {}) {
  return tl::unexpected<Error>(Error{code, std::move(asked), std::move(broke), std::move(hint)});
}

}  // namespace kexlab
