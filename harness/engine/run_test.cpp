// SPDX-License-Identifier: Apache-2.0
// The scheduler on scripted guests: what runs where, what is skipped, what is kept, and what an interrupt leaves.
#include "harness/engine/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <fstream>

#include "harness/engine/testing_guest.h"

namespace kexlab::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using testing_guest::Agent;
using testing_guest::cases_of;
using testing_guest::Lab;
using vm::Ended;
using vm::FakeWire;

/// Keeps what it hears.
class Recorder : public Sink {
 public:
  void on(const Event& event) override { events.push_back(event); }
  template <class Kind>
  [[nodiscard]] std::vector<Kind> all() const {
    std::vector<Kind> found;
    for (const auto& event : events) {
      if (const auto* one = std::get_if<Kind>(&event)) found.push_back(*one);
    }
    return found;
  }
  /// "id outcome" of each result, with the reason where it is an error.
  [[nodiscard]] std::vector<std::string> finished() const {
    std::vector<std::string> ids;
    for (const auto& one : all<CaseFinished>())
      ids.push_back(one.result.id + " " + to_string(one.result.outcome) +
                    (one.result.outcome == Outcome::error ? ": " + one.result.reason : ""));
    return ids;
  }
  std::vector<Event> events;
};

/// A place where guests of several workers meet.
class Meeting {
 public:
  /// True once `count` have come; false where they have not within `patience`.
  bool come(int count, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    ++here_;
    changed_.notify_all();
    return changed_.wait_for(lock, patience, [&] { return here_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
};

// Three cases of one shape, two of another.
constexpr const char* five = R"(name: a/self
about: A kernel starts itself.
steps:
  - load: {kernel: self}
  - switch: reboot
---
name: a/state
about: Nothing is loaded.
steps:
  - state: {loaded: false}
---
name: a/segments
about: Segments are loaded.
steps:
  - load: {segments: [{at: ram + 16 MiB, size: 1 page}]}
---
name: b/state
about: Nothing is loaded.
guest: {cpus: 2}
steps:
  - state: {loaded: false}
---
name: b/segments
about: Segments are loaded.
guest: {cpus: 2}
steps:
  - load: {segments: [{at: ram + 16 MiB, size: 1 page}]}
)";

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    bus_.attach(recorder_);
    options_.lab = {
        .snapshots = true, .keep_snapshots = false, .workdir = lab_.folder(), .cache = lab_.folder() / "cache"};
    options_.memory_mib = 1 << 20;
    benches_.push_back(std::move(lab_.bench));
    // The payload points at the kernels of its bench.
    EXPECT_TRUE(prepare(benches_.front()));
    lab_.bench.payload = benches_.front().payload;
  }

  Agent agent() {
    Agent agent = lab_.agent();
    agent.resolve_context = &*benches_.front().payload;
    return agent;
  }

  RunFinished run(const std::vector<scenario::Case>& cases, std::stop_token stop = {}) {
    return Runner(backend_, bus_, options_).run(make_jobs(cases, benches_), stop);
  }

  Lab lab_;
  std::vector<Bench> benches_;
  Recorder recorder_;
  Bus bus_;
  RunOptions options_;
  Agent::Instead instead_;
  int restored_ = 0;
  std::function<void(vm::FakeScript&)> change_;
  vm::FakeBackend backend_{[this](const vm::GuestSpec&) -> Result<vm::FakeScript> {
    Agent guest = agent();
    guest.instead = instead_;
    auto script = testing_guest::script_of(guest);
    script.restored = [this](FakeWire&) { ++restored_; };
    script.peak_memory_kib = 1000;
    if (change_) change_(script);
    return script;
  }};
};

TEST_F(RunnerTest, one_worker_boots_each_shape_once) {
  const auto summary = run(cases_of(five));
  EXPECT_THAT(recorder_.finished(), ElementsAre("a/self passed", "a/state passed", "a/segments passed",
                                                "b/state passed", "b/segments passed"));
  ASSERT_THAT(backend_.boots(), SizeIs(2));
  EXPECT_EQ(backend_.boots()[0].cpus, 1U);
  EXPECT_EQ(backend_.boots()[1].cpus, 2U);
  EXPECT_EQ(backend_.alive(), 0);
  EXPECT_EQ(summary.total.passed, 5U);
  EXPECT_EQ(summary.by_target.at("arm64").passed, 5U);
  EXPECT_EQ(summary.peak_memory_kib, 1000U);
  EXPECT_FALSE(summary.interrupted);
  EXPECT_EQ(recorder_.all<CaseFinished>().front().result.reproduce, "kexlab run 'a/self' --target arm64");
}

