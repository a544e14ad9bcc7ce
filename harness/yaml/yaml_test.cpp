// SPDX-License-Identifier: Apache-2.0
// Reading maps key by key, and the words for every mistake.
#include "harness/yaml/yaml.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kexlab::yaml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Machine {
  std::string name;
  unsigned cpus = 1;
  std::uint64_t address = 0;
  bool fast = false;
  std::optional<std::uint64_t> memory;
  std::vector<std::string> words;
  std::string kind = "small";
};

Result<Machine> read_machine(const Node& node) {
  Machine machine;
  Reader row(node, "machine");
  row.required("name", machine.name);
  row.optional("cpus", machine.cpus, between(1, 8));
  row.optional("address", machine.address);
  row.optional("fast", machine.fast);
  row.optional("memory", machine.memory);
  row.optional("words", machine.words);
  row.optional("kind", machine.kind, word_of({"small", "large"}));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return machine;
}

Result<Machine> machine_of(std::string_view text) {
  return parse(text, "m.yaml").and_then([](const Node& root) { return read_machine(root); });
}

TEST(Yaml, ReadsEveryKindOfValue) {
  const auto machine =
      machine_of("name: a\ncpus: 2\naddress: 0x1000\nfast: true\nmemory: 512\nwords: [x, \"y z\"]\nkind: large\n");
  ASSERT_TRUE(machine) << machine.error().str();
  EXPECT_EQ(machine->name, "a");
  EXPECT_EQ(machine->cpus, 2u);
  EXPECT_EQ(machine->address, 0x1000u);
  EXPECT_TRUE(machine->fast);
  EXPECT_EQ(machine->memory, 512u);
  EXPECT_THAT(machine->words, ElementsAre("x", "y z"));
  EXPECT_EQ(machine->kind, "large");
}

TEST(Yaml, KeepsDefaultsOfKeysThatAreNotThere) {
  const auto machine = machine_of("name: a");
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->cpus, 1u);
  EXPECT_EQ(machine->memory, std::nullopt);
}

TEST(Yaml, ASingleValueStandsForAListOfOne) {
  const auto machine = machine_of("{name: a, words: x}");
  ASSERT_TRUE(machine);
  EXPECT_THAT(machine->words, ElementsAre("x"));
}

struct Mistake {
  const char* name;
  const char* text;
  const char* where;
  const char* broke;
  const char* hint;
};
void PrintTo(const Mistake& row, std::ostream* out) { *out << row.name; }
class YamlMistake : public testing::TestWithParam<Mistake> {};

TEST_P(YamlMistake, IsToldWithPositionAndHint) {
  const auto machine = machine_of(GetParam().text);
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().asked, GetParam().where);
  EXPECT_THAT(machine.error().broke, HasSubstr(GetParam().broke));
  EXPECT_THAT(machine.error().hint, HasSubstr(GetParam().hint));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, YamlMistake,
    testing::Values(
        Mistake{"unknown_key", "name: a\ncpsu: 2\n", "m.yaml:2:1", "unknown key `cpsu` in machine",
                "did you mean `cpus`?"},
        Mistake{"misspelt_required_key", "nmae: a\n", "m.yaml:1:1", "unknown key `nmae`", "did you mean `name`?"},
        Mistake{"key_that_nothing_is_near", "name: a\nqqqqqq: 1\n", "m.yaml:2:1", "unknown key", "known: name, cpus"},
        Mistake{"missing_key", "cpus: 2\n", "m.yaml:1:1", "machine has no `name`", "add `name:`"},
        Mistake{"duplicate_key", "name: a\ncpus: 1\nname: b\n", "m.yaml:3:1", "second time", "the first is in line 1"},
        Mistake{"duplicate_key_in_flow", "{name: a, name: a}", "m.yaml:1:11", "second time", "line 1"},
        Mistake{"below_least", "name: a\ncpus: 0\n", "m.yaml:2:7", "from 1 to 8 is expected here, not `0`", ""},
        Mistake{"above_most", "name: a\ncpus: 9\n", "m.yaml:2:7", "from 1 to 8", ""},
        Mistake{"past_64_bits", "name: a\naddress: 0x10000000000000000\n", "m.yaml:2:10", "a number from 0 to", ""},
        Mistake{"negative", "name: a\ncpus: -1\n", "m.yaml:2:7", "whole number", "negative"},
        Mistake{"unit_on_a_number", "name: a\ncpus: 2 pages\n", "m.yaml:2:7", "whole number", "decimal or 0x"},
        Mistake{"octal", "name: a\ncpus: 010\n", "m.yaml:2:7", "without leading zeros", ""},
        Mistake{"bare_hex_prefix", "name: a\ncpus: 0x\n", "m.yaml:2:7", "whole number", ""},
        Mistake{"yes_is_no_bool", "name: a\nfast: yes\n", "m.yaml:2:7", "true or false is expected here, not `yes`",
                ""},
        Mistake{"list_for_text", "name: [a]\n", "m.yaml:1:7", "a text is expected here, not a list", ""},
        Mistake{"nothing_for_text", "name:\n", "m.yaml:1:1", "not nothing", ""},
        Mistake{"map_in_list_of_text", "name: a\nwords:\n  - x\n  - y: 1\n", "m.yaml:4:5", "not a map", ""},
        Mistake{"wrong_word", "name: a\nkind: lareg\n", "m.yaml:2:7", "one of small, large", "did you mean `large`?"},
        Mistake{"scalar_for_map", "machine", "m.yaml:1:1", "machine as a map of keys is expected here", ""},
        Mistake{"list_as_key", "name: a\n[x]: 1\n", "m.yaml:2:1", "a key must be a word", ""},
        Mistake{"syntax", "name: [a\n", "m.yaml:2:1", "", ""},
        Mistake{"tag", "name: !!int a\n", "m.yaml:1:7", "tag", ""},
        Mistake{"alias_to_itself", "name: &a [*a]\n", "m.yaml:1:11", "alias", ""},
        Mistake{"two_documents", "name: a\n---\nname: b\n", "m.yaml:1:1", "more than one document", ""}),
    [](const auto& row) { return row.param.name; });

