// SPDX-License-Identifier: Apache-2.0
// YAML as users write it: a tree with positions, and a reader of maps that turns every mistake into file:line:column.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kexlab/error.h"

namespace kexlab::yaml {

/// Where something stands in a file.
struct Position {
  std::string file;
  int line = 0;    ///< from 1
  int column = 0;  ///< from 1
  /// "file:line:column".
  [[nodiscard]] std::string str() const;
  bool operator==(const Position&) const = default;
};

/// Bounds on what is read, so that no file takes the host's memory or stack.
struct Limits {
  std::size_t bytes = std::size_t{1} << 20;  ///< of the text
  std::size_t depth = 32;                    ///< lists and maps inside each other
  std::size_t nodes = 100'000;               ///< after aliases are replaced by what they stand for
};

enum class Kind { null, scalar, list, map };

/// An immutable node; copies share it.
class Node {
 public:
  struct Entry;  ///< a key and its value

  Node() = default;
  static Node null(Position where);
  static Node scalar(Position where, std::string text);
  static Node list(Position where, std::vector<Node> items);
  static Node map(Position where, std::vector<Entry> entries);

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::null; }
  [[nodiscard]] const Position& where() const;
  [[nodiscard]] const std::string& text() const;            ///< of a scalar, else empty
  [[nodiscard]] const std::vector<Node>& items() const;     ///< of a list, else empty
  [[nodiscard]] const std::vector<Entry>& entries() const;  ///< of a map in its order, keys unique; else empty
  [[nodiscard]] std::optional<Node> find(std::string_view key) const;
  [[nodiscard]] std::size_t weight() const;  ///< nodes in it, itself included

  /// The same tree with every scalar (not keys) replaced by what `change` makes of it.
  using Change = std::function<Result<std::string>(const std::string& text, const Position& where)>;
  [[nodiscard]] Result<Node> replace_scalars(const Change& change) const;

 private:
  struct Data;
  explicit Node(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};
struct Node::Entry {
  std::string key;
  Position where;  ///< of the key
  Node value;
};

/// A document of a file: its text, the line of the file that it starts at, and its root.
struct Document {
  std::string text;
  int first_line = 1;
  Node root;
};

/// The document of a text. `first_line` is the number of the text's first line, for messages.
/// Errors: invalid_argument (syntax, duplicate key, a key that is no scalar), no_space (limits).
Result<Node> parse(std::string_view text, const std::string& file, int first_line = 1, const Limits& limits = {});
/// All documents ("---" between them) that are not empty.
Result<std::vector<Document>> parse_documents(std::string_view text, const std::string& file,
                                              const Limits& limits = {});
/// Reads a whole file within limits.bytes. Errors: not_found, io, no_space.
Result<std::string> read_text(const std::string& path, const Limits& limits = {});

/// An error whose `asked` is the position.
tl::unexpected<Error> fail_at(const Position& where, std::string broke, std::string hint = {});

/// Number of insertions, deletions, replacements and swaps of neighbours between two words.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The nearest of `known`, or nothing where none is near (more than a third of its letters differ).
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);
/// "did you mean `x`?", or "known: a, b, c" where nothing is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

/// Scalars as values. Errors name the position, what stands there, and what should.
Result<std::string> as_string(const Node& node);
Result<bool> as_bool(const Node& node);
/// Decimal or 0x hexadecimal, in [least, most].
Result<std::uint64_t> as_integer(const Node& node, std::uint64_t least = 0,
                                 std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
/// A word of `known`.
Result<std::string> as_word(const Node& node, const std::vector<std::string>& known);

/// Readers to hand to Reader::required and Reader::optional.
inline auto between(std::uint64_t least, std::uint64_t most) {
  return [=](const Node& node) { return as_integer(node, least, most); };
}
inline auto word_of(std::vector<std::string> known) {
  return [known = std::move(known)](const Node& node) { return as_word(node, known); };
}
/// A list of what `read` reads; a single value may stand without brackets.
template <class Read>
auto list_of(Read read) {
  using Item = typename std::invoke_result_t<Read, const Node&>::value_type;
  return [read = std::move(read)](const Node& node) -> Result<std::vector<Item>> {
    std::vector<Item> out;
    if (node.is_null())
      return fail_at(node.where(), "a list is expected here, not nothing", "write [] for an empty list");
    const std::vector<Node> single{node};
    for (const Node& item : node.kind() == Kind::list ? node.items() : single) {
      auto value = read(item);
      if (!value) return tl::unexpected(value.error());
      out.push_back(std::move(*value));
    }
    return out;
  };
}

/// How a value of type T is read where no reader is given.
template <class T>
Result<T> read_as(const Node& node) {
  if constexpr (std::is_same_v<T, std::string>) {
    return as_string(node);
  } else if constexpr (std::is_same_v<T, bool>) {
    return as_bool(node);
  } else if constexpr (std::is_unsigned_v<T>) {
    auto value = as_integer(node, 0, std::numeric_limits<T>::max());
    if (!value) return tl::unexpected(value.error());
    return static_cast<T>(*value);
  } else if constexpr (requires {
                         typename T::value_type;
                         typename T::allocator_type;
                       }) {
    return list_of(read_as<typename T::value_type>)(node);
  } else {
    return read_as<typename T::value_type>(node).map([](auto value) { return T(std::move(value)); });
  }
}

/// Reads a map key by key. Mistakes are kept, not thrown: the first is what `done` returns. A key that nobody asked for
/// is a mistake too, so a reader of a map is the list of its keys:
///
///     yaml::Reader row(node, "target");
///     row.required("name", target.name);
///     row.optional("page_size", target.page_size, yaml::between(4096, 65536));
///     if (auto status = row.done(); !status) return tl::unexpected(status.error());
class Reader {
 public:
  /// `what` names the map in messages. Nothing (`key:` with no value) reads as an empty map.
  Reader(Node node, std::string what);

  template <class T>
  Reader& required(std::string_view key, T& out) {
    return take(key, out, true, read_as<T>);
  }
  template <class T, class Read>
  Reader& required(std::string_view key, T& out, Read read) {
    return take(key, out, true, std::move(read));
  }
  template <class T>
  Reader& optional(std::string_view key, T& out) {
    return take(key, out, false, read_as<T>);
  }
  template <class T, class Read>
  Reader& optional(std::string_view key, T& out, Read read) {
    return take(key, out, false, std::move(read));
  }

  /// The value of a key for reading by hand; the key counts as asked for.
  std::optional<Node> node(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const { return node_.find(key).has_value(); }
  /// Adds a mistake found by the caller.
  void mistake(Error error);
  [[nodiscard]] const Node& whole() const { return node_; }
  /// Keys asked for so far, in order.
  [[nodiscard]] const std::vector<std::string>& asked() const { return asked_; }

  /// The first mistake: an unknown key, else a bad value or a key that is missing.
  [[nodiscard]] Status done() const;

 private:
  template <class T, class Read>
  Reader& take(std::string_view key, T& out, bool needed, Read read) {
    auto value = this->node(key);
    if (!value) {
      if (needed) missing(key);
      return *this;
    }
    auto result = read(*value);
    if (!result) {
      mistake(result.error());
    } else if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>) {
      out = static_cast<T>(*result);
    } else {
      out = std::move(*result);
    }
    return *this;
  }
  void missing(std::string_view key);
  [[nodiscard]] std::optional<Error> unknown_key() const;

  Node node_;
  std::string what_;
  std::vector<std::string> asked_;
  std::optional<Error> bad_;
  std::optional<Error> missing_;
};

}  // namespace kexlab::yaml