TEST_F(RunnerTest, a_guest_is_put_back_only_where_a_case_has_changed_it) {
  run(cases_of(five));
  EXPECT_EQ(restored_, 1);  // behind a/self; what follows a/segments and b/segments is another shape or nothing
}

TEST_F(RunnerTest, without_snapshots_every_case_boots) {
  options_.lab.snapshots = false;
  EXPECT_EQ(run(cases_of(five)).total.passed, 5U);
  EXPECT_THAT(backend_.boots(), SizeIs(5));
  EXPECT_EQ(restored_, 0);
}

TEST_F(RunnerTest, a_backend_that_cannot_take_snapshots_boots_again) {
  change_ = [](vm::FakeScript& script) { script.snapshots = false; };
  EXPECT_EQ(run(cases_of(five)).total.passed, 5U);
  EXPECT_EQ(restored_, 0);
  EXPECT_GT(backend_.boots().size(), 2U);
}

TEST_F(RunnerTest, a_kept_guest_serves_the_next_run_and_a_damaged_one_is_made_anew) {
  options_.lab.keep_snapshots = true;
  run(cases_of(five));
  ASSERT_THAT(recorder_.all<GuestReady>(), SizeIs(2));
  EXPECT_FALSE(recorder_.all<GuestReady>()[0].from_snapshot);
  run(cases_of(five));
  ASSERT_THAT(recorder_.all<GuestReady>(), SizeIs(4));
  EXPECT_TRUE(recorder_.all<GuestReady>()[2].from_snapshot);
  for (const auto& file : std::filesystem::directory_iterator(options_.lab.cache / "snapshots")) {
    if (file.path().extension() == ".json") std::ofstream(file.path()) << "{\"facts\": ";
  }
  const auto summary = run(cases_of(five));
  EXPECT_EQ(summary.total.passed, 5U);
  ASSERT_THAT(recorder_.all<GuestReady>(), SizeIs(6));
  EXPECT_FALSE(recorder_.all<GuestReady>()[4].from_snapshot);
  ASSERT_THAT(recorder_.all<Notice>(), SizeIs(2));
  EXPECT_THAT(recorder_.all<Notice>()[0].text, HasSubstr("booting anew"));
}

TEST_F(RunnerTest, two_workers_run_at_the_same_time) {
  options_.jobs = 2;
  Meeting meeting;
  std::atomic<int> met{0};
  instead_ = [&](Agent&, const wire::Message& request, FakeWire&) {
    if (request.op == "state" && meeting.come(2, std::chrono::seconds(20))) ++met;
    return false;
  };
  const auto summary = run(cases_of(five));
  EXPECT_THAT(recorder_.finished(), UnorderedElementsAre("a/self passed", "a/state passed", "a/segments passed",
                                                         "b/state passed", "b/segments passed"));
  EXPECT_GE(met, 2);
  EXPECT_EQ(summary.total.passed, 5U);
  EXPECT_LE(backend_.boots().size(), 3U);  // a worker that ran out of its shape helps with the other
  EXPECT_EQ(backend_.alive(), 0);
}

TEST_F(RunnerTest, guests_stay_within_the_memory_budget) {
  options_.jobs = 2;
  options_.memory_mib = 1300;  // one guest is 512 MiB and 160 of the VM's own
  Meeting meeting;
  std::atomic<int> most{0};
  instead_ = [&](Agent&, const wire::Message&, FakeWire&) {
    meeting.come(1000, std::chrono::milliseconds(10));  // time for another worker to boot where it may
    most = std::max(most.load(), backend_.alive());
    return false;
  };
  EXPECT_EQ(run(cases_of(five)).total.passed, 5U);
  EXPECT_EQ(most, 1);
  options_.memory_mib = 1400;
  run(cases_of(five));
  EXPECT_EQ(most, 2);
  options_.memory_mib = 10;  // a guest larger than the budget runs alone
  most = 0;
  EXPECT_EQ(run(cases_of(five)).total.passed, 5U);
  EXPECT_EQ(most, 1);
}

TEST_F(RunnerTest, an_interrupt_leaves_no_result_for_the_case_under_way) {
  std::stop_source stop;
  int loads = 0;
  instead_ = [&](Agent&, const wire::Message& request, FakeWire&) {
    if (request.op != "load" || ++loads < 2) return false;
    stop.request_stop();
    return true;
  };
  const auto summary = run(cases_of(five), stop.get_token());
  EXPECT_TRUE(summary.interrupted);
  EXPECT_THAT(recorder_.finished(), ElementsAre("a/self passed", "a/state passed"));
  EXPECT_EQ(summary.total.passed, 2U);
  EXPECT_EQ(summary.total.error, 0U);
  EXPECT_EQ(backend_.alive(), 0);
  EXPECT_EQ(recorder_.all<CaseStarted>().back().id, "a/segments");
}

