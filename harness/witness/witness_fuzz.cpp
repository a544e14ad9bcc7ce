// SPDX-License-Identifier: Apache-2.0
// Fuzzes the report: lines of the input are records, in the order in which they stand.
#include <cstdlib>
#include <string_view>

#include "harness/witness/report.h"

using namespace kexlab;

namespace {

// As in corpus/*: what the seeds were written against.
witness::WitnessTable table() {
  return {.nonce = "00112233445566778899aabbccddeeff",
          .base = 0x4000000,
          .entries = {{0x5000000, 0x4000, 0x10000, 0xf282570e279eadf2}, {0x6000000, 3, 0x1000, 1, "initrd", true}}};
}

void require(bool condition) {
  if (!condition) std::abort();
}

void feed(witness::WitnessReport& report, std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto before = report.refused();
    const bool taken = report.take(as_bytes(text.substr(0, end))).has_value();
    require(report.refused() == before + (taken ? 0 : 1));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  witness::WitnessReport report(table());
  feed(report, {reinterpret_cast<const char*>(data), size});
  require(report.findings().size() <= 3 && report.registers().size() <= 256);
  if (report.complete()) require(report.findings().size() == 3);
  if (!report.complete() || report.refused() != 0) require(!report.problems().empty());
  for (const auto& problem : report.problems()) require(problem.size() < 1024);
  for (const char* target : {"x86_64", "arm64", ""}) witness::check_registers(target, report.registers());
  return 0;
}
