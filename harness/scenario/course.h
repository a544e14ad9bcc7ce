// SPDX-License-Identifier: Apache-2.0
// The course of a case: what is loaded, held and running after each step, so that steps that cannot make sense are told
// when the file is read and not when a guest has been booted for them.
#pragma once

#include <set>
#include <string>

#include "harness/scenario/scenario.h"

namespace kexlab::scenario {

class Course {
 public:
  explicit Course(const GuestShape& guest) : reservation_(guest.crashkernel_mib.has_value()), cpus_(guest.cpus) {}

  /// Follows one step. `land_given`: a switch says itself where it lands; else its landing is filled in here.
  Status follow(Step& step, bool land_given);
  /// After the last step.
  [[nodiscard]] Status finish(const Position& where) const;

 private:
  enum class Image { none, kernel, witness, other };
  struct Slot {
    Image image = Image::none;
    bool by_model = false;        ///< the load that filled it may have been refused,
    Image earlier = Image::none;  ///< and then this is still there
    bool jump = false;            ///< it comes back
  };

  static void fill(Slot& slot, Image image, const Expectation& expect);
  Status act(LoadStep& step, const Position& where);
  Status act(UnloadStep& step, const Position& where);
  Status act(FileLoadStep& step, const Position& where);
  Status act(StateStep& step, const Position& where);
  Status act(MemoryStep& step, const Position& where);
  Status act(SwitchStep& step, const Position& where);
  Status act(RebootStep& step, const Position& where);
  Status act(CheckStep& step, const Position& where);
  Status act(VmcoreStep& step, const Position& where);
  Status act(ReadStep& step, const Position& where);
  Status act(WriteStep& step, const Position& where);
  Status act(RandomStep& step, const Position& where);
  Status act(HoldStep& step, const Position& where);
  Status act(ReleaseStep& step, const Position& where);
  Status land(SwitchStep& step, const Slot& slot, const Position& where) const;
  Slot& slot(bool crash) { return crash ? crash_ : normal_; }

  bool reservation_;
  unsigned cpus_;
  bool land_given_ = false;
  Slot normal_, crash_;
  bool held_ = false;
  bool memory_noted_ = false;
  bool ended_ = false;     ///< on the witness: nothing runs that could take a further step
  bool in_crash_ = false;  ///< a crash kernel runs
  unsigned generation_ = 0;
  std::set<std::string> kept_;  ///< what reads have remembered
};

}  // namespace kexlab::scenario