TEST_F(RunnerTest, an_interrupt_before_the_first_case_runs_nothing) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(run(cases_of(five), stop.get_token()).interrupted);
  EXPECT_THAT(recorder_.finished(), IsEmpty());
  EXPECT_THAT(backend_.boots(), IsEmpty());
}

TEST_F(RunnerTest, a_run_ends_after_as_many_failures_as_it_was_to_see) {
  options_.jobs = 1;
  options_.stop_after = 1;
  instead_ = [](Agent& agent, const wire::Message& request, FakeWire& wire) {
    if (request.op == "state") agent.answer(wire, request, {});
    return request.op == "state";
  };
  const auto summary = run(cases_of(five));
  EXPECT_EQ(summary.total.failed, 1u);
  EXPECT_LT(recorder_.finished().size(), 5u);
  EXPECT_FALSE(summary.interrupted);
  const auto notices = recorder_.all<Notice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_THAT(notices[0].text, HasSubstr("ended after 1 failed cases"));
}

// A random step whose first call is answered otherwise than the model says.
constexpr const char* random_calls = R"(name: a/random
about: Random calls.
steps:
  - random: {calls: 16, seed: 5}
)";

TEST_F(RunnerTest, what_shows_it_with_less_is_run_again_where_it_was_kept) {
  instead_ = [](Agent& self, const wire::Message& request, FakeWire& wire) {
    if (request.op != "batch") return false;
    const auto requests = wire::decode_list(request.bytes("requests").value_or(ByteView{}));
    std::vector<wire::Message> answers;
    for (const auto& one : *requests) {
      wire::Message answer{.op = one.op};
      answers.push_back(answer.set("value", -1).set("errno", 5));
    }
    const Bytes list = wire::encode_list(answers);
    wire::Message fields;
    self.answer(wire, request, std::move(fields.set("answers", ByteView(list))));
    return true;
  };
  const auto cases = cases_of(random_calls);
  options_.command = "kexlab run";
  EXPECT_EQ(run(cases).total.failed, 1u);
  options_.attachments = "found";
  EXPECT_EQ(run(cases).total.failed, 1u);
  const auto finished = recorder_.all<CaseFinished>();
  ASSERT_THAT(finished, SizeIs(2));
  for (const auto& one : finished) ASSERT_THAT(one.result.attachments, SizeIs(1));
  EXPECT_EQ(finished[0].result.reproduce, "kexlab run 'a/random' --target arm64");
  const auto& result = finished[1].result;
  const auto file = attachment_file("found", result, result.attachments[0]);
  EXPECT_EQ(result.reproduce, "kexlab run '" + file.string() + "' --target arm64");
  EXPECT_THAT(file.string(), testing::MatchesRegex("found/a_random_arm64_self-kernel-[0-9a-f]{8}[.]calls[.]yaml"));
}

TEST_F(RunnerTest, earlier_results_are_counted_and_not_run_again) {
  CaseResult earlier{.id = "a/self", .target = "arm64", .kernel = "self-kernel", .outcome = Outcome::failed};
  CaseResult of_another_kernel{.id = "a/state", .target = "arm64", .kernel = "other", .outcome = Outcome::passed};
  options_.earlier = {earlier, of_another_kernel};
  const auto summary = run(cases_of(five));
  EXPECT_THAT(recorder_.finished(),
              ElementsAre("a/state passed", "a/segments passed", "b/state passed", "b/segments passed"));
  EXPECT_EQ(summary.total.failed, 1U);
  EXPECT_EQ(summary.total.passed, 5U);
}

TEST_F(RunnerTest, a_machine_that_died_is_replaced) {
  int loads = 0;
  instead_ = [&](Agent&, const wire::Message& request, FakeWire& wire) {
    if (request.op != "load" || ++loads > 1) return false;
    wire.end(Ended::Why::vm_died, "signal 9", true);
    return true;
  };
  const auto summary = run(cases_of(five));
  EXPECT_THAT(recorder_.finished(), ElementsAre(testing::StartsWith("a/self error"), "a/state passed",
                                                "a/segments passed", "b/state passed", "b/segments passed"));
  EXPECT_THAT(backend_.boots(), SizeIs(3));
  EXPECT_EQ(summary.total.error, 1U);
}

