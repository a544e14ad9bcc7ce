// SPDX-License-Identifier: Apache-2.0
// Addresses and sizes in scenarios: "ram + 64 MiB", "previous end + 1 page", "0x1000", "half of ram size". Parsed once,
// with the position of mistakes; evaluated when the machine is known.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kexlab/error.h"

namespace kexlab::scenario {

/// A sum of signed terms; a term may bring a sign of its own ("ram + -1 page"). A term is a count times a unit (B, KiB,
/// MiB, GiB, page[s]) or a named base. Arithmetic wraps modulo 2^64, as the kernel's does: "0 - 1 page" is the last
/// page.
struct Expression {
  struct Term {
    bool negative = false;
    bool half = false;  ///< "half of BASE", rounded down to a whole page, as the kernel halves RAM
    std::uint64_t count = 1;
    std::string base;  ///< empty: bytes; "page", or a name that the environment knows
    bool operator==(const Term&) const = default;
  };
  std::string text;  ///< as written
  std::vector<Term> terms;
  bool operator==(const Expression&) const = default;
};

/// Names that may stand in an expression, for messages and the vocabulary page:
/// page, ram (start of the largest free block), ram end, ram size (all RAM: totalram_pages() of the kernel, which is
/// MemTotal of /proc/meminfo), previous start, previous end (of the segment before), crash start, crash end (one past),
/// kernel start, kernel end, high (start of the last free 16 MiB), marker (a page of the
/// agent with known contents), witness.
const std::vector<std::string>& base_names();

/// Most terms in one expression.
inline constexpr std::size_t max_terms = 16;

/// Errors: invalid_argument, with the column inside the text and the nearest right word.
Result<Expression> parse_expression(std::string_view text);
/// `lookup` gives a base's value, or nothing where this machine has none ("crash start" without a reservation).
/// Errors: not_found (a base that this machine lacks).
Result<std::uint64_t> evaluate(const Expression& expression,
                               const std::function<std::optional<std::uint64_t>(std::string_view base)>& lookup);

}  // namespace kexlab::scenario
