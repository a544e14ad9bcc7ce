// SPDX-License-Identifier: Apache-2.0
// What each step does to the course, and which steps cannot follow.
#include "harness/scenario/course.h"

#include <fmt/format.h>

namespace kexlab::scenario {
namespace {

constexpr std::uint64_t file_unload = 0x1;    // KEXEC_FILE_UNLOAD
constexpr std::uint64_t file_on_crash = 0x2;  // KEXEC_FILE_ON_CRASH

bool may_succeed(const Expectation& expect) {
  return expect.kind == Expectation::Kind::ok || expect.kind == Expectation::Kind::model;
}

Status no_model(const Expectation& expect, const Position& where) {
  if (expect.kind != Expectation::Kind::model) return {};
  return yaml::fail_at(where, "`expect: model` stands beside a call that the model does not know",
                       "it knows kexec_load and kexec_file_load");
}

}  // namespace

Status Course::follow(Step& step, bool land_given) {
  if (ended_) {
    return yaml::fail_at(step.where, "a step behind a landing on the witness",
                         "the witness ends the guest; make two scenarios of it");
  }
  land_given_ = land_given;
  return std::visit([&](auto& action) { return act(action, step.where); }, step.action);
}

Status Course::finish(const Position& where) const {
  if (held_) return yaml::fail_at(where, "the last step leaves the kexec lock held", "add `release`");
  return {};
}

// A refused load leaves what was there; several in a row leave what was there before the first of them.
void Course::fill(Slot& slot, Image image, const Expectation& expect) {
  const bool may_be_refused = expect.kind == Expectation::Kind::model;
  if (!may_be_refused) {
    slot.earlier = Image::none;
  } else if (!slot.by_model) {
    slot.earlier = slot.image;
  }
  slot.image = image;
  slot.by_model = may_be_refused;
}

Status Course::act(LoadStep& step, const Position&) {
  if (!may_succeed(step.expect)) return {};
  const bool crash = step.crash || (step.extra_flags & kexec::on_crash) != 0;
  const bool empty = step.kernel.empty() && !step.witness && !step.random && step.segments.empty();
  Slot& slot = this->slot(crash);
  if (empty || step.nr_segments == 0) {
    slot = {};
    return {};
  }
  fill(slot, !step.kernel.empty() ? Image::kernel : step.witness ? Image::witness : Image::other, step.expect);
  slot.jump = !crash && (step.extra_flags & kexec::preserve_context) != 0;
  return {};
}

Status Course::act(UnloadStep& step, const Position&) {
  if (may_succeed(step.expect)) slot(step.crash || (step.extra_flags & kexec::on_crash) != 0) = {};
  return {};
}

Status Course::act(FileLoadStep& step, const Position&) {
  if (!may_succeed(step.expect)) return {};
  Slot& slot = this->slot((step.flags & file_on_crash) != 0);
  slot.jump = false;
  if ((step.flags & file_unload) != 0) {
    slot = {};
  } else {
    fill(slot, Image::kernel, step.expect);
  }
  return {};
}

Status Course::act(StateStep& step, const Position& where) {
  if (step.loaded || step.crash_loaded || step.load_disabled || step.crash_size || step.load_limit_reboot ||
      step.load_limit_panic) {
    return {};
  }
  return yaml::fail_at(where, "`state` looks at nothing", "say what must hold, for example `loaded: true`");
}

Status Course::act(MemoryStep& step, const Position& where) {
  if (!step.fits && !step.note && !step.same && !step.reserved && !step.lost && !step.grown)
    return yaml::fail_at(where, "`memory` looks at nothing", "say what must hold, for example `fits: true`");
  if ((step.same || step.lost || step.grown) && !memory_noted_)
    return yaml::fail_at(where, "`memory` compares with what was noted, and nothing was",
                         "add `- memory: {note: true}` before it");
  if (step.fits && generation_ != 0)
    return yaml::fail_at(where, "`memory: {fits: true}` behind a switch",
                         "only the first kernel is given its memory by the guest's shape");
  if (step.reserved && !in_crash_)
    return yaml::fail_at(where, "`memory: {reserved: true}` outside a crash kernel",
                         "it follows `switch: crash` with a landing on a kernel");
  memory_noted_ |= step.note;
  return {};
}

Status Course::land(SwitchStep& step, const Slot& slot, const Position& where) const {
  if (slot.image == Image::other) {
    return yaml::fail_at(where, "what was loaded is neither a kernel nor has it the witness",
                         "add `witness: true` to its `load`");
  }
  using Land = SwitchStep::Land;
  const auto loaded = slot.image != Image::witness ? Land::kernel : slot.jump ? Land::back : Land::witness;
  if (!land_given_) step.land = loaded;
  if (step.land == loaded) return {};
  const bool earlier_one = (step.land == Land::witness && slot.earlier == Image::witness) ||
                           (step.land == Land::kernel && slot.earlier == Image::kernel);
  if (earlier_one) return {};
  constexpr const char* words[] = {"kernel", "witness", "back"};
  return yaml::fail_at(where,
                       fmt::format("a landing `{}`, but what is loaded lands `{}`",
                                   words[static_cast<std::size_t>(step.land)], words[static_cast<std::size_t>(loaded)]),
                       loaded == Land::back
                           ? "the witness comes back from a load with PRESERVE_CONTEXT: write `land: back`"
                       : loaded == Land::witness ? "the witness was loaded: write `land: witness`"
                                                 : "a kernel was loaded: write `land: kernel`");
}

Status Course::act(SwitchStep& step, const Position& where) {
  const bool crash = step.how == SwitchStep::How::crash;
  const char* how = crash ? "crash" : "reboot";
  if (held_) return yaml::fail_at(where, "a switch while the kexec lock is held", "add `release` before it");
  if (crash && !reservation_) {
    return yaml::fail_at(where, "a crash without memory reserved for its kernel",
                         "add `guest: {crashkernel: default}`");
  }
  const Slot slot = this->slot(crash);
  if (slot.image == Image::none) {
    return yaml::fail_at(
        where,
        fmt::format("`switch: {}` has nothing to enter: no {} image is loaded here", how, crash ? "crash" : "normal"),
        crash ? "add a `load` with `crash: true` before it" : "add a `load` before it");
  }
  if (auto status = land(step, slot, where); !status) return status;
  if (step.cpu && *step.cpu >= cpus_)
    return yaml::fail_at(where, fmt::format("`cpu: {}` in a guest of {} CPUs", *step.cpu, cpus_),
                         "they count from 0; `guest: {cpus: N}` gives more");
  if (step.cpu && step.land == SwitchStep::Land::back)
    return yaml::fail_at(where, "`cpu` of a switch that comes back", "what comes back is looked at on the last CPU");
  if (step.cpu && step.by == SwitchStep::By::nmi)
    return yaml::fail_at(where, "`cpu` of a crash by NMI", "it comes to whichever CPU the machine sends it to");
  step.if_loaded = slot.by_model;
  if (step.land == SwitchStep::Land::back) return {};
  normal_ = {};
  crash_ = {};
  ended_ = step.land == SwitchStep::Land::witness;
  in_crash_ = crash;
  ++generation_;
  return {};
}

Status Course::act(RebootStep& step, const Position& where) { return no_model(step.expect, where); }

Status Course::act(CheckStep& step, const Position& where) {
  if (step.release.empty() && !step.cmdline && !step.initrd && !step.generation) {
    return yaml::fail_at(where, "`check` looks at nothing", "say what must hold, for example `release: next`");
  }
  if (step.cmdline && generation_ == 0) {
    return yaml::fail_at(where, "`cmdline: true` before any switch: no plan has carried a command line yet");
  }
  if (step.generation && *step.generation != generation_) {
    return yaml::fail_at(
        where, fmt::format("`generation: {}`, but {} switches stand before it", *step.generation, generation_));
  }
  return {};
}

Status Course::act(VmcoreStep&, const Position& where) {
  if (in_crash_) return {};
  return yaml::fail_at(where, "`vmcore` outside a crash kernel",
                       "it follows `switch: crash` with a landing on a kernel");
}

Status Course::act(ReadStep& step, const Position& where) {
  if (!step.keep.empty()) kept_.insert(step.keep);
  if (!step.same_as.empty() && !kept_.contains(step.same_as))
    return yaml::fail_at(where, fmt::format("`same_as: {}`, but no earlier step keeps that", step.same_as),
                         fmt::format("add `keep: {}` to a `read` before it", step.same_as));
  return no_model(step.expect, where);
}
Status Course::act(WriteStep& step, const Position& where) { return no_model(step.expect, where); }

// What random calls leave loaded is nothing to enter.
Status Course::act(RandomStep&, const Position&) {
  if (!held_) normal_ = crash_ = {};
  return {};
}

Status Course::act(HoldStep&, const Position& where) {
  if (held_) return yaml::fail_at(where, "`hold` while the kexec lock is held already", "add `release` before it");
  held_ = true;
  return {};
}

Status Course::act(ReleaseStep&, const Position& where) {
  if (!held_) return yaml::fail_at(where, "`release` of a lock that nobody holds", "add `hold` before it");
  held_ = false;
  return {};
}

}  // namespace kexlab::scenario
