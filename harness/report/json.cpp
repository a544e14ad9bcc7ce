// SPDX-License-Identifier: Apache-2.0
// Events as JSON and back.
#include "harness/report/json.h"

#include <fmt/format.h>

#include "harness/report/report.h"

namespace kexlab::report {
namespace {

using nlohmann::json;
using namespace engine;

json steps_to_json(const std::vector<StepRecord>& steps) {
  json list = json::array();
  for (const auto& step : steps) {
    list.push_back({{"what", step.what},
                    {"observed", step.observed},
                    {"expected", step.expected},
                    {"good", step.good},
                    {"seconds", step.seconds}});
  }
  return list;
}

json to_value(const CaseResult& r) {
  json parameters = json::array();
  for (const auto& [name, value] : r.parameters) parameters.push_back({{"name", name}, {"value", value}});
  return {{"type", "case"},
          {"id", r.id},
          {"scenario", r.scenario},
          {"about", r.about},
          {"target", r.target},
          {"kernel", r.kernel},
          {"parameters", parameters},
          {"outcome", to_string(r.outcome)},
          {"reason", r.reason},
          {"rule", r.rule},
          {"where", r.where},
          {"seconds", r.seconds},
          {"steps", steps_to_json(r.steps)},
          {"console_tail", r.console_tail},
          {"diagnosis", r.diagnosis},
          {"figures", r.figures},
          {"reproduce", r.reproduce}};
}

json to_value(const RunStarted& r) {
  return {{"type", "run"},      {"id", r.id},           {"started", r.started}, {"version", r.version},
          {"cases", r.cases},   {"jobs", r.jobs},       {"kernels", r.kernels}, {"host", r.host},
          {"wanted", r.wanted}, {"targets", r.targets}, {"kernel", r.kernel},   {"next", r.next}};
}

json to_value(const Tally& t) {
  return {
      {"passed", t.passed}, {"failed", t.failed}, {"error", t.error}, {"timeout", t.timeout}, {"skipped", t.skipped}};
}

json to_value(const RunFinished& r) {
  json targets = json::object();
  for (const auto& [name, tally] : r.by_target) targets[name] = to_value(tally);
  return {{"type", "end"},        {"by_target", targets},         {"total", to_value(r.total)},
          {"seconds", r.seconds}, {"interrupted", r.interrupted}, {"peak_memory_kib", r.peak_memory_kib}};
}

json to_value(const GuestReady& g) {
  return {{"type", "guest"},  {"target", g.target},   {"kernel", g.kernel},
          {"shape", g.shape}, {"seconds", g.seconds}, {"from_snapshot", g.from_snapshot}};
}
json to_value(const CaseStarted& c) {
  return {{"type", "start"}, {"id", c.id}, {"target", c.target}, {"kernel", c.kernel}};
}
json to_value(const CaseFinished& c) { return to_value(c.result); }
json to_value(const Notice& n) {
  constexpr const char* names[] = {"info", "warning", "error"};
  return {{"type", "notice"}, {"level", names[static_cast<int>(n.level)]}, {"text", n.text}};
}
json to_value(const Progressed& p) { return {{"type", "progress"}, {"what", p.what}, {"fraction", p.fraction}}; }

}  // namespace

json to_json_value(const Event& event) {
  return std::visit([](const auto& one) { return to_value(one); }, event);
}

// What is not UTF-8 (a file name, a library's message) is replaced rather than lost.
std::string to_json(const Event& event) {
  return to_json_value(event).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<CaseResult> case_from_json(const json& j) try {
  CaseResult r;
  r.id = j.at("id");
  r.scenario = j.at("scenario");
  r.about = j.at("about");
  r.target = j.at("target");
  r.kernel = j.at("kernel");
  for (const auto& p : j.at("parameters")) r.parameters.emplace_back(p.at("name"), p.at("value"));
  const auto outcome = outcome_from(j.at("outcome").get<std::string>());
  if (!outcome) return fail(Errc::corrupt, "read a stored result", "unknown outcome " + j.at("outcome").dump());
  r.outcome = *outcome;
  r.reason = j.at("reason");
  r.rule = j.at("rule");
  r.where = j.at("where");
  r.seconds = j.at("seconds");
  for (const auto& s : j.at("steps"))
    r.steps.push_back({s.at("what"), s.at("observed"), s.at("expected"), s.at("good"), s.at("seconds")});
  r.console_tail = j.at("console_tail");
  r.diagnosis = j.at("diagnosis");
  r.figures = j.at("figures").get<std::map<std::string, double>>();
  r.reproduce = j.at("reproduce");
  return r;
} catch (const json::exception& error) {
  return fail(Errc::corrupt, "read a stored result", error.what());
}

Result<RunStarted> run_from_json(const json& j) try {
  RunStarted r;
  r.id = j.at("id");
  r.started = j.at("started");
  r.version = j.at("version");
  r.cases = j.at("cases");
  r.jobs = j.at("jobs");
  r.kernels = j.at("kernels").get<std::map<std::string, std::string>>();
  r.host = j.at("host").get<std::map<std::string, std::string>>();
  r.wanted = j.at("wanted").get<std::vector<std::string>>();
  r.targets = j.at("targets").get<std::vector<std::string>>();
  r.kernel = j.at("kernel");
  r.next = j.at("next");
  return r;
} catch (const json::exception& error) {
  return fail(Errc::corrupt, "read a stored run", error.what());
}

}  // namespace kexlab::report
