// SPDX-License-Identifier: Apache-2.0
// Parses and evaluates addresses and sizes.
#include "harness/scenario/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "harness/yaml/yaml.h"

namespace kexlab::scenario {
namespace {

const std::map<std::string, std::uint64_t, std::less<>>& unit_sizes() {
  static const std::map<std::string, std::uint64_t, std::less<>> sizes{
      {"B", 1}, {"KiB", std::uint64_t{1} << 10}, {"MiB", std::uint64_t{1} << 20}, {"GiB", std::uint64_t{1} << 30}};
  return sizes;
}

std::vector<std::string> unit_names() { return {"B", "KiB", "MiB", "GiB", "page", "pages"}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Expression> run() {
    Expression out;
    out.text = std::string(text_);
    bool negative = sign().value_or('+') == '-';
    for (;;) {
      // A sign of its own before a term: "previous end + $gap" with the gap "-1 page".
      if (auto own = out.terms.empty() ? std::nullopt : sign()) negative ^= *own == '-';
      auto term = this->term();
      if (!term) return tl::unexpected(term.error());
      term->negative = negative;
      out.terms.push_back(std::move(*term));
      if (out.terms.size() > max_terms) return wrong(fmt::format("more than {} terms", max_terms));
      skip_spaces();
      if (at_ == text_.size()) return out;
      auto next = sign();
      if (!next) return wrong(fmt::format("`+` or `-` is expected before `{}`", text_.substr(at_)));
      negative = *next == '-';
    }
  }

 private:
  Result<Expression::Term> term() {
    skip_spaces();
    if (at_ == text_.size()) return wrong("a number or a name is expected here, not the end");
    return is_digit(text_[at_]) ? counted() : named();
  }

  Result<Expression::Term> counted() {
    auto number = this->number();
    if (!number) return tl::unexpected(number.error());
    Expression::Term term;
    term.count = *number;
    const std::size_t before = at_;
    const std::string unit = words();
    if (unit.empty()) return term;
    if (unit == "page" || unit == "pages") {
      term.base = "page";
      return term;
    }
    auto size = unit_sizes().find(unit);
    if (size == unit_sizes().end()) {
      at_ = before;
      return wrong(fmt::format("unknown unit `{}`", unit), yaml::suggestion(unit, unit_names()));
    }
    if (__builtin_mul_overflow(term.count, size->second, &term.count))
      return wrong("the number does not fit into 64 bits");
    return term;
  }

  Result<Expression::Term> named() {
    const std::size_t before = at_;
    std::string name = words();
    Expression::Term term;
    if (name.starts_with("half of ")) {
      term.half = true;
      name = name.substr(8);
    }
    const auto& known = base_names();
    if (name.empty()) return wrong(fmt::format("a number or a name is expected before `{}`", text_.substr(at_)));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      at_ = before;
      return wrong(fmt::format("unknown name `{}`", name), yaml::suggestion(name, known));
    }
    term.base = std::move(name);
    return term;
  }

  Result<std::uint64_t> number() {
    const bool hex = text_.substr(at_).starts_with("0x");
    const char* first = text_.data() + at_ + (hex ? 2 : 0);
    std::uint64_t value = 0;
    auto [end, code] = std::from_chars(first, text_.data() + text_.size(), value, hex ? 16 : 10);
    if (code == std::errc::result_out_of_range) return wrong("the number does not fit into 64 bits");
    if (code != std::errc()) return wrong("digits are expected after 0x");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && text_[at_] == '.') return wrong("a whole number is expected here", "use a smaller unit");
    return value;
  }

  std::optional<char> sign() {
    skip_spaces();
    if (at_ == text_.size() || (text_[at_] != '+' && text_[at_] != '-')) return std::nullopt;
    return text_[at_++];
  }

  /// Words up to the next sign, one space between them.
  std::string words() {
    std::string out;
    for (;;) {
      skip_spaces();
      const std::size_t start = at_;
      while (at_ < text_.size() && (is_letter(text_[at_]) || (at_ > start && is_digit(text_[at_])))) ++at_;
      if (at_ == start) return out;
      if (!out.empty()) out += ' ';
      out += text_.substr(start, at_ - start);
    }
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  [[nodiscard]] tl::unexpected<Error> wrong(std::string broke, std::string hint = {}) const {
    return fail(Errc::invalid_argument, fmt::format("read `{}` at its character {}", text_, at_ + 1), std::move(broke),
                std::move(hint));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const std::vector<std::string>& base_names() {
  static const std::vector<std::string> names{
      "page",      "ram",          "ram end",    "ram size", "previous start", "previous end", "crash start",
      "crash end", "kernel start", "kernel end", "high",     "marker",         "witness"};
  return names;
}

Result<Expression> parse_expression(std::string_view text) { return Parser(text).run(); }

Result<std::uint64_t> evaluate(const Expression& expression,
                               const std::function<std::optional<std::uint64_t>(std::string_view base)>& lookup) {
  auto value_of = [&](std::string_view base) -> Result<std::uint64_t> {
    if (auto value = lookup(base)) return *value;
    return fail(Errc::not_found, fmt::format("evaluate `{}`", expression.text),
                fmt::format("this machine has no `{}`", base),
                base.starts_with("crash") ? "the guest needs a reservation: `guest: {crashkernel: default}`" : "");
  };
  std::uint64_t sum = 0;
  for (const Expression::Term& term : expression.terms) {
    std::uint64_t value = term.count;
    if (!term.base.empty()) {
      auto base = value_of(term.base);
      if (!base) return base;
      value *= *base;
    }
    if (term.half) {
      auto page = value_of("page");
      if (!page) return page;
      value = value / 2 / std::max<std::uint64_t>(*page, 1) * *page;
    }
    sum = term.negative ? sum - value : sum + value;
  }
  return sum;
}

}  // namespace kexlab::scenario
