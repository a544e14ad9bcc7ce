// SPDX-License-Identifier: Apache-2.0
// The tree: immutable nodes that know where they stand.
#include <fmt/format.h>

#include "harness/yaml/yaml.h"

namespace kexlab::yaml {

struct Node::Data {
  Kind kind = Kind::null;
  Position where;
  std::string text;
  std::vector<Node> items;
  std::vector<Entry> entries;
  std::size_t weight = 1;
};

namespace {
const Position nowhere;
const std::string no_text;
const std::vector<Node> no_items;
const std::vector<Node::Entry> no_entries;
}  // namespace

std::string Position::str() const { return fmt::format("{}:{}:{}", file, line, column); }

Node Node::null(Position where) {
  auto data = std::make_shared<Data>();
  data->where = std::move(where);
  return Node(std::move(data));
}

Node Node::scalar(Position where, std::string text) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::scalar;
  data->where = std::move(where);
  data->text = std::move(text);
  return Node(std::move(data));
}

Node Node::list(Position where, std::vector<Node> items) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::list;
  data->where = std::move(where);
  for (const Node& item : items) data->weight += item.weight();
  data->items = std::move(items);
  return Node(std::move(data));
}

Node Node::map(Position where, std::vector<Entry> entries) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::map;
  data->where = std::move(where);
  for (const Entry& entry : entries) data->weight += 1 + entry.value.weight();
  data->entries = std::move(entries);
  return Node(std::move(data));
}

Kind Node::kind() const { return data_ ? data_->kind : Kind::null; }
const Position& Node::where() const { return data_ ? data_->where : nowhere; }
const std::string& Node::text() const { return data_ ? data_->text : no_text; }
const std::vector<Node>& Node::items() const { return data_ ? data_->items : no_items; }
const std::vector<Node::Entry>& Node::entries() const { return data_ ? data_->entries : no_entries; }
std::size_t Node::weight() const { return data_ ? data_->weight : 1; }

std::optional<Node> Node::find(std::string_view key) const {
  for (const Entry& entry : entries()) {
    if (entry.key == key) return entry.value;
  }
  return std::nullopt;
}

Result<Node> Node::replace_scalars(const Change& change) const {
  switch (kind()) {
    case Kind::null:
      return *this;
    case Kind::scalar:
      return change(text(), where()).map([this](std::string text) { return scalar(where(), std::move(text)); });
    case Kind::list: {
      std::vector<Node> out;
      for (const Node& item : items()) {
        auto changed = item.replace_scalars(change);
        if (!changed) return changed;
        out.push_back(std::move(*changed));
      }
      return list(where(), std::move(out));
    }
    case Kind::map: {
      std::vector<Entry> out;
      for (const Entry& entry : entries()) {
        auto changed = entry.value.replace_scalars(change);
        if (!changed) return changed;
        out.push_back({entry.key, entry.where, std::move(*changed)});
      }
      return map(where(), std::move(out));
    }
  }
  return *this;
}

tl::unexpected<Error> fail_at(const Position& where, std::string broke, std::string hint) {
  return fail(Errc::invalid_argument, where.str(), std::move(broke), std::move(hint));
}

}  // namespace kexlab::yaml
