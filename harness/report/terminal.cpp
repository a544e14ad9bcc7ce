// SPDX-License-Identifier: Apache-2.0
// What a person sees: a living line on a terminal, a plain line a case in a log, details of what went wrong, a table.
#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "harness/report/report.h"

namespace kexlab::report {
namespace {

using engine::CaseResult;
using engine::Outcome;

fmt::text_style style_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed:
      return fg(fmt::terminal_color::green);
    case Outcome::failed:
      return fg(fmt::terminal_color::red) | fmt::emphasis::bold;
    case Outcome::error:
      return fg(fmt::terminal_color::magenta) | fmt::emphasis::bold;
    case Outcome::timeout:
      return fg(fmt::terminal_color::yellow) | fmt::emphasis::bold;
    case Outcome::skipped:
      return fg(fmt::terminal_color::bright_black);
  }
  return {};
}

std::string indent(const std::string& text, const std::string& by) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out += by + line + "\n";
  return out;
}

class Terminal : public engine::Sink {
 public:
  Terminal(std::FILE* out, const TerminalOptions& options) : out_(out), options_(options) {}

  void on(const engine::Event& event) override {
    std::visit([this](const auto& one) { take(one); }, event);
    std::fflush(out_);
  }

 private:
  void take(const engine::RunStarted& run) {
    cases_ = run.cases;
    plain(fmt::format("run {}: {} cases, {} at a time", run.id, run.cases, run.jobs));
    std::set<std::string> targets;
    for (const auto& [name, origin] : run.kernels) {
      const bool under_test = !name.ends_with(" (next)");
      several_ |= under_test && !targets.insert(name.substr(0, name.find('/'))).second;
      plain(fmt::format("  {:<28} {}", name, origin.substr(0, origin.find(" sha256:"))));
    }
  }

  /// Of which target a result is, and of which kernel where the run has several of one target.
  [[nodiscard]] std::string whose(const std::string& target, const std::string& kernel) const {
    return several_ ? target + "/" + kernel : target;
  }

  void take(const engine::GuestReady& guest) {
    plain(fmt::format("guest  {} {} in {:.1f} s", guest.shape,
                      guest.from_snapshot ? "restored from an earlier run" : "booted", guest.seconds),
          true);
  }

  void take(const engine::CaseStarted& started) {
    if (options_.living)
      live(fmt::format("[{}/{}] {} {}", done_, cases_, whose(started.target, started.kernel), started.id));
  }

  void take(const engine::CaseFinished& finished) {
    const CaseResult& result = finished.result;
    ++done_;
    results_.push_back(result);
    const bool loud =
        result.outcome == Outcome::failed || result.outcome == Outcome::error || result.outcome == Outcome::timeout;
    const std::string word = fmt::format("{:<7}", engine::to_string(result.outcome));
    const std::string line =
        fmt::format(" {:<12} {:<44} {:6.2f} s{}", whose(result.target, result.kernel), result.id, result.seconds,
                    result.outcome == Outcome::skipped ? "  " + result.reason : "");
    erase();
    fmt::print(out_, "{}{}\n", options_.living ? fmt::format(style_of(result.outcome), "{}", word) : word, line);
    if (loud || options_.verbose) details(result, loud);
  }

  void details(const CaseResult& result, bool loud) {
    if (loud) fmt::print(out_, "        {}\n", result.reason);
    if (loud && !result.where.empty()) fmt::print(out_, "        at {}\n", result.where);
    for (const auto& step : result.steps) {
      fmt::print(out_, "        {} {}: {}{}\n", step.good ? "ok " : "BAD", step.what, step.observed,
                 step.good || step.expected.empty() ? "" : " (expected " + step.expected + ")");
    }
    if (loud && !result.console_tail.empty())
      fmt::print(out_, "        last console lines:\n{}", indent(last_lines(result.console_tail, 12), "        | "));
    if (loud) fmt::print(out_, "        again: {}\n", result.reproduce);
  }

  static std::string last_lines(const std::string& text, int count) {
    std::size_t at = text.size();
    for (int lines = 0; at > 0; --at) {
      if (text[at - 1] == '\n' && lines++ == count) break;
    }
    return text.substr(at);
  }

  void take(const engine::Notice& notice) {
    constexpr const char* names[] = {"note  ", "warning", "error "};
    plain(fmt::format("{} {}", names[static_cast<int>(notice.level)], notice.text));
  }

  void take(const engine::Progressed& progress) {
    const std::string percent = progress.fraction < 0 ? "" : fmt::format(" {:3.0f}%", progress.fraction * 100);
    if (options_.living) return live(progress.what + percent);
    if (progress.what != last_progress_) plain(progress.what);
    last_progress_ = progress.what;
  }

  void take(const engine::RunFinished& end) {
    erase();
    fmt::print(out_, "\n{}", table(results_));
    for (const auto& result : results_) {
      if (result.outcome == Outcome::passed || result.outcome == Outcome::skipped) continue;
      fmt::print(out_, "{:<7} {} {}: {}\n", engine::to_string(result.outcome), whose(result.target, result.kernel),
                 result.id, result.reason);
    }
    fmt::print(out_, "{}{:.1f} s, guests used at most {} MiB; results: {}\n",
               end.interrupted ? "INTERRUPTED after " : "", end.seconds, end.peak_memory_kib >> 10, end.results);
    if (end.interrupted) fmt::print(out_, "go on with: kexlab run --resume {}\n", end.results);
  }

  void plain(const std::string& text, bool only_verbose = false) {
    if (only_verbose && !options_.verbose) return;
    erase();
    fmt::print(out_, "{}\n", text);
  }

  void live(std::string text) {
    if (text.size() >= options_.width) text.resize(options_.width - 1);
    fmt::print(out_, "\r\x1b[2K{}", text);
    living_ = true;
  }
  void erase() {
    if (std::exchange(living_, false)) fmt::print(out_, "\r\x1b[2K");
  }

  std::FILE* out_;
  TerminalOptions options_;
  std::vector<CaseResult> results_;
  std::size_t cases_ = 0, done_ = 0;
  std::string last_progress_;
  bool living_ = false;
  bool several_ = false;
};

}  // namespace

std::unique_ptr<engine::Sink> make_terminal(std::FILE* out, const TerminalOptions& options) {
  return std::make_unique<Terminal>(out, options);
}

}  // namespace kexlab::report
