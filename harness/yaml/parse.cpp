// SPDX-License-Identifier: Apache-2.0
// From text to tree: yaml-cpp's events, with the limits and the checks that yaml-cpp does not make.
#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <fstream>
#include <map>
#include <sstream>

#include "harness/yaml/yaml.h"

namespace kexlab::yaml {
namespace {

/// What the builder throws through yaml-cpp; caught in parse().
struct Stop {
  Error error;
};

/// Builds a tree from yaml-cpp's events. yaml-cpp's own nodes are not used: they keep duplicate keys, and an alias in
/// them may stand for a tree of any size.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string file, int first_line, const Limits& limits)
      : file_(std::move(file)), first_line_(first_line), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(Node::null(at(mark)), anchor); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (tag != "?" && tag != "!" && !tag.empty()) stop(at(mark), fmt::format("tag {} has no meaning here", tag));
    add(Node::scalar(at(mark), text), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(at(mark), "an alias inside the very value that it stands for");
    add(found->second, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Kind::list, mark, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Kind::map, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  [[nodiscard]] Node root() const { return root_; }
  [[nodiscard]] Position at(const YAML::Mark& mark) const {
    return {file_, std::max(mark.line, 0) + first_line_, std::max(mark.column, 0) + 1};
  }

 private:
  struct Open {
    Kind kind;
    Position where;
    YAML::anchor_t anchor;
    std::vector<Node> items;
    std::vector<Node::Entry> entries;
    std::map<std::string, int> lines;  ///< of the keys
    bool key_waits = false;            ///< the last entry has its key and no value yet
  };

  [[noreturn]] void stop(const Position& where, std::string broke, std::string hint = {},
                         Errc code = Errc::invalid_argument) {
    throw Stop{Error{code, where.str(), std::move(broke), std::move(hint)}};
  }

  void open(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (open_.size() >= limits_.depth) {
      stop(at(mark), fmt::format("more than {} lists and maps inside each other", limits_.depth), {}, Errc::no_space);
    }
    open_.push_back({kind, at(mark), anchor, {}, {}, {}, false});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    // Its parts are counted already.
    nodes_ -= done.kind == Kind::map ? map_weight(done.entries) : list_weight(done.items);
    add(done.kind == Kind::map ? Node::map(done.where, std::move(done.entries))
                               : Node::list(done.where, std::move(done.items)),
        done.anchor);
  }

  static std::size_t list_weight(const std::vector<Node>& items) {
    std::size_t sum = 0;
    for (const Node& item : items) sum += item.weight();
    return sum;
  }
  static std::size_t map_weight(const std::vector<Node::Entry>& entries) {
    std::size_t sum = 0;
    for (const auto& entry : entries) sum += 1 + entry.value.weight();
    return sum;
  }

  void add(const Node& node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    nodes_ += node.weight();
    if (nodes_ > limits_.nodes) {
      stop(node.where(), fmt::format("more than {} values, aliases counted in full", limits_.nodes), {},
           Errc::no_space);
    }
    if (open_.empty()) {
      root_ = node;
    } else if (open_.back().kind == Kind::list) {
      open_.back().items.push_back(node);
    } else if (open_.back().key_waits) {
      // yaml-cpp puts a value that is not there at the next token; its key is what the user looks for.
      Node::Entry& entry = open_.back().entries.back();
      entry.value = node.is_null() ? Node::null(entry.where) : node;
      open_.back().key_waits = false;
    } else {
      add_key(open_.back(), node);
    }
  }

  void add_key(Open& map, const Node& key) {
    if (key.kind() != Kind::scalar) stop(key.where(), "a key must be a word");
    auto [first, fresh] = map.lines.emplace(key.text(), key.where().line);
    if (!fresh) {
      stop(key.where(), fmt::format("key `{}` stands here for the second time", key.text()),
           fmt::format("the first is in line {}", first->second));
    }
    map.entries.push_back({key.text(), key.where(), Node::null(key.where())});
    map.key_waits = true;
  }

  std::string file_;
  int first_line_;
  Limits limits_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::vector<Open> open_;
  Node root_;
  std::size_t nodes_ = 0;
};

Status check_size(std::string_view text, const std::string& file, const Limits& limits) {
  if (text.size() <= limits.bytes) return {};
  return fail(Errc::no_space, "read " + file,
              fmt::format("the file has {} bytes, at most {} are read", text.size(), limits.bytes), "split the file");
}

bool is_document_start(std::string_view line) {
  return line.starts_with("---") && (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

}  // namespace

Result<Node> parse(std::string_view text, const std::string& file, int first_line, const Limits& limits) {
  if (auto status = check_size(text, file, limits); !status) return tl::unexpected(status.error());
  Builder builder(file, first_line, limits);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(builder)) return Node();
    if (parser) {
      Builder further(file, first_line, limits);
      if (parser.HandleNextDocument(further)) return fail_at({file, first_line, 1}, "more than one document");
    }
    return builder.root();
  } catch (const Stop& stop) {
    return tl::unexpected(stop.error);
  } catch (const YAML::Exception& exception) {
    return fail_at(builder.at(exception.mark), exception.msg.empty() ? "not YAML" : exception.msg);
  } catch (const std::exception& exception) {
    return fail_at({file, first_line, 1}, exception.what());
  }
}

Result<std::vector<Document>> parse_documents(std::string_view text, const std::string& file, const Limits& limits) {
  if (auto status = check_size(text, file, limits); !status) return tl::unexpected(status.error());
  std::vector<Document> out;
  Document document;
  auto finish = [&]() -> Status {
    auto root = parse(document.text, file, document.first_line, limits);
    if (!root) return tl::unexpected(root.error());
    document.root = std::move(*root);
    if (!document.root.is_null()) out.push_back(std::move(document));
    return {};
  };
  int line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view piece = text.substr(at, end - at);
    if (is_document_start(piece.substr(0, piece.find('\n')))) {
      if (auto status = finish(); !status) return tl::unexpected(status.error());
      document = Document{"", line, {}};
    }
    document.text += piece;
    at = end;
  }
  if (auto status = finish(); !status) return tl::unexpected(status.error());
  return out;
}

Result<std::string> read_text(const std::string& path, const Limits& limits) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::not_found, "read " + path, "the file cannot be opened");
  std::string text(limits.bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (in.fail() && !in.eof())) return fail(Errc::io, "read " + path, "reading failed");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (auto status = check_size(text, path, limits); !status) return tl::unexpected(status.error());
  return text;
}

}  // namespace kexlab::yaml
