// SPDX-License-Identifier: Apache-2.0
// Random calls: the same for the same seed, they reach every rule that they can, shrink to what matters, and survive
// the way through a scenario file.
#include "harness/random/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "harness/random/source.h"

namespace kexlab::random {
namespace {

constexpr std::uint64_t x86_64 = std::uint64_t{62} << 16;
constexpr std::uint64_t mib = std::uint64_t{1} << 20;

World world(unsigned minor = 1) {
  World out;
  out.situation.arch = "x86_64";
  out.situation.minor = minor;
  out.situation.ram_pages = 120'000;
  out.situation.crash_reservation = Range{320 * mib, 480 * mib};
  out.situation.config = {{"KEXEC", "y"}, {"CRASH_DUMP", "y"}, {"PID_NS", "y"}};
  out.kexec_arch = x86_64;
  out.usable = RangeSet({{mib, 320 * mib}, {480 * mib, 500 * mib}});
  out.kernel = Range{16 * mib, 40 * mib};
  out.compat = true;
  return out;
}

/// A world where kernels are loaded from files too.
World world_with_files() {
  static constexpr model::HeaderField fields[] = {{0x1f1, 1}, {0x202, 4}};
  static constexpr model::FileHeader header{.memory = {0x260, 4}, .others = fields};
  World out = world();
  out.header = &header;
  return out;
}

/// The rule that decides each call of an episode, as the model says, the state going from one to the next.
std::vector<model::Prediction> predict_all(World on, const Episode& episode) {
  std::vector<model::Prediction> out;
  for (const Attempt& call : episode) {
    out.push_back(model::predict(on.situation, call.plan, call.as, call.compat));
    on.situation.state = out.back().after;
  }
  return out;
}

TEST(Episodes, AreTheSameForTheSameSeedAndDifferElse) {
  EXPECT_EQ(make_episode(world(), 1, 7), make_episode(world(), 1, 7));
  EXPECT_NE(make_episode(world(), 1, 7), make_episode(world(), 1, 8));
  EXPECT_NE(make_episode(world(), 1, 7), make_episode(world(), 2, 7));
}

TEST(Episodes, SayNothingThatAWordOf32BitsCannotHold) {
  World narrow = world();
  narrow.situation.arch = "i386";
  narrow.kexec_arch = std::uint64_t{3} << 16;
  narrow.bits = 32;
  narrow.compat = false;
  for (std::uint64_t number = 0; number < 200; ++number) {
    for (const Attempt& call : make_episode(narrow, 1, number)) {
      std::uint64_t all = call.plan.entry | call.plan.flags | call.plan.count();
      for (const Segment& segment : call.plan.segments) all |= segment.mem | segment.memsz | segment.bufsz;
      EXPECT_LE(all, 0xffffffffu) << call.plan.str();
    }
  }
}

TEST(Episodes, BeginWithEmptySlotsWhateverWasBefore) {
  World on = world();
  on.situation.state.loaded = on.situation.state.crash_loaded = true;
  for (std::uint64_t number = 0; number < 20; ++number) {
    const Episode episode = make_episode(on, 1, number);
    ASSERT_EQ(episode.size(), episode_calls);
    const auto after = predict_all(on, episode)[1].after;
    EXPECT_FALSE(after.loaded || after.crash_loaded);
  }
}

/// How often each rule decides in the calls of 200 episodes.
std::map<std::string_view, int> deciding_rules(const World& on) {
  std::map<std::string_view, int> count;
  for (std::uint64_t number = 0; number < 200; ++number) {
    for (const auto& prediction : predict_all(on, make_episode(on, 1, number))) ++count[prediction.rule->name];
  }
  return count;
}

TEST(Episodes, ReachEveryRuleThatACallAloneCanBreak) {
  // What the others need is not in a call: the kernel's configuration, its sysctls, a lock held, memory that is full.
  const std::vector<std::string_view> elsewhere{"configured", "load_disabled", "load_limit",   "lockdown",
                                                "lock",       "empty_at_zero", "control_pages"};
  const auto count = deciding_rules(world());
  for (const model::Rule* rule : model::rules(world().situation.arch)) {
    if (std::find(elsewhere.begin(), elsewhere.end(), rule->name) != elsewhere.end()) continue;
    EXPECT_GE(count.contains(rule->name) ? count.at(rule->name) : 0, 3) << rule->name;
  }
  EXPECT_GT(count.at("accepted"), 600) << "calls that load keep the states changing";
}

TEST(Episodes, LeaveOutWhatFillsTheMemoryOfNewerKernels) {
  for (std::uint64_t number = 0; number < 300; ++number) {
    for (const Attempt& call : make_episode(world(8), 1, number)) {
      const auto& plan = call.plan;
      EXPECT_FALSE(plan.count() > plan.segments.size() && plan.count() <= 16) << "entries of zeros";
      EXPECT_FALSE(std::any_of(plan.segments.begin(), plan.segments.end(),
                               [](const Segment& s) { return s.mem == 0 && s.memsz == 0; }));
    }
  }
}

TEST(Episodes, LeaveOutEmptyCrashSegmentsWhereTheyAreALimitation) {
  World on = world();
  on.empty_crash = false;
  for (std::uint64_t number = 0; number < 300; ++number) {
    for (const Attempt& call : make_episode(on, 1, number)) {
      if ((call.plan.flags & kexec::on_crash) == 0) continue;
      for (const Segment& segment : call.plan.segments) EXPECT_NE(segment.memsz, 0u);
    }
  }
}

TEST(Episodes, CallWithFilesWhereTheImageIsKnown) {
  unsigned files = 0, calls = 0;
  for (std::uint64_t number = 0; number < 100; ++number) {
    for (const Attempt& call : make_episode(world(), 1, number)) EXPECT_FALSE(call.file);
    for (const Attempt& call : make_episode(world_with_files(), 1, number)) {
      ++calls;
      if (call.file) ++files;
    }
  }
  EXPECT_GT(files, calls / 3);
  EXPECT_LT(files, calls * 2 / 3);
}

/// What can be wrong with a call of kexec_file_load, or special.
struct FileTrait {
  const char* name;
  bool (*has)(const Attempt& call, const scenario::FileLoadStep& file);
};
constexpr std::uint64_t usual_flags = model::FileCall::on_crash | model::FileCall::no_initramfs;
constexpr FileTrait file_traits[] = {
    {"sane",
     [](auto& call, auto& f) { return f.kernel.from == "self" && f.kernel.edits.size() == 1 && !call.as.any(); }},
    {"crash", [](auto&, auto& f) { return (f.flags & model::FileCall::on_crash) != 0; }},
    {"unload", [](auto&, auto& f) { return (f.flags & model::FileCall::unload) != 0; }},
    {"unknown flag", [](auto&, auto& f) { return (f.flags >> 8) != 0; }},
    {"newer flag", [](auto&, auto& f) { return (f.flags & 0xf8) != 0; }},
    {"no kernel", [](auto&, auto& f) { return f.kernel.from == "none"; }},
    {"cut kernel", [](auto&, auto& f) { return f.kernel.from == "self" && f.kernel.size->text != "65536"; }},
    {"changed header", [](auto&, auto& f) { return f.kernel.edits.size() > 1 && f.kernel.edits[1].at != 0x260; }},
    {"changed memory", [](auto&, auto& f) { return f.kernel.edits.size() > 1 && f.kernel.edits[1].at == 0x260; }},
    {"kernel is written", [](auto&, auto& f) { return f.kernel.open == "busy"; }},
    {"initrd", [](auto&, auto& f) { return f.initrd.from == "zeros" && (f.flags & usual_flags) == 0; }},
    {"initrd is closed", [](auto&, auto& f) { return f.initrd.open == "closed"; }},
    {"initrd is a pipe", [](auto&, auto& f) { return f.initrd.from == "pipe"; }},
    {"no command line", [](auto&, auto& f) { return f.cmdline_at == Pointer::null; }},
    {"long command line", [](auto&, auto& f) { return f.cmdline_len.value_or(0) > 4096; }},
    {"others call", [](auto& call, auto&) { return call.as.any(); }},
};

TEST(Episodes, BreakCallsWithFilesAtEveryPlace) {
  std::map<std::string_view, int> count;
  for (std::uint64_t number = 0; number < 200; ++number) {
    for (const Attempt& call : make_episode(world_with_files(), 1, number)) {
      for (const auto& trait : file_traits) count[trait.name] += call.file && trait.has(call, *call.file) ? 1 : 0;
    }
  }
  for (const auto& trait : file_traits) EXPECT_GE(count.at(trait.name), 3) << trait.name;
}

TEST(Episodes, LetA32BitProgramSayOnlyWhatItCan) {
  unsigned compat = 0;
  for (std::uint64_t number = 0; number < 100; ++number) {
    for (const Attempt& call : make_episode(world(), 1, number)) {
      compat += call.compat ? 1 : 0;
      EXPECT_FALSE(call.compat && call.plan.flags >> 32 != 0) << call.plan.str();
    }
  }
  EXPECT_GT(compat, 100u);
}

TEST(Episodes, AskForNoMoreContentsThanAGuestMakesInAMoment) {
  for (std::uint64_t number = 0; number < 300; ++number) {
    for (const Attempt& call : make_episode(world(), 1, number)) {
      for (const Segment& segment : call.plan.segments) {
        EXPECT_LE(segment.pieces.at(0).size, 64u << 10);
        const bool read = segment.bufsz > 0 && segment.buf != Pointer::unmapped;
        EXPECT_FALSE(segment.memsz > 8 * mib && read && segment.buf == Pointer::valid);
      }
    }
  }
}

TEST(Layouts, AreSaneAndInsideMemory) {
  const World on = world();
  std::size_t largest = 0;
  bool touching = false, empty = false, over_kernel = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto segments = make_layout(on, seed);
    ASSERT_FALSE(segments.empty()) << seed;
    ASSERT_LE(segments.size(), 15u);
    largest = std::max(largest, segments.size());
    RangeSet taken;
    std::uint64_t total = 0;
    for (const Segment& segment : segments) {
      const Range range{segment.mem, segment.mem + segment.memsz};
      EXPECT_EQ(segment.mem % 4096 + segment.memsz % 4096, 0u);
      EXPECT_LE(segment.bufsz, segment.memsz);
      EXPECT_EQ(segment.pieces.at(0).size, segment.bufsz);
      EXPECT_TRUE(on.usable.contains(range) || on.kernel->contains(range)) << range.str();
      EXPECT_FALSE(taken.overlaps(range));
      taken.add(range);
      total += segment.memsz;
      empty |= segment.bufsz == 0;
      over_kernel |= on.kernel->overlaps(range);
    }
    touching |= taken.ranges().size() < segments.size();
    EXPECT_LE(total, 120'000u * 4096 / 8);
  }
  EXPECT_EQ(largest, 15u);
  EXPECT_TRUE(touching && empty && over_kernel);
}

TEST(Shrinking, LeavesTheOneArgumentThatMatters) {
  // A kernel that takes flag bit 6 for nothing.
  const auto oracle = [](const Episode& episode) -> std::optional<Difference> {
    for (std::size_t i = 0; i < episode.size(); ++i) {
      if ((episode[i].plan.flags & 0x40) != 0) return Difference{i, "flag 0x40", "flags"};
    }
    return std::nullopt;
  };
  for (std::uint64_t number = 0;; ++number) {
    ASSERT_LT(number, 200u) << "no episode has the flag";
    const Episode episode = make_episode(world(), 3, number);
    const auto found = oracle(episode);
    if (!found || found->index < 4 || episode[found->index].plan.segments.size() < 3) continue;
    // The flag must stay though shrinking would rather have an ordinary value.
    const Shrunk small = shrink(episode, *found, oracle, 300);
    ASSERT_EQ(small.episode.size(), 1u);
    EXPECT_EQ(small.difference.index, 0u);
    const Attempt& call = small.episode.front();
    EXPECT_NE(call.plan.flags & 0x40, 0u);
    EXPECT_LE(call.plan.segments.size(), 1u);
    EXPECT_FALSE(call.compat || call.as.any());
    EXPECT_EQ(call.plan.array, Pointer::valid);
    EXPECT_LE(small.probes, 300u);
    return;
  }
}

TEST(Shrinking, KeepsTheCallsThatTheLastOneNeeds) {
  // A kernel that refuses an unload after two loads.
  const auto oracle = [](const Episode& episode) -> std::optional<Difference> {
    unsigned loads = 0;
    for (std::size_t i = 0; i < episode.size(); ++i) {
      if (episode[i].plan.count() > 0) ++loads;
      if (loads >= 2 && episode[i].plan.count() == 0) return Difference{i, "unload after loads", ""};
    }
    return std::nullopt;
  };
  for (std::uint64_t number = 0; number < 200; ++number) {
    const Episode episode = make_episode(world(), 1, number);
    const auto found = oracle(episode);
    if (!found) continue;
    const Shrunk small = shrink(episode, *found, oracle, 1000);
    EXPECT_EQ(small.episode.size(), 3u);
    EXPECT_EQ(small.difference.index, 2u);
    return;
  }
  FAIL() << "no episode unloads after two loads";
}

TEST(Shrinking, MakesFilesOrdinary) {
  // A kernel that loads what somebody is writing.
  const auto oracle = [](const Episode& episode) -> std::optional<Difference> {
    for (std::size_t i = 0; i < episode.size(); ++i) {
      if (episode[i].file && episode[i].file->kernel.open == "busy")
        return Difference{i, "loaded", "file_kernel_writers"};
    }
    return std::nullopt;
  };
  for (std::uint64_t number = 0;; ++number) {
    ASSERT_LT(number, 500u) << "no episode has it with other mistakes";
    const Episode episode = make_episode(world_with_files(), 1, number);
    const auto found = oracle(episode);
    if (!found || episode[found->index].file->kernel.edits.size() < 2) continue;
    const Shrunk small = shrink(episode, *found, oracle, 300);
    ASSERT_EQ(small.episode.size(), 1u);
    scenario::FileLoadStep ordinary = *small.episode.front().file;
    EXPECT_EQ(ordinary.kernel.edits.size(), 1u);
    EXPECT_EQ(ordinary.initrd.from, "none");
    EXPECT_EQ(ordinary.flags, model::FileCall::no_initramfs);
    EXPECT_EQ(ordinary.cmdline_len, std::nullopt);
    EXPECT_EQ(ordinary.cmdline_at, Pointer::valid);
    return;
  }
}

TEST(Shrinking, StopsAtItsBudget) {
  const auto oracle = [](const Episode& episode) -> std::optional<Difference> {
    return Difference{episode.size() - 1, "always", ""};
  };
  const Episode episode = make_episode(world(), 1, 0);
  const Shrunk small = shrink(episode, {episode.size() - 1, "always", ""}, oracle, 3);
  EXPECT_EQ(small.probes, 3u);
  EXPECT_FALSE(small.episode.empty());
}

std::uint64_t value(const scenario::Expression& expression) {
  return *scenario::evaluate(expression, [](std::string_view) { return std::nullopt; });
}

void expect_same_call(const scenario::LoadStep& load, const Attempt& call) {
  EXPECT_EQ(load.expect.kind, scenario::Expectation::Kind::model);
  EXPECT_EQ(load.extra_flags | *load.arch, call.plan.flags);
  EXPECT_EQ(value(*load.entry), call.plan.entry);
  EXPECT_EQ(load.nr_segments, call.plan.nr_segments);
  EXPECT_EQ(load.array.kind, call.plan.array);
  EXPECT_EQ(load.abi == "compat", call.compat);
  EXPECT_EQ(load.as, call.as);
  ASSERT_EQ(load.segments.size(), call.plan.segments.size());
  for (std::size_t i = 0; i < load.segments.size(); ++i) {
    const auto& written = load.segments[i];
    const auto& meant = call.plan.segments[i];
    EXPECT_EQ(value(*written.at), meant.mem);
    EXPECT_EQ(value(written.size), meant.memsz);
    EXPECT_EQ(value(*written.data), meant.bufsz);
    EXPECT_EQ(written.buf.kind, meant.buf);
    EXPECT_EQ(written.pattern, meant.pieces.at(0).seed);
  }
}

void expect_same_call(scenario::FileLoadStep load, const Attempt& call) {
  EXPECT_EQ(load.expect.kind, scenario::Expectation::Kind::model);
  EXPECT_EQ(load.as, call.as);
  load.expect = {};
  load.as = {};
  EXPECT_EQ(load, call.file);
}

TEST(ScenarioText, MakesExactlyTheSameCalls) {
  scenario::Case what;
  what.id = "contract/random[seed=1]";
  what.guest.crashkernel_mib = 0;
  what.guest.memory_mib = 768;
  what.guest.level = "vhe";
  what.guest.firmware = "uefi";
  for (std::uint64_t number = 0; number < 50; ++number) {
    const Episode episode = make_episode(number % 2 == 0 ? world() : world_with_files(), 1, number);
    const Difference difference{episode.size() - 1, "the kernel answered \"ok\", expected EINVAL", "flags"};
    const std::string text = to_scenario(episode, difference, what, "x86_64", {.loaded = true});
    const auto scenarios = scenario::parse_scenarios(text, "found.yaml");
    ASSERT_TRUE(scenarios) << scenarios.error().str() << "\n" << text;
    const auto cases = scenario::expand(scenarios->at(0));
    ASSERT_TRUE(cases) << cases.error().str() << "\n" << text;
    const scenario::Case& parsed = cases->at(0);
    EXPECT_EQ(parsed.scenario, "found/contract/random-seed-1-");
    EXPECT_EQ(parsed.guest, what.guest);
    ASSERT_EQ(parsed.steps.size(), episode.size() + 1);
    for (std::size_t i = 0; i < episode.size(); ++i) {
      SCOPED_TRACE(text);
      if (episode[i].file) {
        expect_same_call(std::get<scenario::FileLoadStep>(parsed.steps[i].action), episode[i]);
      } else {
        expect_same_call(std::get<scenario::LoadStep>(parsed.steps[i].action), episode[i]);
      }
    }
    EXPECT_EQ(std::get<scenario::StateStep>(parsed.steps.back().action).loaded, true);
  }
}

}  // namespace
}  // namespace kexlab::random
