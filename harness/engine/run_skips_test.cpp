// SPDX-License-Identifier: Apache-2.0
// What the scheduler skips, and the sentence that tells why.
#include "harness/engine/run_story.h"

namespace kexlab::engine {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// What is skipped, and the sentence that tells why.
struct Skip {
  const char* name;
  void (*change)(scenario::Case& what, Bench& bench);
  const char* reason;  ///< empty: not skipped
};
void PrintTo(const Skip& one, std::ostream* out) { *out << one.name; }

/// A target whose programs have words of 32 bits.
void use_i386(Bench& bench) {
  static Target narrow;
  narrow = *bench.target;
  narrow.name = "i386";
  bench.target = &narrow;
}

// A machine that starts kernels in the usual way alone.
void use_bare_machine(Bench& bench) {
  static Target bare;
  bare = *bench.target;
  bare.levels.clear();
  bare.firmware.clear();
  bench.target = &bare;
}

class Skips : public RunnerTest, public testing::WithParamInterface<Skip> {};

TEST_P(Skips, are_told_and_boot_nothing) {
  // A target's row is constant, so a limitation is tried on a copy.
  static Target limited;
  limited = *benches_.front().target;
  limited.limitations = {{"crash", "no crash kernels here", "arch/none", ""},
                         {"more_memory", "all is used", "arch/none", ""},
                         {"file_model", "unknown files", "arch/none", "KEXEC_FILE"}};
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
               use_i386(b);
               what.features.emplace_back("64_bits");
             },
             "cannot say numbers of more than 32 bits"},
        Skip{"all_the_memory_that_is_used",
             [](scenario::Case& what, Bench& b) { what.guest.memory_mib = b.target->memory_mib; }, ""},
        Skip{"more_memory_than_is_used",
             [](scenario::Case& what, Bench& b) { what.guest.memory_mib = b.target->memory_mib + 1; },
             "513 MiB of memory: all is used (arch/none)"},
        Skip{"a_level_that_the_machine_lacks",
             [](scenario::Case& what, Bench& b) {
               use_bare_machine(b);
               what.guest.level = "vhe";
             },
             "starts no kernel at the level `vhe`"},
        Skip{"firmware_that_the_machine_lacks",
             [](scenario::Case& what, Bench& b) {
               use_bare_machine(b);
               b.self.config["CONFIG_EFI_STUB"] = "y";
               what.guest.firmware = "uefi";
             },
             "has no other firmware `uefi`"},
        Skip{"firmware_that_cannot_start_the_kernel",
             [](scenario::Case& what, Bench&) { what.guest.firmware = "uefi"; }, "without CONFIG_EFI_STUB"},
        Skip{"no_kexec", [](scenario::Case&, Bench& b) { b.self.config.erase("CONFIG_KEXEC"); },
             "self-kernel is built without CONFIG_KEXEC"},
        Skip{"kexec_is_n", [](scenario::Case&, Bench& b) { b.self.config["CONFIG_KEXEC"] = "n"; },
             "without CONFIG_KEXEC"},
        Skip{"config_unknown",
             [](scenario::Case& c, Bench& b) {
               b.self.config.clear(), b.self.config_known = false, c.needs = {"USERFAULTFD"};
             },
             ""},
        Skip{"config_unknown_of_an_architecture_that_never_has_it",
             [](scenario::Case& c, Bench& b) {
               use_i386(b);
               b.self.config.clear(), b.self.config_known = false, c.needs = {"KEXEC_FILE"};
             },
             "no kernel of i386 can be built with CONFIG_KEXEC_FILE"},
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
        Skip{"cpus", [](scenario::Case& c, Bench& b) { c.guest.cpus = 2, b.self.config.erase("CONFIG_SMP"); },
             "without CONFIG_SMP"},
        Skip{"needs_met", [](scenario::Case& c, Bench&) { c.needs = {"CRASH_DUMP"}; }, ""},
        Skip{"since", [](scenario::Case& c, Bench&) { c.since = "6.2"; }, "only since Linux 6.2, this is 6.1.0-test"},
        Skip{"since_compares_numbers", [](scenario::Case& c, Bench& b) { c.since = "6.9", b.self.release = "6.12.1"; },
             ""},
        Skip{"since_is_inclusive", [](scenario::Case& c, Bench&) { c.since = "6.1"; }, ""},
        Skip{"until_is_exclusive", [](scenario::Case& c, Bench&) { c.until = "6.1"; }, "only until Linux 6.1"},
        Skip{"before_until", [](scenario::Case& c, Bench&) { c.until = "6.2"; }, ""},
        Skip{"limitation", [](scenario::Case& c, Bench&) { c.features = {"crash"}; },
             "crash: no crash kernels here (arch/none)"},
        Skip{"limitation_of_kernels_built_with_an_option",
             [](scenario::Case& c, Bench& b) {
               c.features = {"file_model"};
               b.self.config["CONFIG_KEXEC_FILE"] = "y";
             },
             "file_model: unknown files (arch/none)"},
        Skip{"limitation_of_other_kernels", [](scenario::Case& c, Bench&) { c.features = {"file_model"}; }, ""},
        Skip{"limitation_of_kernels_that_it_may_be",
             [](scenario::Case& c, Bench& b) { c.features = {"file_model"}, b.self.config_known = false; },
             "file_model: unknown files (arch/none)"},
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

}  // namespace
}  // namespace kexlab::engine
