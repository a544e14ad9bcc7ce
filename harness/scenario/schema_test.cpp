// SPDX-License-Identifier: Apache-2.0
// The schema and the vocabulary page say what the parser does: files in the tree are compared with what the code makes,
// and scenarios go through both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "harness/scenario/scenario.h"
#include "harness/yaml/yaml.h"

namespace kexlab::scenario {
namespace {

using nlohmann::json;

/// YAML's core types for plain scalars, as an editor's YAML server resolves them.
json json_of(const yaml::Node& node) {
  switch (node.kind()) {
    case yaml::Kind::null:
      return nullptr;
    case yaml::Kind::scalar: {
      if (node.text() == "true" || node.text() == "false") return node.text() == "true";
      if (auto number = yaml::as_integer(node)) return *number;
      char* end = nullptr;
      const double real = std::strtod(node.text().c_str(), &end);
      if (!node.text().empty() && *end == '\0') return real;
      return node.text();
    }
    case yaml::Kind::list: {
      json out = json::array();
      for (const auto& item : node.items()) out.push_back(json_of(item));
      return out;
    }
    case yaml::Kind::map: {
      json out = json::object();
      for (const auto& entry : node.entries()) out[entry.key] = json_of(entry.value);
      return out;
    }
  }
  return nullptr;
}

std::string validate(const yaml::Node& root) {
  static const valijson::Schema& schema = [&]() -> const valijson::Schema& {
    static valijson::Schema built;
    static const json text = json::parse(json_schema());
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(text), built);
    return built;
  }();
  const json document = json_of(root);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(document), &results)) return "";
  std::string out = "refused";
  valijson::ValidationResults::Error error;
  while (results.popError(error)) out.append("; ").append(error.description);
  return out;
}

std::string tree(const std::string& path) { return std::string(KEXLAB_SOURCE_DIR) + "/" + path; }

TEST(Schema, TheFileInTheTreeIsTheOneThatTheCodeMakes) {
  const auto text = yaml::read_text(tree("scenarios/scenario.schema.json"));
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(*text, json_schema()) << "write it anew with: kexlab list --schema > scenarios/scenario.schema.json";
}

TEST(Vocabulary, ThePageHoldsTheTablesThatTheCodeMakes) {
  const auto page = yaml::read_text(tree("scenarios/README.md"));
  ASSERT_TRUE(page) << page.error().str();
  const std::string begin = "<!-- tables: made by the parser; a test compares them -->\n",
                    end = "<!-- end of tables -->";
  const auto from = page->find(begin), to = page->find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(page->substr(from + begin.size(), to - from - begin.size()), vocabulary_tables())
      << "put between the two marks what `kexlab list --vocabulary` prints";
}

TEST(Vocabulary, ThePageNamesEveryBaseOfExpressions) {
  const auto page = yaml::read_text(tree("scenarios/README.md"));
  ASSERT_TRUE(page);
  for (const std::string& name : base_names()) EXPECT_THAT(*page, testing::HasSubstr("`" + name + "`"));
}

TEST(Vocabulary, TheExamplesOfThePageAreScenarios) {
  const auto page = yaml::read_text(tree("scenarios/README.md"));
  ASSERT_TRUE(page);
  int examples = 0;
  for (std::size_t at = page->find("```yaml\n"); at != std::string::npos; at = page->find("```yaml\n", at + 1)) {
    const std::string text = page->substr(at + 8, page->find("```", at + 8) - at - 8);
    const auto scenarios = parse_scenarios(text, "README.md");
    EXPECT_TRUE(scenarios) << scenarios.error().str();
    const auto root = yaml::parse(text, "README.md");
    ASSERT_TRUE(root);
    EXPECT_EQ(validate(*root), "") << text;
    ++examples;
  }
  EXPECT_GE(examples, 2);
}

struct Row {
  const char* name;
  const char* steps;
  bool valid;
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.name; }
class SchemaRow : public testing::TestWithParam<Row> {};
TEST_P(SchemaRow, AgreesWithTheParser) {
  const std::string text = std::string("name: a\nabout: b\n") + GetParam().steps + "\n";
  const auto root = yaml::parse(text, "s.yaml");
  ASSERT_TRUE(root) << root.error().str();
  const auto scenarios = parse_scenarios(text, "s.yaml");
  EXPECT_EQ(scenarios.has_value(), GetParam().valid) << (scenarios ? "" : scenarios.error().str());
  EXPECT_EQ(validate(*root) == "", GetParam().valid) << validate(*root);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, SchemaRow,
    testing::Values(
        Row{"bare_word", "steps: [unload]", true}, Row{"empty_map", "steps: [{unload: {}}]", true},
        Row{"null_map", "steps:\n  - unload:", true}, Row{"arch_number", "load: {nr: 0, arch: 386}", true},
        Row{"arch_hex", "load: {nr: 0, arch: 0x30000}", true}, Row{"pointer_null", "load: {nr: 1, array: null}", true},
        Row{"flags_joined", "load: {nr: 0, flags: ON_CRASH|0x40}", true},
        Row{"flags_list", "load: {nr: 0, flags: [ON_CRASH, 0x40]}", true},
        Row{"parameter_for_number", "load: {nr: $n}\nmatrix: {n: [1, 2]}", true},
        Row{"parameter_for_boolean", "load: {nr: 0, crash: $c}\nmatrix: {c: [true, false]}", true},
        Row{"single_segment", "load: {segments: {size: 1 page}}", true},
        Row{"switch_word", "steps: [{load: {kernel: self}}, {switch: reboot}]", true},
        Row{"switch_map", "steps: [{load: {kernel: self}}, {switch: {how: reboot}}]", true},
        Row{"version_number", "since: 6.1\nsteps: [unload]", true},
        Row{"unknown_key", "tragets: all\nsteps: [unload]", false},
        Row{"unknown_action", "steps: [{laod: {nr: 0}}]", false},
        Row{"unknown_load_key", "load: {nr: 0, falgs: none}", false}, Row{"no_steps", "tags: x", false},
        Row{"steps_and_load", "steps: [unload]\nload: {nr: 0}", false}, Row{"empty_steps", "steps: []", false},
        Row{"two_actions", "steps: [{unload: {}, load: {nr: 0}}]", false},
        Row{"segment_without_size", "load: {segments: [{at: 0}]}", false},
        Row{"unknown_target", "targets: [vax]\nsteps: [unload]", false},
        Row{"unknown_flag", "load: {nr: 0, flags: [FAST]}", false},
        Row{"unknown_pointer", "load: {nr: 0, array: nil}", false}, Row{"text_for_number", "load: {nr: many}", false},
        Row{"text_for_boolean", "load: {nr: 0, crash: yes}", false}, Row{"unknown_bare_word", "steps: [unlaod]", false},
        Row{"hold_with_keys", "steps: [{hold: {x: 1}}, release]", false},
        Row{"switch_without_how", "steps: [{load: {kernel: self}}, {switch: {land: kernel}}]", false}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace kexlab::scenario
