// SPDX-License-Identifier: Apache-2.0
// The scheduler on scripted guests: what runs where, what is skipped, what is kept, and what an interrupt leaves.
#include <fstream>

#include "harness/engine/run_story.h"

namespace kexlab::engine {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using vm::Ended;

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

TEST_F(RunnerTest, where_there_are_no_snapshots_what_a_case_left_loaded_is_unloaded) {
  change_ = [](vm::FakeScript& script) { script.snapshots = false; };
  const std::string segments = "about: Segments.\nsteps:\n  - load: {segments: [{at: ram + 16 MiB, size: 1 page}]}\n";
  const std::string loads = "name: a/one\n" + segments + "---\nname: a/two\n" + segments;
  const std::string writes = "name: a/write\nabout: W.\nsteps:\n  - write: {path: /sys/x, data: x}\n---\n" + loads;
  EXPECT_EQ(run(cases_of(loads)).total.passed, 2U);
  EXPECT_THAT(backend_.boots(), SizeIs(1));
  EXPECT_EQ(run(cases_of(writes)).total.passed, 3U);
  EXPECT_THAT(backend_.boots(), SizeIs(3));
  instead_ = [](Agent& agent, const wire::Message& request, FakeWire& wire) {
    const auto plan = decode_plan(request.bytes("plan").value_or(ByteView()));
    if (request.op != "load" || !plan || plan->count() != 0) return false;
    agent.answer_errno(wire, request, EBUSY, {});
    return true;
  };
  EXPECT_EQ(run(cases_of(loads)).total.passed, 2U);
  EXPECT_THAT(backend_.boots(), SizeIs(5));  // a kernel that does not unload is booted anew
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

TEST_F(RunnerTest, what_goes_wrong_behind_an_interrupt_is_no_result) {
  std::stop_source stop;
  instead_ = [&](Agent& agent, const wire::Message& request, FakeWire& wire) {
    if (request.op != "load") return false;
    stop.request_stop();
    agent.answer_errno(wire, request, EINVAL, {});
    return true;
  };
  EXPECT_TRUE(run(cases_of(five), stop.get_token()).interrupted);
  EXPECT_THAT(recorder_.finished(), IsEmpty());
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

TEST_F(RunnerTest, a_kernel_that_is_silent_in_a_certain_guest_alone_has_failed) {
  silent_ = [](const vm::GuestSpec& spec) { return spec.cpus == 2; };
  const auto summary = run(cases_of(five));
  EXPECT_EQ(summary.total.passed, 3U);
  EXPECT_EQ(summary.total.failed, 2U);
  EXPECT_THAT(recorder_.all<CaseFinished>().back().result.reason,
              HasSubstr("it said nothing, and comes up in the usual guest of arm64"));
}

TEST_F(RunnerTest, a_machine_that_does_not_start_is_an_error_of_the_harness) {
  refused_ = [](const vm::GuestSpec& spec) { return spec.firmware != nullptr; };
  benches_.front().self.config["CONFIG_EFI_STUB"] = "y";
  const auto summary = run(cases_of(
      "name: s/uefi\nabout: x\nguest: {firmware: uefi}\nsteps:\n  - state: {loaded: false}\n---\n"
      "name: s/usual\nabout: x\nsteps:\n  - state: {loaded: false}\n"));
  EXPECT_EQ(summary.total.passed, 1U);
  EXPECT_EQ(summary.total.error, 1U) << "the kernel was never asked";
  EXPECT_THAT(recorder_.finished(), testing::Contains(HasSubstr("apt-get install qemu-efi-aarch64")));
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
