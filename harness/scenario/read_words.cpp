// SPDX-License-Identifier: Apache-2.0
// Words of scenarios into values.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/scenario/words.h"

namespace kexlab::scenario {
namespace {

constexpr std::uint64_t most_mib = std::uint64_t{1} << 20;  // 1 TiB: more than any host gives a guest
constexpr std::uint64_t most_seconds = 3600;

/// The value of a word in a table, or nothing.
template <class T>
std::optional<T> value_of(const Words<T>& words, std::string_view name) {
  auto found = std::find_if(words.begin(), words.end(), [&](const auto& row) { return row.first == name; });
  if (found == words.end()) return std::nullopt;
  return found->second;
}

bool starts_number(std::string_view text) { return !text.empty() && text[0] >= '0' && text[0] <= '9'; }

/// Splits "512 MiB" into its number and the word behind it.
Result<std::pair<std::uint64_t, std::string>> read_counted(const yaml::Node& node, std::string_view example) {
  auto text = yaml::as_string(node);
  if (!text) return tl::unexpected(text.error());
  std::uint64_t number = 0;
  auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  std::string word = text->substr(static_cast<std::size_t>(end - text->data()));
  word.erase(0, word.find_first_not_of(' '));
  if (code != std::errc() || word.empty()) {
    return yaml::fail_at(node.where(), fmt::format("a number and its unit are expected here, not `{}`", *text),
                         fmt::format("for example `{}`", example));
  }
  return std::pair(number, word);
}

Result<std::uint64_t> read_flag(const Words<std::uint64_t>& words, const yaml::Node& node, const std::string& word) {
  if (word == "none") return 0;
  if (starts_number(word)) return yaml::as_integer(yaml::Node::scalar(node.where(), word));
  if (auto value = value_of(words, word)) return *value;
  return yaml::fail_at(node.where(), fmt::format("unknown flag `{}`", word), yaml::suggestion(word, names(words)));
}

Result<std::uint64_t> read_flags(const Words<std::uint64_t>& words, const yaml::Node& node) {
  auto texts = yaml::list_of(yaml::as_string)(node);
  if (!texts) return tl::unexpected(texts.error());
  std::uint64_t flags = 0;
  for (const std::string& text : *texts) {
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find('|', at), text.size());
      std::string word = text.substr(at, end - at);
      word.erase(0, word.find_first_not_of(' '));
      word.erase(word.find_last_not_of(' ') + 1);
      auto flag = read_flag(words, node, word);
      if (!flag) return flag;
      flags |= *flag;
      at = end + 1;
    }
  }
  return flags;
}

}  // namespace

Result<Expression> read_expression(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return tl::unexpected(text.error());
  auto expression = parse_expression(*text);
  if (expression) return expression;
  const Error& error = expression.error();
  return yaml::fail_at(node.where(), fmt::format("{}: {}", error.asked, error.broke), error.hint);
}

Result<Expectation> read_expectation(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return tl::unexpected(text.error());
  Expectation out;
  out.text = *text;
  if (*text == "ok") return out;
  if (*text == "model") {
    out.kind = Expectation::Kind::model;
    return out;
  }
  if (auto error = value_of(errno_words(), *text)) {
    out.kind = Expectation::Kind::error;
    out.error = *error;
    return out;
  }
  if (text->starts_with("value ")) {
    auto value = yaml::as_integer(yaml::Node::scalar(node.where(), text->substr(6)), 1, 4096);
    if (!value) return tl::unexpected(value.error());
    out.kind = Expectation::Kind::value;
    out.value = static_cast<long>(*value);
    return out;
  }
  auto known = names(errno_words());
  known.insert(known.begin(), {"ok", "model", "value N"});
  const auto near = yaml::nearest(*text, known);
  return yaml::fail_at(node.where(), fmt::format("`{}` is no outcome of a call", *text),
                       near ? yaml::suggestion(*text, known) : "known: ok, model, value N, and the names of errnos");
}

Result<std::uint64_t> read_load_flags(const yaml::Node& node) { return read_flags(load_flag_words(), node); }
Result<std::uint64_t> read_file_load_flags(const yaml::Node& node) { return read_flags(file_load_flag_words(), node); }