TEST_F(RunnerTest, a_kernel_that_says_something_and_does_not_come_up_has_failed) {
  change_ = [](vm::FakeScript& script) {
    script.booted = [](FakeWire& wire) {
      wire.console("Linux version 6.1.0-test\n\x1b[31mKernel panic\n");
      wire.end(Ended::Why::reset);
    };
  };
  EXPECT_EQ(run(cases_of(five)).total.failed, 5U);
  const auto result = recorder_.all<CaseFinished>().front().result;
  EXPECT_THAT(result.reason, AllOf(HasSubstr("did not come up"), HasSubstr("the guest was reset")));
  EXPECT_THAT(result.console_tail, HasSubstr("\\x1b[31mKernel panic"));
}

TEST_F(RunnerTest, a_guest_that_says_nothing_at_all_is_an_error_of_the_harness) {
  change_ = [](vm::FakeScript& script) { script.booted = nullptr; };
  EXPECT_EQ(run(cases_of(five)).total.error, 5U);
  EXPECT_EQ(backend_.alive(), 0);
}

TEST_F(RunnerTest, a_backend_that_cannot_boot_is_an_error_with_its_words) {
  vm::FakeBackend broken([](const vm::GuestSpec&) -> Result<vm::FakeScript> {
    return fail(Errc::not_found, "start qemu", "there is no qemu", "install it");
  });
  const auto summary = Runner(broken, bus_, options_).run(make_jobs(cases_of(five), benches_), {});
  EXPECT_EQ(summary.total.error, 0U + 5);
  EXPECT_THAT(recorder_.all<CaseFinished>().front().result.reason, HasSubstr("there is no qemu (install it)"));
}

TEST_F(RunnerTest, a_hostile_first_kernel_gives_errors_and_no_crash) {
  instead_ = [](Agent& guest, const wire::Message& request, FakeWire& wire) {
    wire::Message noise;
    guest.answer(wire, request, noise.set("data", std::string(1000, '\xd0')).set("size", ~std::uint64_t{0}));
    return true;
  };
  EXPECT_EQ(run(cases_of(five)).total.error, 5U);
}

// What is skipped, and the sentence that tells why.
struct Skip {
  const char* name;
  void (*change)(scenario::Case& what, Bench& bench);
  const char* reason;  ///< empty: not skipped
};
void PrintTo(const Skip& one, std::ostream* out) { *out << one.name; }

class Skips : public RunnerTest, public testing::WithParamInterface<Skip> {};

