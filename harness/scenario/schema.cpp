// SPDX-License-Identifier: Apache-2.0
// The JSON Schema and the tables of the vocabulary page, both made from the vocabulary.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/scenario/scenario.h"
#include "harness/scenario/vocabulary.h"
#include "harness/targets/target.h"

namespace kexlab::scenario {
namespace {

using Json = nlohmann::ordered_json;

/// A value may be written by a parameter wherever it is no text already.
const Json& parameter() {
  static const Json schema{{"type", "string"}, {"pattern", "\\$"}};
  return schema;
}

Json any_of(std::vector<Json> schemas) { return Json{{"anyOf", std::move(schemas)}}; }
Json reference(std::string_view map) { return Json{{"$ref", fmt::format("#/definitions/{}", map)}}; }
Json list_of(Json item) { return Json{{"type", "array"}, {"items", std::move(item)}}; }

/// Text or number: YAML writes 6.1, 4096 and 386 without quotes.
Json scalar() { return Json{{"type", {"string", "number"}}}; }

std::vector<std::string> all_words(const Key& key) {
  std::vector<std::string> out;
  for (std::string& word : words_of(key)) {
    if (word == "@targets") {
      for (std::string& name : target_names()) out.push_back(std::move(name));
    } else {
      out.push_back(std::move(word));
    }
  }
  return out;
}

/// One of the words, as YAML may give them: `386` is a number there, `null` is null.
Json word(const Key& key, bool joined) {
  Json words = Json::array();
  std::vector<Json> choices;
  for (const std::string& name : all_words(key)) {
    if (name == "@number") {
      choices.push_back(Json{{"type", "integer"}, {"minimum", 0}});
      choices.push_back(Json{{"type", "string"}, {"pattern", "^0x[0-9a-fA-F]+$"}});
      continue;
    }
    words.push_back(name);
    if (name.find_first_not_of("0123456789") == std::string::npos) words.push_back(std::stoi(name));
    if (name == "null") words.push_back(nullptr);
  }
  choices.insert(choices.begin(), Json{{"enum", std::move(words)}});
  if (joined) choices.push_back(Json{{"type", "string"}, {"pattern", "\\|"}});
  choices.push_back(parameter());
  return any_of(std::move(choices));
}

Json value_schema(const Key& key) {
  switch (key.form) {
    case Form::text:
      return scalar();
    case Form::texts:
      return any_of({scalar(), list_of(scalar())});
    case Form::boolean:
      return any_of({Json{{"type", "boolean"}}, parameter()});
    case Form::number:
      return any_of(
          {Json{{"type", "integer"}, {"minimum", 0}}, Json{{"type", "string"}, {"pattern", "^0x[0-9a-fA-F]+$|\\$"}}});
    case Form::expression:
      return Json{{"type", {"string", "integer"}}};
    case Form::word:
      return word(key, false);
    case Form::words:
      return any_of({word(key, true), list_of(word(key, true))});
    case Form::map:
      return reference(key.detail);
    case Form::maps:
      return any_of({list_of(reference(key.detail)), reference(key.detail)});
    case Form::word_or_map:
      return any_of({word(key, false), reference(key.detail.substr(key.detail.find(':') + 1))});
    case Form::steps:
      return Json{{"type", "array"}, {"minItems", 1}, {"items", reference("step")}};
    case Form::parameters:
      return Json{{"type", "object"},
                  {"additionalProperties", any_of({Json{{"type", {"string", "number", "boolean"}}},
                                                   list_of(Json{{"type", {"string", "number", "boolean", "null"}}})})}};
    case Form::nothing:
      return Json{{"type", {"null", "object"}}, {"maxProperties", 0}};
  }
  return Json::object();
}

Json map_schema(const MapTitle& title) {
  Json properties = Json::object();
  Json required = Json::array();
  bool all_optional = true;
  for (const Key& key : vocabulary()) {
    if (key.map != title.map) continue;
    Json value = value_schema(key);
    value["description"] = key.meaning;
    properties[std::string(key.name)] = std::move(value);
    if (!key.required) continue;
    required.push_back(key.name);
    all_optional = false;
  }
  // `unload:` with nothing behind it is a map without keys.
  Json out{{"title", title.title}, {"type", all_optional ? Json{"object", "null"} : Json("object")}};
  out["properties"] = std::move(properties);
  out["additionalProperties"] = false;
  if (!all_optional) out["required"] = std::move(required);
  return out;
}

/// A step is a map with one action, or the bare word of an action that takes nothing.
Json step_schema(const MapTitle& title) {
  Json map = map_schema(title);
  Json actions = Json::array(), bare = Json::array();
  for (const Key& key : vocabulary()) {
    if (key.map != "step" || key.name == "expect") continue;
    actions.push_back(Json{{"required", {key.name}}});
    bare.push_back(key.name);
  }
  map["type"] = "object";
  map["oneOf"] = std::move(actions);
  return any_of({std::move(map), Json{{"enum", std::move(bare)}}});
}

std::string form_text(const Key& key) {
  auto joined = [](const Key& of) {
    std::string out;
    for (const std::string& word : all_words(of)) {
      out += fmt::format("{}{}", out.empty() ? "" : ", ", word == "@number" ? "a number" : fmt::format("`{}`", word));
    }
    return out;
  };
  switch (key.form) {
    case Form::text:
      return fmt::format("text, e.g. `{}`", key.detail);
    case Form::texts:
      return fmt::format("text or list of texts, e.g. `{}`", key.detail);
    case Form::boolean:
      return "`true`, `false`";
    case Form::number:
      return "number";
    case Form::expression:
      return "expression";
    case Form::word:
      return joined(key);
    case Form::words:
      return "one or a list of: " + joined(key);
    case Form::map:
      return fmt::format("map [{0}](#{0})", key.detail);
    case Form::maps:
      return fmt::format("list of maps [{0}](#{0})", key.detail);
    case Form::word_or_map:
      return fmt::format("{0}, or map [{1}](#{1})", joined(key), key.detail.substr(key.detail.find(':') + 1));
    case Form::steps:
      return "list of [step](#step)";
    case Form::parameters:
      return "map of lists";
    case Form::nothing:
      return "nothing";
  }
  return "";
}

}  // namespace

std::string json_schema() {
  Json definitions = Json::object();
  Json root;
  for (const MapTitle& title : vocabulary_maps()) {
    if (title.map == "scenario") {
      root = map_schema(title);
    } else {
      definitions[std::string(title.map)] = title.map == "step" ? step_schema(title) : map_schema(title);
    }
  }
  root["type"] = "object";
  root["oneOf"] = Json::array({Json{{"required", {"steps"}}}, Json{{"required", {"load"}}}});
  Json out{{"$schema", "http://json-schema.org/draft-07/schema#"}};
  for (auto& [key, value] : root.items()) out[key] = value;
  out["definitions"] = std::move(definitions);
  return out.dump(2) + "\n";
}

std::string vocabulary_tables() {
  std::string out;
  for (const MapTitle& title : vocabulary_maps()) {
    out +=
        fmt::format("<a id=\"{}\"></a>\n### {}\n\n| key | value | meaning |\n|---|---|---|\n", title.map, title.title);
    for (const Key& key : vocabulary()) {
      if (key.map != title.map) continue;
      out += fmt::format("| `{}`{} | {} | {} |\n", key.name, key.required ? " (required)" : "", form_text(key),
                         key.meaning);
    }
    out += "\n";
  }
  return out;
}

}  // namespace kexlab::scenario
