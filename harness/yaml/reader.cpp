// SPDX-License-Identifier: Apache-2.0
// Values out of nodes, with the nearest right word where one is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/yaml/yaml.h"

namespace kexlab::yaml {
namespace {

std::string describe(const Node& node) {
  switch (node.kind()) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return fmt::format("`{}`", node.text());
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "nothing";
}

tl::unexpected<Error> expected(const Node& node, std::string_view what, std::string hint = {}) {
  return fail_at(node.where(), fmt::format("{} is expected here, not {}", what, describe(node)), std::move(hint));
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Optimal string alignment: three rows, since a swap looks two rows back.
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.size() > 64) return std::nullopt;
  std::optional<std::string> best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(lower(word), lower(candidate));
    if (distance < best_distance && distance < candidate.size()) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  if (auto near = nearest(word, known)) return fmt::format("did you mean `{}`?", *near);
  return known.empty() ? "nothing is known here" : fmt::format("known: {}", fmt::join(known, ", "));
}

Result<std::string> as_string(const Node& node) {
  if (node.kind() != Kind::scalar) return expected(node, "a text");
  return node.text();
}

Result<bool> as_bool(const Node& node) {
  if (node.text() == "true") return true;
  if (node.text() == "false") return false;
  return expected(node, "true or false");
}

Result<std::uint64_t> as_integer(const Node& node, std::uint64_t least, std::uint64_t most) {
  const std::string& text = node.text();
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  const char* first = text.data() + (hex ? 2 : 0);
  const char* last = text.data() + text.size();
  std::uint64_t value = 0;
  auto [end, code] = std::from_chars(first, last, value, hex ? 16 : 10);
  if (node.kind() != Kind::scalar || end != last || first == last || code == std::errc::invalid_argument) {
    return expected(node, "a whole number",
                    text.starts_with("-") ? "it cannot be negative" : "decimal or 0x hexadecimal");
  }
  if (!hex && text.size() > 1 && text[0] == '0') return expected(node, "a number without leading zeros");
  if (code != std::errc() || value < least || value > most) {
    return expected(node, fmt::format("a number from {} to {}", least, most));
  }
  return value;
}

Result<std::string> as_word(const Node& node, const std::vector<std::string>& known) {
  auto word = as_string(node);
  if (!word || std::find(known.begin(), known.end(), *word) != known.end()) return word;
  return expected(node, fmt::format("one of {}", fmt::join(known, ", ")),
                  nearest(*word, known) ? suggestion(*word, known) : "");
}

Reader::Reader(Node node, std::string what) : node_(std::move(node)), what_(std::move(what)) {
  if (node_.kind() == Kind::map || node_.kind() == Kind::null) return;
  bad_ = expected(node_, fmt::format("{} as a map of keys", what_)).value();
}

std::optional<Node> Reader::node(std::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
  return node_.find(key);
}

void Reader::mistake(Error error) {
  if (!bad_) bad_ = std::move(error);
}

void Reader::missing(std::string_view key) {
  if (missing_) return;
  missing_ = fail_at(node_.where(), fmt::format("{} has no `{}`", what_, key), fmt::format("add `{}:`", key)).value();
}

std::optional<Error> Reader::unknown_key() const {
  for (const Node::Entry& entry : node_.entries()) {
    if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
    return fail_at(entry.where, fmt::format("unknown key `{}` in {}", entry.key, what_), suggestion(entry.key, asked_))
        .value();
  }
  return std::nullopt;
}

Status Reader::done() const {
  // A misspelt key is the likelier cause of a missing one.
  if (auto unknown = unknown_key()) return tl::unexpected(*unknown);
  if (bad_) return tl::unexpected(*bad_);
  if (missing_) return tl::unexpected(*missing_);
  return {};
}

}  // namespace kexlab::yaml
