// SPDX-License-Identifier: Apache-2.0
// results/results.schema.json says what is really stored: every kind of line keeps it, and a mistake does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "harness/report/json.h"
#include "harness/report/report.h"
#include "harness/report/testing_events.h"

namespace kexlab::report {
namespace {

using nlohmann::json;

class ResultsSchema : public testing::Test {
 protected:
  ResultsSchema() {
    text_ = json::parse(std::ifstream(KEXLAB_SOURCE_DIR "/results/results.schema.json"));
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::NlohmannJsonAdapter(text_), schema_);
  }
  bool valid(const json& line) {
    return valijson::Validator().validate(schema_, valijson::adapters::NlohmannJsonAdapter(line), nullptr);
  }

  json text_;
  valijson::Schema schema_;
};

TEST_F(ResultsSchema, every_kind_of_stored_line_keeps_it) {
  std::set<std::string> kinds;
  for (const auto& events : {testing_events::one_of_each_kind(), testing_events::one_of_each_outcome()}) {
    for (const auto& event : events) {
      const json line = json::parse(to_json(event));
      EXPECT_TRUE(valid(line)) << line.dump(2);
      kinds.insert(line.at("type"));
    }
  }
  EXPECT_EQ(kinds.size(), text_.at("oneOf").size()) << "a kind of line that the schema knows is not tried here";
}

// Whatever key is taken away, added or given another type, the line is refused.
TEST_F(ResultsSchema, every_mistake_is_refused) {
  for (const auto& event : testing_events::one_of_each_kind()) {
    const json good = to_json_value(event);
    for (const auto& [key, value] : good.items()) {
      json without = good;
      without.erase(key);
      EXPECT_FALSE(valid(without)) << good.at("type") << " without " << key;
      json other = good;
      other[key] = value.is_string() ? json(7) : json("text");
      EXPECT_FALSE(valid(other)) << good.at("type") << " with another type of " << key;
    }
    json more = good;
    more["further"] = 1;
    EXPECT_FALSE(valid(more)) << good.at("type");
  }
}

TEST_F(ResultsSchema, values_that_cannot_be_are_refused) {
  json line = to_json_value(engine::CaseFinished{testing_events::failed_case()});
  for (const auto& [path, value] : std::vector<std::pair<std::string, json>>{
           {"/outcome", "fine"}, {"/seconds", -1}, {"/steps/0/good", 1}, {"/figures/load_ns", "1"}, {"/id", ""}}) {
    json bad = line;
    bad[json::json_pointer(path)] = value;
    EXPECT_FALSE(valid(bad)) << path;
  }
  EXPECT_FALSE(valid(to_json_value(engine::Progressed{"x", 0}))) << "progress is not stored";
}

}  // namespace
}  // namespace kexlab::report
