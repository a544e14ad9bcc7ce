// SPDX-License-Identifier: Apache-2.0
// JUnit XML: a suite for each target and kernel, a case each, with the evidence in it.
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <pugixml.hpp>

#include "harness/report/report.h"

namespace kexlab::report {
namespace {

using engine::CaseResult;
using engine::Outcome;

std::string evidence(const CaseResult& result) {
  std::string text = result.reason + "\n";
  if (!result.where.empty()) text += "at " + result.where + "\n";
  for (const auto& step : result.steps) {
    text += fmt::format("{} {}: {}{}\n", step.good ? "ok  " : "BAD ", step.what, step.observed,
                        step.good || step.expected.empty() ? "" : " (expected " + step.expected + ")");
  }
  if (!result.console_tail.empty()) text += "console:\n" + result.console_tail;
  if (!result.diagnosis.empty()) text += "registers:\n" + result.diagnosis;
  return text + "again: " + result.reproduce + "\n";
}

class Junit : public engine::Sink {
 public:
  Junit(std::filesystem::path file, std::function<void(const Error&)> trouble)
      : file_(std::move(file)), trouble_(std::move(trouble)) {}

  void on(const engine::Event& event) override {
    if (const auto* started = std::get_if<engine::RunStarted>(&event)) started_ = *started;
    if (const auto* finished = std::get_if<engine::CaseFinished>(&event)) add(finished->result);
    if (const auto* end = std::get_if<engine::RunFinished>(&event)) write(*end);
  }

 private:
  struct Suite {
    std::vector<CaseResult> cases;
    std::size_t failures = 0, errors = 0, skipped = 0;
    double seconds = 0;
  };

  void add(const CaseResult& result) {
    Suite& suite = suites_[result.target + "/" + result.kernel];
    suite.failures += result.outcome == Outcome::failed || result.outcome == Outcome::timeout;
    suite.errors += result.outcome == Outcome::error;
    suite.skipped += result.outcome == Outcome::skipped;
    suite.seconds += result.seconds;
    suite.cases.push_back(result);
  }

  static void add_case(pugi::xml_node suite, const std::string& name, const CaseResult& result) {
    auto node = suite.append_child("testcase");
    node.append_attribute("classname") = name.c_str();
    node.append_attribute("name") = result.id.c_str();
    node.append_attribute("time") = fmt::format("{:.3f}", result.seconds).c_str();
    if (result.outcome == Outcome::passed) return;
    const char* tag = result.outcome == Outcome::skipped ? "skipped"
                      : result.outcome == Outcome::error ? "error"
                                                         : "failure";
    auto child = node.append_child(tag);
    child.append_attribute("message") = result.reason.c_str();
    if (result.outcome == Outcome::skipped) return;
    child.append_attribute("type") = engine::to_string(result.outcome);
    child.append_child(pugi::node_pcdata).set_value(evidence(result).c_str());
  }

  void write(const engine::RunFinished& end) {
    pugi::xml_document document;
    auto root = document.append_child("testsuites");
    root.append_attribute("name") = "kexlab";
    root.append_attribute("time") = fmt::format("{:.3f}", end.seconds).c_str();
    for (const auto& [name, suite] : suites_) {
      auto node = root.append_child("testsuite");
      node.append_attribute("name") = name.c_str();
      node.append_attribute("timestamp") = started_.started.c_str();
      node.append_attribute("tests") = suite.cases.size();
      node.append_attribute("failures") = suite.failures;
      node.append_attribute("errors") = suite.errors;
      node.append_attribute("skipped") = suite.skipped;
      node.append_attribute("time") = fmt::format("{:.3f}", suite.seconds).c_str();
      for (const auto& result : suite.cases) add_case(node, name, result);
    }
    if (!document.save_file(file_.c_str(), "  ")) {
      trouble_(Error{Errc::io, "write JUnit XML to " + file_.string(), std::strerror(errno),
                     "the results are in results.jsonl too"});
    }
  }

  std::filesystem::path file_;
  std::function<void(const Error&)> trouble_;
  engine::RunStarted started_;
  std::map<std::string, Suite> suites_;
};

}  // namespace

std::unique_ptr<engine::Sink> make_junit(const std::filesystem::path& file, std::function<void(const Error&)> trouble) {
  return std::make_unique<Junit>(file, std::move(trouble));
}

}  // namespace kexlab::report
