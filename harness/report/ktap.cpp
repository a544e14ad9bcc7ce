// SPDX-License-Identifier: Apache-2.0
// KTAP as results come. Source: Documentation/dev-tools/ktap.rst.
#include <fmt/format.h>

#include <sstream>

#include "harness/report/report.h"

namespace kexlab::report {
namespace {

using engine::Outcome;

class Ktap : public engine::Sink {
 public:
  explicit Ktap(std::FILE* out) : out_(out) {}

  void on(const engine::Event& event) override {
    if (const auto* started = std::get_if<engine::RunStarted>(&event))
      line(fmt::format("KTAP version 1\n1..{}", started->cases));
    if (const auto* notice = std::get_if<engine::Notice>(&event)) diagnostics(notice->text);
    if (const auto* finished = std::get_if<engine::CaseFinished>(&event)) result(finished->result);
    if (const auto* end = std::get_if<engine::RunFinished>(&event)) finish(*end);
    std::fflush(out_);
  }

 private:
  void line(const std::string& text) { fmt::print(out_, "{}\n", text); }

  void diagnostics(const std::string& text) {
    std::istringstream lines(text);
    for (std::string one; std::getline(lines, one);) line("# " + one);
  }

  static std::string one_line(std::string text) {
    for (char& c : text) c = c == '\n' ? ' ' : c;
    return text;
  }

  // '#' starts a directive in KTAP, so a name must not hold one.
  static std::string name_of(const engine::CaseResult& result) {
    std::string name = fmt::format("{}@{}/{}", result.id, result.target, result.kernel);
    for (char& c : name) c = c == '#' ? '_' : c;
    return one_line(std::move(name));
  }

  void result(const engine::CaseResult& result) {
    ++number_;
    const bool good = result.outcome == Outcome::passed || result.outcome == Outcome::skipped;
    const std::string directive = result.outcome == Outcome::skipped   ? " # SKIP " + one_line(result.reason)
                                  : result.outcome == Outcome::timeout ? " # TIMEOUT"
                                                                       : "";
    if (!good) {
      diagnostics(fmt::format("{}: {}", engine::to_string(result.outcome), result.reason));
      diagnostics(result.console_tail);
      diagnostics("again: " + result.reproduce);
    }
    line(fmt::format("{} {} - {}{}", good ? "ok" : "not ok", number_, name_of(result), directive));
  }

  void finish(const engine::RunFinished& end) {
    if (end.interrupted) line("Bail out! the run was interrupted");
    line(fmt::format("# Totals: pass:{} fail:{} xfail:0 xpass:0 skip:{} error:{}", end.total.passed,
                     end.total.failed + end.total.timeout, end.total.skipped, end.total.error));
  }

  std::FILE* out_;
  std::size_t number_ = 0;
};

}  // namespace

std::unique_ptr<engine::Sink> make_ktap(std::FILE* out) { return std::make_unique<Ktap>(out); }

}  // namespace kexlab::report
