// SPDX-License-Identifier: Apache-2.0
// The GoogleTest face: every case of the scenario files is a test, so that ctest, filters, sharding and IDEs just work.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>

#include "harness/cli/command.h"
#include "harness/cli/workdir.h"
#include "harness/engine/run.h"
#include "harness/images/images.h"

namespace kexlab::cli {
namespace {

/// What all tests of this process share. Guests are kept by shape, and leave with the environment.
struct Shared {
  std::unique_ptr<vm::Backend> backend = make_backend();
  engine::Bus bus;
  Choice choice;
  std::vector<engine::Bench> benches;
  std::vector<scenario::Case> cases;
  std::optional<Workdir> workdir;
  engine::LabOptions lab;
  std::unique_ptr<engine::ReadyGuest> guest;
};

/// What was found on the way to a verdict; nothing of this face is kept in files.
std::string text_of(const std::vector<engine::Attachment>& attachments) {
  std::string text;
  for (const auto& one : attachments) text += "\n--- " + one.name + "\n" + one.text;
  return text;
}

class CaseTest : public testing::Test {
 public:
  CaseTest(Shared& shared, engine::Job job) : shared_(shared), job_(job) {}

  void TestBody() override {
    if (const auto why = engine::why_skip(*job_.what, *job_.bench); !why.empty()) GTEST_SKIP() << why;
    const auto shape = engine::shape_of(*job_.bench, *job_.what);
    if (!shared_.guest || !(shared_.guest->shape() == shape)) {
      shared_.guest.reset();
      shared_.guest =
          std::make_unique<engine::ReadyGuest>(*shared_.backend, shared_.bus, shape, shared_.lab, stop_token());
    }
    auto& guest = *shared_.guest;
    if (auto ready = guest.make_ready(); !ready) {
      const auto console = guest.console();
      guest.discard();
      FAIL() << ready.error().str() << "\n" << console;
    }
    engine::CaseRunner runner(guest.stage(), *job_.what, guest.session(), [&] {
      guest.spoil();
      return guest.make_ready();
    });
    const auto result = runner.run();
    if (runner.dirty() || result.outcome != engine::Outcome::passed) guest.spoil();
    if (guest.session().ended() && guest.session().ended()->gone) guest.discard();
    EXPECT_EQ(result.outcome, engine::Outcome::passed)
        << engine::to_string(result.outcome) << ": " << result.reason << "\nat " << result.where << "\n"
        << result.console_tail << text_of(result.attachments);
  }

 private:
  Shared& shared_;
  engine::Job job_;
};

// GoogleTest's names are identifiers and filters use - and : for themselves; everything else becomes '_'. Signs in
// parameters are spelled out, so that "page + 1" and "page - 1" stay two tests.
std::string identifier(std::string_view text) {
  std::string name;
  bool in_parameters = false;
  for (const char c : text) {
    in_parameters |= c == '[';
    if (in_parameters && (c == '+' || c == '-')) {
      name += c == '+' ? "plus" : "minus";
    } else {
      name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
  }
  return name;
}

void register_cases(Shared& shared) {
  for (const auto& job : engine::make_jobs(shared.cases, shared.benches)) {
    const std::string& id = job.what->id;
    const auto slash = id.find('/');
    const std::string suite = identifier(job.bench->target->name) + "_" + identifier(id.substr(0, slash));
    testing::RegisterTest(suite.c_str(), identifier(id.substr(slash + 1)).c_str(), nullptr,
                          job.bench->self.name.c_str(), job.what->where.file.c_str(), job.what->where.line,
                          [&shared, job]() -> CaseTest* { return new CaseTest(shared, job); });
  }
}

int run(int argc, char** argv) {
  Shared shared;
  CLI::App app{"Every case of the scenario files as a GoogleTest"};
  add_choice(app, shared.choice);
  CLI11_PARSE(app, argc, argv);
  watch_signals();
  auto cases = choose_cases({});
  if (!cases) return tell(cases.error());
  shared.cases = std::move(*cases);
  auto cache = images::cache_folder();
  auto workdir = Workdir::make();
  if (!cache || !workdir) return tell(!cache ? cache.error() : workdir.error());
  shared.workdir.emplace(std::move(*workdir));
  shared.lab.workdir = shared.workdir->path();
  shared.lab.cache = *cache;
  auto benches = make_benches(shared.choice, *shared.backend, shared.bus);
  if (!benches) return tell(benches.error());
  shared.benches = std::move(benches->all);
  register_cases(shared);
  const int code = RUN_ALL_TESTS();
  shared.guest.reset();
  return code == 0 ? all_good : kernel_failed;
}

}  // namespace
}  // namespace kexlab::cli

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return kexlab::cli::run(argc, argv);
}
