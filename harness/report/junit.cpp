// SPDX-License-Identifier: Apache-2.0
// JUnit XML: a suite for each target and kernel, a case each, with the evidence in it.
#include <fmt/format.h>

#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "harness/report/report.h"

namespace kexlab::report {
namespace {

using engine::CaseResult;
using engine::Outcome;

/// Text that XML 1.0 can hold (its rule Char): bytes that are no UTF-8 become U+FFFD, control characters "\\xNN".
std::string xml_text(const std::string& raw) {
  using nlohmann::json;
  const std::string utf8 =
      json::parse(json(raw).dump(-1, ' ', false, json::error_handler_t::replace)).get<std::string>();
  std::string text;
  for (std::size_t at = 0; at < utf8.size(); ++at) {
    const auto byte = static_cast<unsigned char>(utf8[at]);
    const std::string_view three = std::string_view(utf8).substr(at, 3);
    if (three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf") {  // U+FFFE and U+FFFF
      text += "\xef\xbf\xbd";
      at += 2;
    } else if ((byte >= 0x20 && byte != 0x7f) || byte == '\n' || byte == '\t') {
      text += utf8[at];
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text;
}

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
    node.append_attribute("classname") = xml_text(name).c_str();
    node.append_attribute("name") = xml_text(result.id).c_str();
    node.append_attribute("time") = fmt::format("{:.3f}", result.seconds).c_str();
    if (result.outcome == Outcome::passed) return;
    const char* tag = result.outcome == Outcome::skipped ? "skipped"
                      : result.outcome == Outcome::error ? "error"
                                                         : "failure";
    auto child = node.append_child(tag);
    child.append_attribute("message") = xml_text(result.reason).c_str();
    if (result.outcome == Outcome::skipped) return;
    child.append_attribute("type") = engine::to_string(result.outcome);
    child.append_child(pugi::node_pcdata).set_value(xml_text(evidence(result)).c_str());
  }

  void write(const engine::RunFinished& end) {
    pugi::xml_document document;
    auto root = document.append_child("testsuites");
    root.append_attribute("name") = "kexlab";
    root.append_attribute("time") = fmt::format("{:.3f}", end.seconds).c_str();
    for (const auto& [name, suite] : suites_) {
      auto node = root.append_child("testsuite");
      node.append_attribute("name") = xml_text(name).c_str();
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