TEST_P(Skips, are_told_and_boot_nothing) {
  // A target's row is constant, so a limitation is tried on a copy.
  static Target limited;
  limited = *benches_.front().target;
  limited.limitations = {{"crash", "no crash kernels here", "arch/none"}};
  benches_.front().target = &limited;
  auto cases = cases_of("name: s/one\nabout: x\nsteps:\n  - state: {loaded: false}\n");
  GetParam().change(cases.at(0), benches_.front());
  const auto why = why_skip(cases.at(0), benches_.front());
  const auto summary = run(cases);
  ASSERT_THAT(recorder_.all<CaseFinished>(), SizeIs(1));
  const auto result = recorder_.all<CaseFinished>().front().result;
  EXPECT_EQ(result.reason, why);
  if (*GetParam().reason == '\0') {
    EXPECT_EQ(why, "");
    EXPECT_EQ(summary.total.passed, 1U);
  } else {
    EXPECT_THAT(why, HasSubstr(GetParam().reason));
    EXPECT_EQ(result.outcome, Outcome::skipped);
    EXPECT_EQ(summary.total.skipped, 1U);
    EXPECT_THAT(backend_.boots(), IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    reasons, Skips,
    testing::Values(
        Skip{"nothing_speaks_against_it", [](scenario::Case&, Bench&) {}, ""},
        Skip{"a_program_of_64_bits_can_say_it",
             [](scenario::Case& what, Bench&) { what.features.emplace_back("64_bits"); }, ""},
        Skip{"a_program_of_32_bits_cannot",
             [](scenario::Case& what, Bench& b) {
               static Target narrow;
               narrow = *b.target;
               narrow.name = "i386";
               b.target = &narrow;
               what.features.emplace_back("64_bits");
             },
             "cannot say numbers of more than 32 bits"},
        Skip{"no_kexec", [](scenario::Case&, Bench& b) { b.self.config.erase("CONFIG_KEXEC"); },
             "self-kernel is built without CONFIG_KEXEC"},
        Skip{"kexec_is_n", [](scenario::Case&, Bench& b) { b.self.config["CONFIG_KEXEC"] = "n"; },
             "without CONFIG_KEXEC"},
        Skip{"config_unknown",
             [](scenario::Case& c, Bench& b) {
               b.self.config.clear(), b.self.config_known = false, c.needs = {"USERFAULTFD"};
             },
             ""},
        Skip{"a_second_kernel_without_kexec_is_to_load",
             [](scenario::Case& c, Bench& b) {
               c = cases_of(
                       "name: s/back\nabout: x\nsteps:\n  - load: {kernel: next}\n  - switch: reboot\n"
                       "  - load: {kernel: self}\n")
                       .at(0);
               b.next.config.erase("CONFIG_KEXEC");
             },
             "the second kernel next-kernel is built without CONFIG_KEXEC"},
        Skip{"a_second_kernel_without_kexec_is_started",
             [](scenario::Case& c, Bench& b) {
               c = cases_of(
                       "name: s/there\nabout: x\nsteps:\n  - load: {kernel: self}\n  - load: {kernel: next}\n"
                       "  - switch: reboot\n")
                       .at(0);
               b.next.config.erase("CONFIG_KEXEC");
             },
             ""},
        Skip{"a_need",
             [](scenario::Case& c, Bench&) {
               c.needs = {"CRASH_DUMP", "USERFAULTFD"};
             },
             "without CONFIG_USERFAULTFD"},
        Skip{"needs_met", [](scenario::Case& c, Bench&) { c.needs = {"CRASH_DUMP"}; }, ""},
        Skip{"since", [](scenario::Case& c, Bench&) { c.since = "6.2"; }, "only since Linux 6.2, this is 6.1.0-test"},
        Skip{"since_compares_numbers", [](scenario::Case& c, Bench& b) { c.since = "6.9", b.self.release = "6.12.1"; },
             ""},
        Skip{"since_is_inclusive", [](scenario::Case& c, Bench&) { c.since = "6.1"; }, ""},
        Skip{"until_is_exclusive", [](scenario::Case& c, Bench&) { c.until = "6.1"; }, "only until Linux 6.1"},
        Skip{"before_until", [](scenario::Case& c, Bench&) { c.until = "6.2"; }, ""},
        Skip{"limitation", [](scenario::Case& c, Bench&) { c.features = {"crash"}; },
             "crash: no crash kernels here (arch/none)"},
        Skip{"abi_of_others", [](scenario::Case& c, Bench&) { c.features = {"x32"}; }, "no ABI 'x32'"},
        Skip{"abi_not_built_in",
             [](scenario::Case& c, Bench& b) {
               c.features = {"compat"};
               b.self.config.erase("CONFIG_COMPAT");
             },
             "without CONFIG_COMPAT, which the ABI 'compat' needs"},
        Skip{"abi",
             [](scenario::Case& c, Bench& b) {
               c.features = {"compat"};
               b.self.config["CONFIG_COMPAT"] = "y";
             },
             ""},
        Skip{"no_witness", [](scenario::Case& c, Bench& b) { c.features = {"witness"}, b.witness.clear(); },
             "no witness for arm64"},
        Skip{"a_witness", [](scenario::Case& c, Bench&) { c.features = {"witness"}; }, ""}),
    [](const auto& row) { return row.param.name; });

TEST_F(RunnerTest, jobs_are_the_cases_of_each_target) {
  auto cases = cases_of(five);
  cases[1].targets = {"x86_64"};
  cases[2].targets = {"x86_64", "arm64"};
  const auto jobs = make_jobs(cases, benches_);
  ASSERT_THAT(jobs, SizeIs(4));
  EXPECT_EQ(jobs[0].key(), "a/self@arm64/self-kernel");
  EXPECT_EQ(jobs[1].what->id, "a/segments");
}

TEST_F(RunnerTest, shapes_tell_guests_apart) {
  auto cases = cases_of(five);
  const auto plain = shape_of(benches_[0], cases[0]);
  EXPECT_EQ(plain, shape_of(benches_[0], cases[2]));
  EXPECT_FALSE(plain == shape_of(benches_[0], cases[3]));
  cases[0].guest.crashkernel_mib = 0;  // the target's own size and memory
  const auto crash = shape_of(benches_[0], cases[0]);
  EXPECT_EQ(crash.cmdline, "crashkernel=192M");
  EXPECT_EQ(crash.memory_mib, 1024U);
  cases[0].guest.memory_mib = 2048;
  EXPECT_EQ(shape_of(benches_[0], cases[0]).memory_mib, 2048U);
}

}  // namespace
}  // namespace kexlab::engine
