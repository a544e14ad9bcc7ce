// SPDX-License-Identifier: Apache-2.0
// The scripted backend keeps the interface's promises.
#include "harness/vm/fake/fake.h"

#include <gtest/gtest.h>

namespace kexlab::vm {
namespace {

const auto far_away = Clock::time_point::max();

FakeScript counter() {
  return {.booted = [](FakeWire& wire) { wire.console("hello\n"); },
          .received =
              [n = 0](FakeWire& wire, std::string_view bytes) mutable {
                if (bytes == "q") return wire.end(Ended::Why::powered_off, "guest-shutdown");
                wire.channel(std::string("N").append(std::to_string(++n)));
              }};
}

std::string said(Guest& guest) {
  auto happening = guest.next(far_away);
  return happening && std::holds_alternative<Output>(*happening) ? std::get<Output>(*happening).bytes : "(nothing)";
}

class Fake : public testing::Test {
 protected:
  FakeBackend backend_{[](const GuestSpec& spec) -> Result<FakeScript> {
    if (spec.cmdline == "refused") return fail(Errc::not_found, "boot a fake", "the test said so");
    return counter();
  }};
  std::unique_ptr<Guest> guest_ = *backend_.boot({});
};

TEST_F(Fake, says_what_the_script_says_in_order_and_then_nothing_at_once) {
  EXPECT_EQ(said(*guest_), "hello\n");
  ASSERT_TRUE(guest_->send("?"));
  EXPECT_EQ(said(*guest_), "N1");
  EXPECT_TRUE(std::holds_alternative<DeadlinePassed>(*guest_->next(far_away)));
}

TEST_F(Fake, a_snapshot_keeps_the_scripts_state_and_drops_pending_output) {
  ASSERT_TRUE(guest_->send("?"));
  ASSERT_TRUE(guest_->save("one"));
  ASSERT_TRUE(guest_->send("?"));
  ASSERT_TRUE(guest_->send("q"));
  ASSERT_TRUE(guest_->restore("one"));
  ASSERT_TRUE(guest_->send("?"));
  EXPECT_EQ(said(*guest_), "N2");
  EXPECT_EQ(guest_->restore("two").error().code, Errc::not_found);
}

TEST_F(Fake, an_end_comes_last_and_again) {
  ASSERT_TRUE(guest_->send("q"));
  EXPECT_EQ(said(*guest_), "hello\n");
  for (int i = 0; i < 2; ++i) {
    auto end = guest_->next(far_away);
    ASSERT_TRUE(end && std::holds_alternative<Ended>(*end));
    EXPECT_EQ(std::get<Ended>(*end).why, Ended::Why::powered_off);
  }
  EXPECT_EQ(guest_->send("?").error().code, Errc::guest_died);
  EXPECT_EQ(guest_->save("dead").error().code, Errc::guest_died);
}

TEST_F(Fake, a_file_starts_other_guests) {
  auto folder = ScratchFolder::make();
  ASSERT_TRUE(folder);
  const auto file = folder->path() / "saved";
  ASSERT_TRUE(guest_->send("?"));
  ASSERT_TRUE(guest_->save_to_file(file));
  EXPECT_TRUE(std::filesystem::exists(file));
  GuestSpec spec;
  spec.restore_from = file;
  auto other = backend_.boot(spec);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->send("?"));
  EXPECT_EQ(said(**other), "N2");
  spec.restore_from = folder->path() / "missing";
  EXPECT_EQ(backend_.boot(spec).error().code, Errc::not_found);
}

TEST_F(Fake, counts_guests_and_remembers_specs) {
  GuestSpec refused;
  refused.cmdline = "refused";
  EXPECT_EQ(backend_.boot(refused).error().code, Errc::not_found);
  EXPECT_EQ(backend_.boots().size(), 2U);
  EXPECT_EQ(backend_.boots().back().cmdline, "refused");
  EXPECT_EQ(backend_.alive(), 1);
  guest_.reset();
  EXPECT_EQ(backend_.alive(), 0);
}

TEST_F(Fake, a_stop_request_cancels) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(guest_->next(far_away, stop.get_token()).error().code, Errc::cancelled);
}

}  // namespace
}  // namespace kexlab::vm