TEST(Yaml, StopsAtTheSizeLimit) {
  const std::string just = "name: " + std::string(94, 'a');
  EXPECT_TRUE(parse(just, "m.yaml", 1, {.bytes = 100}));
  const auto more = parse(just + "a", "m.yaml", 1, {.bytes = 100});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Errc::no_space);
}

TEST(Yaml, StopsAtTheDepthLimit) {
  EXPECT_TRUE(parse("[[[1]]]", "m.yaml", 1, {.depth = 3}));
  const auto deeper = parse("[[[[1]]]]", "m.yaml", 1, {.depth = 3});
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().code, Errc::no_space);
}

TEST(Yaml, SurvivesNestingThatWouldOverflowAStack) {
  EXPECT_FALSE(parse(std::string(500'000, '['), "m.yaml"));
  EXPECT_FALSE(parse(std::string(500'000, '{'), "m.yaml"));
}

TEST(Yaml, CountsAliasesInFull) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) bomb += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}]\n", i, i - 1);
  const auto root = parse(bomb, "m.yaml");
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().code, Errc::no_space);
}

TEST(Yaml, AnAliasStandsForItsAnchor) {
  const auto root = parse("a: &x [1, 2]\nb: *x\n", "m.yaml");
  ASSERT_TRUE(root) << root.error().str();
  EXPECT_EQ(root->find("b")->items().size(), 2u);
  EXPECT_EQ(root->weight(), 9u);  // the map, 2 × (key, list, 2 items)
}

TEST(Yaml, DocumentsKeepTheLinesOfTheirFile) {
  const auto documents = parse_documents("# comment\n---\nname: a\n--- # second\nname: b\ncpsu: 1\n---\n", "m.yaml");
  ASSERT_TRUE(documents) << documents.error().str();
  ASSERT_EQ(documents->size(), 2u);
  EXPECT_EQ((*documents)[1].first_line, 4);
  const auto again = parse((*documents)[1].text, "m.yaml", (*documents)[1].first_line);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->entries().at(1).where.str(), "m.yaml:6:1");
}

TEST(Yaml, AMistakeInALaterDocumentHasItsLine) {
  const auto documents = parse_documents("a: 1\n---\nb: [\n", "m.yaml");
  ASSERT_FALSE(documents);
  EXPECT_THAT(documents.error().asked, testing::StartsWith("m.yaml:4:"));
}

TEST(Yaml, ReplacesScalarsAndKeepsPositions) {
  const auto root = parse("a: [x, {k: x}]\nx: y\n", "m.yaml");
  const auto changed =
      root->replace_scalars([](const std::string& text, const Position&) -> Result<std::string> { return text + "!"; });
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->find("a")->items()[0].text(), "x!");
  EXPECT_EQ(changed->find("a")->items()[1].find("k")->text(), "x!");
  EXPECT_EQ(changed->find("x")->text(), "y!");
  EXPECT_EQ(changed->find("x")->where(), root->find("x")->where());
}

TEST(Yaml, FilesThatCannotBeReadAreToldByName) {
  const auto text = read_text("/nowhere/at/all.yaml");
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::not_found);
  EXPECT_THAT(text.error().asked, HasSubstr("/nowhere/at/all.yaml"));
  EXPECT_FALSE(read_text("/"));  // a folder
}

TEST(EditDistance, CountsSwapsOnce) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", "acb"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_EQ(edit_distance("ca", "abc"), 3u);  // optimal string alignment: no edit inside a swap
}

TEST(Nearest, IsNothingWhereAllIsFar) {
  EXPECT_EQ(nearest("segmnts", {"segments", "size"}), "segments");
  EXPECT_EQ(nearest("EPREM", {"EPERM", "EINVAL"}), "EPERM");
  EXPECT_EQ(nearest("x", {"abc"}), std::nullopt);
  EXPECT_EQ(nearest("zzz", {"abc", "abd"}), std::nullopt);
}

}  // namespace
}  // namespace kexlab::yaml