Result<std::optional<std::uint64_t>> read_arch(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return tl::unexpected(text.error());
  if (*text == "own") return std::optional<std::uint64_t>();
  if (*text == "default") return std::optional(kexec::arch_default);
  if (auto value = value_of(arch_words(), *text)) return std::optional(*value);
  if (text->starts_with("0x")) {
    return yaml::as_integer(node, 0, kexec::arch_mask).map([](std::uint64_t value) { return std::optional(value); });
  }
  auto known = names(arch_words());
  known.insert(known.begin(), {"own", "default"});
  return yaml::fail_at(node.where(), fmt::format("unknown architecture `{}`", *text), yaml::suggestion(*text, known));
}

Result<PointerSpec> read_pointer(const yaml::Node& node) {
  if (node.is_null()) return PointerSpec{.kind = Pointer::null};
  if (auto text = yaml::as_string(node); text && text->starts_with("0x")) {
    return yaml::as_integer(node, 0, ~std::uint64_t{0}).map([](std::uint64_t address) {
      return PointerSpec{.kind = Pointer::address, .address = address};
    });
  }
  return yaml::as_word(node, names(pointer_words())).map([](const std::string& word) {
    return PointerSpec{.kind = value_of(pointer_words(), word).value()};
  });
}

Result<std::string> read_capability(const yaml::Node& node) { return yaml::as_word(node, capability_names()); }

Result<std::uint32_t> read_fill(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return tl::unexpected(text.error());
  if (!text->starts_with("pattern ")) {
    return yaml::fail_at(node.where(), fmt::format("a fill is expected here, not `{}`", *text),
                         "for example `pattern 1`");
  }
  return yaml::as_integer(yaml::Node::scalar(node.where(), text->substr(8)), 0, 0xffffffff).map([](std::uint64_t seed) {
    return static_cast<std::uint32_t>(seed);
  });
}

Result<std::uint64_t> read_mib(const yaml::Node& node) {
  auto counted = read_counted(node, "512 MiB");
  if (!counted) return tl::unexpected(counted.error());
  const auto& [number, unit] = *counted;
  if (unit != "MiB" && unit != "GiB") {
    return yaml::fail_at(node.where(), fmt::format("unknown unit `{}`", unit), yaml::suggestion(unit, {"MiB", "GiB"}));
  }
  const std::uint64_t factor = unit == "GiB" ? 1024 : 1;
  if (number == 0 || number > most_mib / factor) {
    return yaml::fail_at(node.where(), fmt::format("{} {} is not from 1 MiB to 1024 GiB", number, unit));
  }
  return number * factor;
}

Result<std::chrono::seconds> read_seconds(const yaml::Node& node) {
  auto counted = read_counted(node, "60 s");
  if (!counted) return tl::unexpected(counted.error());
  const auto& [number, unit] = *counted;
  if (unit != "s" && unit != "min") {
    return yaml::fail_at(node.where(), fmt::format("unknown unit `{}`", unit), yaml::suggestion(unit, {"s", "min"}));
  }
  const std::uint64_t factor = unit == "min" ? 60 : 1;
  if (number == 0 || number > most_seconds / factor) {
    return yaml::fail_at(node.where(), fmt::format("{} {} is not from 1 s to 60 min", number, unit));
  }
  return std::chrono::seconds(number * factor);
}

Result<std::string> read_version(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return text;
  int parts = 0;
  bool right = true;
  for (std::size_t at = 0; right && at <= text->size(); ++parts) {
    const std::size_t end = std::min(text->find('.', at), text->size());
    const std::string part = text->substr(at, end - at);
    right = !part.empty() && part.size() <= 4 && part.find_first_not_of("0123456789") == std::string::npos;
    at = end + 1;
  }
  if (right && (parts == 2 || parts == 3)) return text;
  return yaml::fail_at(node.where(), fmt::format("a kernel version is expected here, not `{}`", *text),
                       "for example `6.1`");
}

Result<std::string> read_option(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text) return text;
  if (text->starts_with("CONFIG_")) {
    return yaml::fail_at(node.where(), fmt::format("`{}` stands with its prefix", *text),
                         fmt::format("write `{}`", text->substr(7)));
  }
  const bool right =
      !text->empty() && text->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string::npos;
  if (right) return text;
  return yaml::fail_at(node.where(), fmt::format("a config option is expected here, not `{}`", *text),
                       "for example `CRASH_DUMP`");
}

Result<std::string> read_path(const yaml::Node& node) {
  auto text = yaml::as_string(node);
  if (!text || text->starts_with("/")) return text;
  return yaml::fail_at(node.where(), fmt::format("an absolute path is expected here, not `{}`", *text));
}

}  // namespace kexlab::scenario
