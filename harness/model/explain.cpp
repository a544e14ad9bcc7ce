// SPDX-License-Identifier: Apache-2.0
// Who is to blame is found by leaving one segment out at a time: what then is no longer refused by this rule was it.
#include "harness/model/explain.h"

#include <fmt/format.h>

#include "harness/scenario/words.h"
#include "kexlab/text.h"

namespace kexlab::model {
namespace {

std::string answer_text(const Prediction& predicted) {
  if (predicted.error == 0) return predicted.value == 0 ? "ok" : fmt::format("value {}", predicted.value);
  for (const auto& [name, number] : scenario::errno_words()) {
    if (number == predicted.error) return name;
  }
  return fmt::format("errno {}", predicted.error);
}

std::string segment_text(const Segment& segment, std::size_t index) {
  return fmt::format("segment {} '{}': {} bytes at {} from {} bytes, {}", index, segment.name, hex(segment.memsz),
                     hex(segment.mem), hex(segment.bufsz), to_string(segment.buf));
}

/// Indices of the segments without which another rule, or none, would decide.
std::vector<std::size_t> to_blame(const Situation& situation, const Plan& plan, const scenario::Credentials& as,
                                  bool compat, const Rule* rule) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; plan.segments.size() > 1 && i < plan.segments.size(); ++i) {
    Plan without = plan;
    without.segments.erase(without.segments.begin() + static_cast<std::ptrdiff_t>(i));
    if (without.nr_segments) without.nr_segments.reset();
    if (predict(situation, without, as, compat).rule != rule) out.push_back(i);
  }
  return out;
}

}  // namespace

std::vector<std::string> unknowns(const Situation& situation) {
  std::vector<std::string> out;
  if (situation.config.empty()) {
    out.emplace_back("the kernel's configuration: CONFIG_KEXEC is taken to be set, CONFIG_KEXEC_JUMP not to be");
  }
  if (situation.ram_pages == 0) out.emplace_back("how much RAM the kernel counts: half of it is not compared");
  if (!situation.crash_reservation) out.emplace_back("a reservation for a crash kernel: the machine shows none");
  return out;
}

std::string explain(const Situation& situation, const Plan& plan, const scenario::Credentials& as, bool compat) {
  const Prediction predicted = predict(situation, plan, as, compat);
  const Rule& rule = *predicted.rule;
  const bool refused = predicted.error != 0 || predicted.value != 0;
  std::string out = refused ? fmt::format("kexec_load would be refused: {}\n", answer_text(predicted))
                            : std::string("kexec_load would be accepted\n");
  out += fmt::format("  rule     {}: {}\n  source   {}\n", rule.name, rule.text, rule.source);
  if (refused) {
    for (const std::size_t i : to_blame(situation, plan, as, compat, predicted.rule)) {
      out += fmt::format("  because  {}\n", segment_text(plan.segments[i], i));
    }
    if (!rule.advice.empty()) out += fmt::format("  do       {}\n", rule.advice);
  }
  out += fmt::format("  after it kexec_loaded={:d} kexec_crash_loaded={:d}\n", predicted.after.loaded,
                     predicted.after.crash_loaded);
  for (const auto& unknown : unknowns(situation)) out += fmt::format("  unknown  {}\n", unknown);
  return out;
}

}  // namespace kexlab::model
