// SPDX-License-Identifier: Apache-2.0
// Reading and judging of the witness's records.
#include "harness/witness/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "harness/witness/witness.h"

namespace kexlab::witness {
namespace {

constexpr std::size_t max_record = 512;     // LINE_SIZE of line.h
constexpr std::size_t max_registers = 256;  // more than any target has
constexpr std::size_t max_name = 15;

Error refuse(std::string broke) { return {Errc::protocol, "read a record of the witness", std::move(broke), {}}; }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= max_name && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::optional<std::uint64_t> parse_digits(std::string_view text, int base, std::size_t most) {
  std::uint64_t value = 0;
  if (text.empty() || text.size() > most) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

/// Takes a record apart, word by word, in the grammar's order. The first mistake sticks: every later take gives
/// nothing.
class WitnessReport::Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::string_view word() {
    if (failed_) return {};
    const auto space = rest_.find(' ');
    const auto word = rest_.substr(0, space);
    rest_ = space == std::string_view::npos ? std::string_view() : rest_.substr(space + 1);
    if (word.empty()) failed_ = true;
    return word;
  }
  /// The value of the next word, which must be `key=value`.
  std::string_view value(std::string_view key) {
    const auto text = word();
    if (text.size() <= key.size() || !text.starts_with(key) || text[key.size()] != '=') {
      failed_ = true;
      return {};
    }
    return text.substr(key.size() + 1);
  }
  std::uint64_t hex(std::string_view key) { return number(value(key)); }
  std::uint32_t count(std::string_view key) {
    const auto parsed = parse_digits(value(key), 10, 9);
    if (!parsed) failed_ = true;
    return static_cast<std::uint32_t>(parsed.value_or(0));
  }
  /// True for "ok", false for "bad".
  bool ok(std::string_view key) {
    const auto text = value(key);
    if (text != "ok" && text != "bad") failed_ = true;
    return text == "ok";
  }
  std::uint64_t number(std::string_view text) {
    const auto parsed = text.starts_with("0x") ? parse_digits(text.substr(2), 16, 16) : std::nullopt;
    if (!parsed) failed_ = true;
    return parsed.value_or(0);
  }
  void fail() { failed_ = true; }
  [[nodiscard]] bool more() const { return !failed_ && !rest_.empty(); }
  /// Everything was understood and nothing is left.
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

WitnessReport::WitnessReport(WitnessTable expected) : expected_(std::move(expected)) {}

Status WitnessReport::take(ByteView payload) {
  const auto text = as_text(payload);
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  Status status;
  if (text.size() > max_record || !std::all_of(text.begin(), text.end(), printable) || text.ends_with(' ')) {
    status = tl::unexpected(
        refuse(fmt::format("{} bytes that are no line of at most {} printable ones", text.size(), max_record)));
  } else {
    status = take_record(text);
  }
  if (!status) {
    if (refused_++ == 0) first_refusal_ = status.error().broke;
  }
  return status;
}

Status WitnessReport::take_record(std::string_view text) {
  Reader reader(text);
  const auto verb = reader.word();
  if (verb == "begin" && progress_ == Progress::silent) return take_begin(reader);
  if (progress_ == Progress::begun) {
    if (verb == "regs") return take_regs(reader);
    if (verb == "seg") return take_seg(reader);
    if (verb == "end") return take_end(reader);
  }
  // A fault can strike before the first record too: then no nonce vouches for it, but the silence has a cause.
  if (verb == "fault" && !ended()) return take_fault(reader);
  return tl::unexpected(refuse(fmt::format("'{}' has no place here", text.substr(0, 80))));
}

Status WitnessReport::take_begin(Reader& reader) {
  const auto version = reader.count("version");
  const auto nonce = reader.value("nonce");
  const auto target = reader.value("target");
  const auto base = reader.hex("base");
  const auto count = reader.count("count");
  const bool returns = reader.more();
  const auto round = returns ? reader.count("round") : 0;
  const auto entry = returns ? reader.value("entry") : std::string_view("start");
  if (entry != "start" && entry != "again" && entry != "fixed") reader.fail();
  if (!reader.done() || !is_name(target)) return tl::unexpected(refuse("a `begin` record that is malformed"));
  if (version != WITNESS_VERSION)
    return tl::unexpected(refuse(fmt::format("version {}, expected {}", version, WITNESS_VERSION)));
  if (nonce != expected_.nonce)
    return tl::unexpected(refuse("a nonce that is not ours: another load's witness speaks"));
  if (count != expected_.entries.size() + 1) {
    return tl::unexpected(refuse(fmt::format("count {}, the table has {}", count, expected_.entries.size() + 1)));
  }
  target_ = target;
  base_ = base;
  round_ = round;
  again_ = entry == "fixed" ? std::nullopt : std::optional(entry == "again");
  progress_ = Progress::begun;
  return {};
}

Status WitnessReport::take_regs(Reader& reader) {
  Registers taken;
  while (reader.more()) {
    const auto word = reader.word();
    const auto equals = word.find('=');
    if (equals == std::string_view::npos || !is_name(word.substr(0, equals))) {
      reader.fail();
    } else if (!taken.emplace(word.substr(0, equals), reader.number(word.substr(equals + 1))).second) {
      reader.fail();
    }
  }
  const bool repeated =
      std::any_of(taken.begin(), taken.end(), [&](const auto& one) { return registers_.contains(one.first); });
  if (!reader.done() || repeated || registers_.size() + taken.size() > max_registers) {
    return tl::unexpected(refuse("a `regs` record that is malformed or repeats a register"));
  }
  registers_.merge(taken);
  return {};
}

Status WitnessReport::take_seg(Reader& reader) {
  const auto index = reader.count("index");
  Finding finding;
  const auto word = reader.word();
  if (word == "skip") {
    finding.skipped = true;
  } else if (word == "unreachable") {
    finding.unreachable = true;
  } else if (word == "digest=ok" || word == "digest=bad") {
    finding.contents_ok = word == "digest=ok";
    finding.found = reader.hex("found");
    if (!reader.ok("zero")) finding.nonzero_at = reader.hex("at");
  } else {
    reader.fail();
  }
  if (!reader.done()) return tl::unexpected(refuse("a `seg` record that is malformed"));
  if (index != findings_.size() || index > expected_.entries.size()) {
    return tl::unexpected(
        refuse(fmt::format("a record of segment {} where that of {} was due", index, findings_.size())));
  }
  // The verdict is ours wherever we know the digest; the witness's word alone would trust its copy of the table.
  const bool own = index == expected_.entries.size();
  if (!own && !finding.skipped && !finding.unreachable) {
    finding.contents_ok = finding.found == expected_.entries[index].digest;
  }
  findings_.push_back(finding);
  return {};
}

Status WitnessReport::take_fault(Reader& reader) {
  Fault fault;
  const auto segment = reader.value("seg");
  if (segment != "none") {
    const auto index = parse_digits(segment, 10, 9);
    if (!index) reader.fail();
    fault.segment = static_cast<std::uint32_t>(index.value_or(0));
  }
  fault.cause = reader.hex("cause");
  fault.pc = reader.hex("pc");
  fault.address = reader.hex("address");
  if (!reader.done()) return tl::unexpected(refuse("a `fault` record that is malformed"));
  fault_ = fault;
  progress_ = Progress::faulted;
  return {};
}

Status WitnessReport::take_end(Reader& reader) {
  const auto count = reader.count("count");
  reader.count("bad");  // counted anew from the findings
  if (!reader.done()) return tl::unexpected(refuse("an `end` record that is malformed"));
  if (count != findings_.size() || count != expected_.entries.size() + 1) {
    return tl::unexpected(
        refuse(fmt::format("an end after {} of {} segments", findings_.size(), expected_.entries.size() + 1)));
  }
  progress_ = Progress::complete;
  return {};
}

std::string WitnessReport::segment_name(std::size_t index) const {
  if (index >= expected_.entries.size()) return fmt::format("the witness's own segment ({:#x})", expected_.base);
  const auto& entry = expected_.entries[index];
  const auto name = entry.name.empty() ? std::string() : " \"" + entry.name + "\"";
  const auto last = entry.memsz == 0 ? entry.dest : entry.dest + entry.memsz - 1;
  return fmt::format("segment {}{} ({:#x}-{:#x})", index, name, entry.dest, last);
}

void WitnessReport::add_finding_problems(std::size_t index, std::vector<std::string>& out) const {
  const auto& finding = findings_[index];
  const auto name = segment_name(index);
  const bool own = index >= expected_.entries.size();
  const bool to_skip = !own && expected_.entries[index].skip;
  if (finding.skipped != to_skip) {
    out.push_back(name +
                  (to_skip ? ": looked at, though it was to be skipped" : ": skipped, though it was to be looked at"));
  } else if (finding.unreachable) {
    out.push_back(name + ": lies where the target cannot reach");
  } else if (own && !finding.contents_ok) {
    out.push_back(
        fmt::format("{}: its code or table differs, or it runs elsewhere (digest {:#x})", name, finding.found));
  } else if (!own && !to_skip && !finding.contents_ok) {
    out.push_back(fmt::format("{}: contents differ (digest {:#x} expected {:#x})", name, finding.found,
                              expected_.entries[index].digest));
  }
  if (finding.nonzero_at)
    out.push_back(fmt::format("{}: byte {:#x} behind the buffer is not zero", name, *finding.nonzero_at));
}

void WitnessReport::add_round_problems(std::vector<std::string>& out) const {
  if (round_ != expected_.round) {
    out.push_back(fmt::format("the witness counts its entry number {}, expected {}: what it wrote before was not kept",
                              round_, expected_.round));
  } else if (again_ && *again_ != (round_ > 1)) {
    out.push_back(
        fmt::format("the witness's entry number {} was at {}", round_,
                    *again_ ? "the place that only a return names" : "its first byte, not where it asked for"));
  }
}

void WitnessReport::add_progress_problems(std::vector<std::string>& out) const {
  if (progress_ == Progress::silent) out.emplace_back("the witness said nothing");
  if (progress_ == Progress::begun) {
    out.push_back(fmt::format("the witness fell silent after {} of {} segments, at {}", findings_.size(),
                              expected_.entries.size() + 1, segment_name(findings_.size())));
  }
  if (fault_) {
    const auto where = fault_->segment ? " while it looked at " + segment_name(*fault_->segment) : std::string();
    out.push_back(fmt::format("the witness faulted{} (cause {:#x}, address {:#x}, pc {:#x})", where, fault_->cause,
                              fault_->address, fault_->pc));
  }
}

std::optional<std::uint64_t> WitnessReport::counter(std::string_view name) const {
  const auto low = registers_.find(name);
  if (low == registers_.end()) return std::nullopt;
  const auto high = registers_.find(std::string(name) + "_high");
  return high == registers_.end() ? low->second : high->second << 32 | low->second;
}

std::vector<std::string> WitnessReport::problems() const {
  std::vector<std::string> out;
  if (progress_ != Progress::silent && !target_.empty() && base_ != expected_.base) {
    out.push_back(fmt::format("the witness runs at {:#x}, it was to be at {:#x}", base_, expected_.base));
  }
  if (progress_ != Progress::silent && !target_.empty()) add_round_problems(out);
  for (std::size_t i = 0; i < findings_.size(); ++i) add_finding_problems(i, out);
  add_progress_problems(out);
  if (refused_ != 0) out.push_back(fmt::format("{} records were refused, the first for: {}", refused_, first_refusal_));
  return out;
}

}  // namespace kexlab::witness
