// SPDX-License-Identifier: Apache-2.0
// Every key that a scenario may hold, once: the parser checks itself against it, and the schema and the vocabulary page
// are made from it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/yaml/yaml.h"

namespace kexlab::scenario {

/// What may stand behind a key.
enum class Form {
  text,
  texts,  ///< a text or a list of texts
  boolean,
  number,       ///< decimal or 0x
  expression,   ///< an address or a size
  word,         ///< one of `detail`, "|" between them
  words,        ///< a list of them
  map,          ///< the map named by `detail`
  maps,         ///< a list of the map named by `detail`
  word_or_map,  ///< either: `detail` is "word|word|…:map"
  steps,        ///< a list of steps
  parameters,   ///< the matrix: names with lists of values
  nothing,      ///< no value
};

struct Key {
  std::string_view map;  ///< "scenario", "load", …
  std::string_view name;
  Form form = Form::text;
  std::string_view detail;   ///< of the form; for texts an example
  std::string_view meaning;  ///< for people, with the default
  bool required = false;
};

std::span<const Key> vocabulary();
/// Maps in the order of the page, with what each is.
struct MapTitle {
  std::string_view map;
  std::string_view title;
};
std::span<const MapTitle> vocabulary_maps();
/// Words of a `detail` that are filled from the tables of words ("@errno", "@flags", …) or stand in it.
std::vector<std::string> words_of(const Key& key);

/// A reader of one of the vocabulary's maps. `done` also fails where the reader and the vocabulary disagree, which any
/// test that reads the map shows.
class MapReader : public yaml::Reader {
 public:
  MapReader(yaml::Node node, std::string_view map, std::string what);
  [[nodiscard]] Status done() const;

 private:
  std::string_view map_;
};

}  // namespace kexlab::scenario
