// SPDX-License-Identifier: Apache-2.0
// `load:` with its segments and its caller.
#include <fmt/format.h>

#include <set>

#include "harness/scenario/parse_steps.h"
#include "harness/scenario/vocabulary.h"
#include "harness/scenario/words.h"

namespace kexlab::scenario {
namespace {

constexpr std::uint64_t most_repeats = 64;
constexpr std::uint64_t most_times = 10'000;
constexpr std::size_t most_segments = 256;  // more than the kernel's 16, so that its limit can be tried

/// An entry of `segments:` before its repeats and defaults are written out.
struct SegmentEntry {
  SegmentSpec spec;
  std::optional<std::uint32_t> seed;
  std::uint64_t repeat = 1;
  std::optional<Expression> gap;
};

Result<SegmentEntry> parse_segment(const yaml::Node& node) {
  SegmentEntry out;
  MapReader row(node, "segment", "segment");
  row.optional("name", out.spec.name);
  row.optional("at", out.spec.at, read_expression);
  row.required("size", out.spec.size, read_expression);
  row.optional("data", out.spec.data, read_expression);
  row.optional("fill", out.seed, read_fill);
  row.optional("buf", out.spec.buf, read_pointer);
  row.optional("repeat", out.repeat, yaml::between(1, most_repeats));
  row.optional("gap", out.gap, read_expression);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  if (out.gap && !row.has("repeat"))
    return yaml::fail_at(node.where(), "`gap` without `repeat`", "write the gap into `at`");
  return out;
}

Expression sum(const Expression& a, const std::optional<Expression>& b) {
  Expression out = a;
  if (!b) return out;
  out.text += " + (" + b->text + ")";
  out.terms.insert(out.terms.end(), b->terms.begin(), b->terms.end());
  return out;
}

Expression base(std::string name) { return {name, {{.negative = false, .half = false, .count = 1, .base = name}}}; }

/// Writes the repeats and defaults of one entry out behind what is there.
void append(std::vector<SegmentSpec>& out, const SegmentEntry& entry, bool crash) {
  for (std::uint64_t i = 0; i < entry.repeat; ++i) {
    SegmentSpec spec = entry.spec;
    const std::size_t number = out.size() + 1;
    if (spec.name.empty()) {
      spec.name = fmt::format("segment {}", number);
    } else if (entry.repeat > 1) {
      spec.name += fmt::format(" {}", i + 1);
    }
    if (i > 0) spec.at = sum(base("previous end"), entry.gap);
    if (!spec.at) spec.at = base(!out.empty() ? "previous end" : crash ? "crash start" : "ram");
    spec.pattern = entry.seed ? *entry.seed + static_cast<std::uint32_t>(i) : static_cast<std::uint32_t>(number);
    out.push_back(std::move(spec));
  }
}

Status check_load(const LoadStep& load, const MapReader& row) {
  const Position& where = row.whole().where();
  if (load.kernel.empty()) {
    if (row.has("segments") && load.random) {
      return yaml::fail_at(where, "`segments` beside `random`", "a random layout makes its own");
    }
    if (row.has("segments") || load.random || load.witness || load.nr_segments) return {};
    return yaml::fail_at(where, "load has neither `kernel` nor `segments`", "add `kernel: self`, or `segments:`");
  }
  for (const char* key : {"segments", "random", "witness", "order", "entry"}) {
    if (row.has(key))
      return yaml::fail_at(where, fmt::format("`{}` beside `kernel`", key), "it belongs to explicit segments");
  }
  return {};
}

Status check_kernel_only(const LoadStep& load, const MapReader& row) {
  if (!load.kernel.empty()) return {};
  for (const char* key : {"initrd", "cmdline", "digest"}) {
    if (row.has(key)) return yaml::fail_at(row.whole().where(), fmt::format("`{}` without `kernel`", key));
  }
  return {};
}

Status check_names(const std::vector<SegmentSpec>& segments, const Position& where) {
  if (segments.size() > most_segments) {
    return yaml::fail_at(where, fmt::format("{} segments; at most {} can be written", segments.size(), most_segments));
  }
  std::set<std::string_view> seen;
  for (const SegmentSpec& segment : segments) {
    if (!seen.insert(segment.name).second) {
      return yaml::fail_at(where, fmt::format("two segments are named `{}`", segment.name));
    }
  }
  return {};
}

}  // namespace

Result<Credentials> parse_credentials(const yaml::Node& node) {
  Credentials out;
  MapReader row(node, "as", "as");
  row.optional("uid", out.uid);
  row.optional("drop", out.drop, yaml::list_of(read_capability));
  row.optional("userns", out.user_namespace);
  row.optional("pidns", out.pid_namespace);
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  return out;
}

Result<LoadStep> parse_load(const yaml::Node& node) {
  LoadStep out;
  std::vector<SegmentEntry> segments;
  std::string digest = "none", order = "as written";
  MapReader row(node, "load", "load");
  row.optional("kernel", out.kernel, yaml::word_of({"self", "next"}));
  row.optional("initrd", out.initrd);
  row.optional("cmdline", out.cmdline);
  row.optional("crash", out.crash);
  row.optional("digest", digest, yaml::word_of({"none", "fast"}));
  row.optional("segments", segments, yaml::list_of(parse_segment));
  row.optional("random", out.random);
  row.optional("witness", out.witness);
  row.optional("order", order, yaml::word_of({"as written", "reverse"}));
  row.optional("entry", out.entry, read_expression);
  row.optional("flags", out.extra_flags, read_load_flags);
  row.optional("arch", out.arch, read_arch);
  row.optional("nr", out.nr_segments);
  row.optional("array", out.array, read_pointer);
  row.optional("abi", out.abi, yaml::word_of(abi_words()));
  row.optional("as", out.as, parse_credentials);
  row.optional("times", out.repeat, yaml::between(1, most_times));
  if (auto status = row.done(); !status) return tl::unexpected(status.error());
  out.digest = digest == "fast";
  if (order == "reverse") out.order = {order};
  for (const SegmentEntry& entry : segments) append(out.segments, entry, out.crash);
  for (const Status& status :
       {check_load(out, row), check_kernel_only(out, row), check_names(out.segments, node.where())}) {
    if (!status) return tl::unexpected(status.error());
  }
  return out;
}

}  // namespace kexlab::scenario
